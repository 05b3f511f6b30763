"""The controls mark the two ends of the scale: nothing known, and everything known."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from evaluation.scoring.controls import _refit, control_estimates
from evaluation.scoring.metrics import METRICS
from evaluation.scoring.score import score


@pytest.fixture(scope="module")
def scored(planted):
    problem = planted(k=40, d=20, density=0.05, n=600)
    estimates = control_estimates(problem, 40, seed=0)
    return {
        name: score(estimate.dictionary, estimate.codes_test, problem)
        for name, estimate in estimates.items()
    }


def test_the_oracle_attains_the_best_of_every_dictionary_metric(scored):
    for name, metric in METRICS.items():
        if metric.kind == "dictionary":
            assert scored["oracle"][name] == pytest.approx(metric.best), name


def test_the_oracle_encodes_easy_codes_almost_perfectly(scored):
    for name in ("code_f1", "code_r2", "l0_ratio", "shrinkage", "explained_variance"):
        assert scored["oracle"][name] == pytest.approx(1, abs=0.05), name


def test_chance_lies_below_the_oracle_wherever_it_can(scored):
    for name, metric in METRICS.items():
        gap = metric.goodness(scored["oracle"][name]) - metric.goodness(scored["chance"][name])
        flat = name in ("n_features_error", "certificate_holds")
        assert gap >= 0 if flat else gap > 0.1, name


def test_chance_is_as_declared_on_the_reference_world(planted):
    problem = planted(k=80, d=20, density=0.1, n=500)
    chance = control_estimates(problem, 80, seed=1)["chance"]
    found = score(chance.dictionary, chance.codes_test, problem)
    for name, metric in METRICS.items():
        assert metric.range[0] <= found[name] <= metric.range[1], name
        assert found[name] == pytest.approx(metric.chance, abs=0.05 * max(1, metric.chance)), name


def test_chance_has_the_size_asked_for_and_no_features(planted):
    problem = planted(k=30, d=20, n=100)
    found = control_estimates(problem, 17, seed=3)
    assert found["chance"].dictionary.shape == (17, 20)
    assert found["chance"].codes_test.shape == (100, 17)
    np.testing.assert_allclose(np.linalg.norm(found["chance"].dictionary, axis=1), 1)


def test_controls_are_reproducible_and_seeded(planted):
    problem = planted(k=30, d=20, n=100)
    first, again, other = (control_estimates(problem, 30, seed=s)["chance"] for s in (1, 1, 2))
    np.testing.assert_array_equal(first.dictionary, again.dictionary)
    np.testing.assert_array_equal(first.codes_test.data, again.codes_test.data)
    assert np.abs(first.dictionary - other.dictionary).max() > 0.1


def test_the_random_dictionary_is_not_the_planted_one_of_the_same_seed(planted):
    problem = planted(k=30, d=20, n=100, seed=5)
    chance = control_estimates(problem, 30, seed=5)["chance"]
    assert score(chance.dictionary, None, problem)["f1@0.9"] == 0


@pytest.mark.parametrize("positive", [True, False])
def test_bias_and_signs_are_handled(planted, positive):
    problem = planted(k=25, d=20, density=0.05, n=400, positive=positive, bias=np.full(20, 2.0))
    oracle = control_estimates(problem, 25, seed=0)["oracle"]
    assert score(oracle.dictionary, oracle.codes_test, problem)["code_r2"] > 0.95
    assert (oracle.codes_test.data > 0).all() == positive


def test_refit_is_least_squares_on_each_support():
    rng = np.random.default_rng(0)
    X, D = rng.standard_normal((30, 8)), rng.standard_normal((12, 8))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    support = rng.random((30, 12)) < 0.3
    support[4] = False
    refitted = _refit(X, D, csr_array(support.astype(float)), positive=False)
    for x, z, chosen in zip(X, refitted.toarray(), support, strict=True):
        assert not z[~chosen].any()
        expected = np.linalg.lstsq(D[chosen].T, x, rcond=None)[0]
        np.testing.assert_allclose(z[chosen], expected, atol=1e-6)


def test_a_size_of_zero_is_refused(planted):
    with pytest.raises(ValueError, match="n_atoms must be at least 1, got 0"):
        control_estimates(planted(k=3, d=3, n=10), 0, seed=0)
