"""The default: every road on planted data, its evidence, its polish, and degenerate data."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from unfold.methods.active_samples import unit_samples
from unfold.methods.codes import pursue
from unfold.methods.dictionary_learning.refinement import anneal, refine_noisy
from unfold.pipeline.recover import Recover, recover


def perturbed(D, size, seed=99):
    E = D + size * np.random.default_rng(seed).standard_normal(D.shape) / np.sqrt(D.shape[1])
    return E / np.linalg.norm(E, axis=1, keepdims=True)


def test_polish_reaches_rounding_from_one_percent(planted, worst_cosine):
    """Worst cosine from about .99 to 1 - 1e-9, and almost all sparse samples fit exactly."""
    X, D, _ = planted(16, 40, 0.06, 8000, seed=1)
    start = perturbed(D, 0.15)
    result = anneal(X, start, n_nonzero=4)
    assert worst_cosine(D, start) < 0.99
    assert worst_cosine(D, result.dictionary) > 1 - 1e-9
    assert result.exact
    assert result.exact_fraction > 0.5


def test_exact_fraction_tells_right_from_wrong(planted):
    """The self-certificate: a random dictionary fits next to nothing exactly."""
    X, D, _ = planted(16, 40, 0.06, 4000)
    wrong = perturbed(D, 50.0)
    Y = unit_samples(X)
    assert pursue(Y, D, 4, 1e-3).share > 0.5
    assert pursue(Y, wrong, 4, 1e-3).share < 0.01
    assert not anneal(X, wrong, n_nonzero=4).exact


def test_noisy_refinement_is_within_twice_least_squares_given_the_codes(planted):
    X, D, Z = planted(16, 32, 0.05, 20_000, sigma=0.02)
    oracle = np.linalg.lstsq(Z, X, rcond=None)[0]
    oracle /= np.linalg.norm(oracle, axis=1, keepdims=True)
    start = anneal(X, perturbed(D, 0.15), n_nonzero=4)
    found, noise = refine_noisy(X, start.dictionary, start.noise, n_nonzero=6)
    error = np.sqrt(np.mean(np.sum((found - D) ** 2, axis=1)))
    assert error < 2 * np.sqrt(np.mean(np.sum((oracle - D) ** 2, axis=1)))
    assert noise == pytest.approx(0.02, rel=0.15)


def test_rays_are_taken_where_features_occur_alone(planted, worst_cosine):
    X, D, _ = planted(5, 20, 0.05, 20_000)
    found = recover(X)
    assert found.road_ == "one-sparse"
    assert found.n_components_ == 20
    assert worst_cosine(D, found.components_) > 1 - 1e-6
    assert found.confidence_.min() > 0.9


def test_two_dimensions_and_a_bias(worst_cosine):
    angles = 2 * np.pi * np.arange(5) / 5
    D = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rng = np.random.default_rng(0)
    X = ((rng.random((5000, 5)) < 0.1) * rng.random((5000, 5))) @ D + [3.0, -1.0]
    found = recover(X)
    assert found.n_components_ == 5
    assert np.allclose(found.mean_, [3.0, -1.0])
    assert worst_cosine(D, found.components_) > 1 - 1e-6


@pytest.mark.parametrize("n", [40, None])
def test_moments_and_polish_where_nothing_occurs_alone(n, planted, worst_cosine):
    X, D, Z = planted(16, 40, 0.1, 40_000)
    found = recover(X[(Z > 0).sum(axis=1) > 1], n)
    assert found.n_components_ == 40
    assert worst_cosine(D, found.components_) > 0.9999
    assert found.evidence_["exact_fraction"] > 0.05


def test_rays_do_not_hide_a_tree():
    """Flat features have exact rays; those of the trees, never alone, have none."""
    rng = np.random.default_rng(0)
    n, d = 30_000, 48
    D = rng.standard_normal((40, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    size = np.abs(4 + 0.6 * rng.standard_normal((n, 40)))
    Z = np.zeros((n, 40))
    Z[:, 16:] = (rng.random((n, 24)) < 0.015) * size[:, 16:]
    for root in range(4):
        on = rng.random(n) < 0.05
        child = 4 + 3 * root + rng.integers(0, 3, n)
        Z[on, root] = size[on, root]
        Z[on, child[on]] = size[on, child[on]]
    found = recover(Z @ D)
    assert found.road_.startswith("local subspaces")
    assert ((D @ found.components_.T).max(axis=1) > 0.9).mean() > 0.95
    assert abs(found.n_components_ - 40) <= 2


def test_dense_codes_take_the_joint_fit(planted, worst_cosine):
    X, D, _ = planted(8, 14, 0.5, 60_000)
    found = recover(X, 14)
    assert found.road_.startswith("joint cumulants")
    assert worst_cosine(D, found.components_) > 0.98


def test_same_seed_same_bits_and_codes_rebuild_samples(planted):
    X, _, _ = planted(5, 12, 0.08, 8000)
    first, second = recover(X, random_state=3), recover(X, random_state=3)
    assert np.array_equal(first.components_, second.components_)
    codes = first.transform(X[:200])
    assert (codes >= 0).all()
    assert np.abs(first.inverse_transform(codes) - X[:200]).max() < 0.02


def test_constant_columns_duplicates_and_low_rank_are_worked_around(planted, worst_cosine):
    """Directions live in the space that the samples span; dead coordinates stay zero."""
    X, D, _ = planted(5, 12, 0.08, 20_000)
    padded = np.concatenate([X, np.full((len(X), 1), 2.0), X[:, :1]], axis=1)
    found = recover(padded)
    truth = np.concatenate([D, np.zeros((12, 1)), D[:, :1]], axis=1)
    truth /= np.linalg.norm(truth, axis=1, keepdims=True)
    assert worst_cosine(truth, found.components_) > 1 - 1e-6
    assert np.abs(found.components_[:, 5]).max() < 1e-6


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_data_are_refused(value):
    with pytest.raises(ValueError, match=r"All (50 )?samples"):
        recover(np.full((50, 4), value))


def test_nan_and_one_sample_are_refused():
    X = np.ones((20, 3))
    X[4, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        recover(X)
    with pytest.raises(ValueError, match="minimum of 2"):
        recover(np.ones((1, 3)))


def test_gaussian_data_are_reported_not_dressed_up():
    """There is nothing to find: a warning and a status, not confidence."""
    X = np.random.default_rng(0).standard_normal((4000, 6))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = Recover().fit(X)
    told = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    assert told or found.confidence_.max() < 0.9


def test_the_best_so_far_is_at_hand_however_short_the_time(planted):
    X, _, _ = planted(12, 24, 0.1, 5000, sigma=0.02)
    with pytest.warns(ConvergenceWarning):
        found = recover(X + 1.0, time_limit=1e-3)
    assert found.candidates_[-1]["kept"]
    assert found.n_components_ > 1
