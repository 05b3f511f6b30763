"""Each metric: its best, its chance level, its invariances, and the ways to game it."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from evaluation.scoring.metrics import METRICS, PRIMARY
from evaluation.scoring.score import METRICS_VERSION, score, skill

DICTIONARY = [m.name for m in METRICS.values() if m.kind == "dictionary"]


def _truth(problem):
    return problem.truth.directions, problem.truth.codes_test * problem.truth.norms


@pytest.mark.parametrize("positive", [True, False])
def test_the_truth_attains_the_best_of_every_metric(planted, positive):
    problem = planted(positive=positive)
    found = score(*_truth(problem), problem)
    assert set(found) == set(METRICS)
    del found["unseen_bound"]  # not 0 for the truth: finitely many samples cannot prove it
    for name, value in found.items():
        assert value == pytest.approx(METRICS[name].best, abs=1e-9), name


def test_order_and_length_of_atoms_do_not_matter(planted):
    problem = planted(noise=0.01)
    rng = np.random.default_rng(2)
    atoms, codes = _truth(problem)
    atoms = atoms + 0.1 * rng.standard_normal(atoms.shape)
    before = score(atoms, codes, problem)
    order, scale = rng.permutation(80), rng.uniform(0.1, 10, 80)
    after = score((atoms * scale[:, None])[order], (codes / scale)[:, order], problem)
    assert after == pytest.approx(before)


def test_signs_do_not_matter_where_codes_are_signed(planted):
    problem = planted(positive=False)
    signs = np.random.default_rng(3).choice([-1, 1], 80)
    atoms, codes = _truth(problem)
    assert score(atoms * signs[:, None], codes * signs, problem) == pytest.approx(
        score(atoms, codes, problem)
    )


def test_sparse_and_dense_codes_score_the_same(planted, as_sparse):
    problem = planted(noise=0.05)
    atoms, codes = _truth(problem)
    codes = codes * (np.random.default_rng(4).random(codes.shape) < 0.8)
    dense = score(atoms, codes, problem)
    assert score(atoms, csr_array(codes), as_sparse(problem)) == pytest.approx(dense)


def test_scores_fall_as_noise_on_the_atoms_grows(planted):
    problem = planted()
    noise = np.random.default_rng(5).standard_normal((80, 20))
    atoms, codes = _truth(problem)
    rows = [score(atoms + level * noise, codes, problem) for level in (0, 0.02, 0.1, 0.3, 1)]
    for name in ("f1@0.9", "f1@0.99", "recall@0.9", "mmcs", "mcc", "explained_variance"):
        values = [row[name] for row in rows]
        assert values == sorted(values, reverse=True) and values[0] > values[-1], name


def test_code_scores_fall_as_noise_on_the_codes_grows(planted):
    problem = planted()
    rng = np.random.default_rng(6)
    atoms, codes = _truth(problem)
    rows = [score(atoms, codes * (rng.random(codes.shape) > p), problem) for p in (0, 0.1, 0.5, 1)]
    for name in ("code_f1", "code_r2", "l0_ratio", "shrinkage", "explained_variance"):
        values = [row[name] for row in rows]
        assert values == sorted(values, reverse=True), name
        assert values[-1] == pytest.approx(0, abs=1e-6), name


def test_hand_computed_codes(planted):
    codes = np.array([[1.0, 0], [1, 2], [0, 2], [0, 0]])
    problem = planted(k=2, d=2, n=4, directions=np.eye(2), norms=np.ones(2), codes_test=codes)
    found = np.array([[0.5, 0], [0.5, 0], [0, 2], [0.5, 0]])
    result = score(np.eye(2), found, problem)
    # feature 0: 2 hits, 1 false alarm; feature 1: 1 hit, 1 miss
    assert result["code_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert result["l0_ratio"] == pytest.approx(1)
    # feature 0: error .75, spread 1; feature 1: error 4, spread 4
    assert result["code_r2"] == pytest.approx(0.25 / 2)
    # errors .25 + .25 + .25 + 4 of an energy of 2 + 8
    assert result["unfold_fidelity"] == pytest.approx(1 - 4.75 / 10)
    # slopes on true amplitude: (0.5 + 0.5) / 2 and 4 / 8
    assert result["shrinkage"] == pytest.approx(0.5)


def test_missing_features_score_zero_on_codes(planted):
    problem = planted(k=4, d=4, n=500, directions=np.eye(4))
    atoms, codes = _truth(problem)
    half = score(atoms[:2], codes[:, :2], problem)
    for name in ("code_f1", "code_r2", "shrinkage", "recall@0.9"):
        assert half[name] == pytest.approx(0.5), name
    assert half["worst_cosine"] == 0 and half["precision@0.9"] == 1
    assert half["n_features_error"] == pytest.approx(-0.5)


def test_features_that_never_fire_are_not_scored_on_codes(planted):
    codes = np.zeros((6, 2))
    codes[:3, 0] = 1
    problem = planted(k=2, d=2, n=6, directions=np.eye(2), codes_test=codes)
    assert score(*_truth(problem), problem)["code_f1"] == 1


def test_rounding_noise_is_not_activity(planted):
    problem = planted()
    atoms, codes = _truth(problem)
    noisy = codes + 1e-6 * np.random.default_rng(7).standard_normal(codes.shape)
    assert score(atoms, noisy, problem)["code_f1"] == 1


def test_a_constant_offset_is_not_held_against_a_method(planted):
    problem = planted(bias=np.full(20, 3.0))
    assert score(*_truth(problem), problem)["explained_variance"] == pytest.approx(1)


@pytest.fixture(scope="module")
def wide(planted):
    return planted(k=256, d=64, density=0.02, n=500)


def test_sixteen_of_256_features_are_no_success(wide):
    found = score(wide.truth.directions[:16], None, wide)
    assert found["precision@0.9"] == 1
    assert found["recall@0.9"] == pytest.approx(16 / 256)
    assert found[PRIMARY] == pytest.approx(2 * 16 / (256 + 16))
    assert found["mcc"] < 0.1 and found["worst_cosine"] == 0


def test_sixteen_copies_of_one_feature_are_one_find(wide):
    found = score(np.repeat(wide.truth.directions[:1], 16, axis=0), None, wide)
    assert found["recall@0.9"] == pytest.approx(1 / 256)
    assert found["precision@0.9"] == pytest.approx(1 / 16)
    assert found[PRIMARY] < 0.01


def test_a_sign_flipped_dictionary_is_no_better_than_chance(wide):
    atoms = wide.truth.directions
    found, chance = score(-atoms, None, wide), score(_random(256, 64), None, wide)
    for name in (PRIMARY, "f1@0.99", "mcc", "worst_cosine"):
        assert found[name] <= chance[name] + 0.05, name


def test_true_features_hidden_among_random_atoms_lose_precision(wide):
    found = score(np.vstack([wide.truth.directions, _random(256, 64)]), None, wide)
    assert found["recall@0.9"] == 1 and found["precision@0.9"] == pytest.approx(0.5)
    assert found[PRIMARY] == pytest.approx(2 / 3) and found["n_features_error"] == pytest.approx(1)
    assert found["mcc"] <= 0.5 + 1e-9


def test_without_codes_only_the_dictionary_is_scored(wide):
    found = score(wide.truth.directions, None, wide)
    codes = {m.name for m in METRICS.values() if m.kind == "codes"}
    assert set(found) == set(METRICS) - codes
    assert set(DICTIONARY) < set(found)


def test_at_equal_l0_small_spurious_codes_cost_nothing_and_true_ones_still_do(planted):
    problem = planted()
    atoms, codes = _truth(problem)
    rng = np.random.default_rng(8)
    dirty = codes + 0.05 * codes.max() * rng.random(codes.shape) * (codes == 0)
    assert score(atoms, codes, problem)["code_f1_equal_l0"] == pytest.approx(1)
    found = score(atoms, dirty, problem)
    assert found["l0_ratio"] > 5 and found["code_f1"] < 0.5
    assert found["code_f1_equal_l0"] == pytest.approx(1)
    half = score(atoms, codes * (rng.random(codes.shape) < 0.5), problem)
    assert half["code_f1_equal_l0"] == half["code_f1"]


def test_fidelity_is_the_energy_kept_and_charges_missing_features(planted):
    problem = planted(k=4, d=4, n=500, directions=np.eye(4))
    atoms, codes = _truth(problem)
    energy = (codes**2).sum(axis=0)
    assert score(atoms, 0.5 * codes, problem)["unfold_fidelity"] == pytest.approx(0.75)
    half = score(atoms[:2], codes[:, :2], problem)
    assert half["unfold_fidelity"] == pytest.approx(energy[:2].sum() / energy.sum())


def test_the_certificate_bounds_what_a_lacking_dictionary_misses(planted):
    problem = planted(k=30, d=20, density=0.05)
    atoms, codes = _truth(problem)
    whole = score(atoms, codes, problem)
    assert whole["certificate_holds"] == 1 and whole["unseen_bound"] < 0.05
    lacking = score(atoms[:20], codes[:, :20], problem)
    outside = (codes[:, 20:] > 0.05 * np.sqrt((problem.observed.test**2).sum(1).mean())).any(1)
    assert lacking["certificate_holds"] == 1
    assert lacking["unseen_bound"] >= outside.mean() > 0.2
    assert "unseen_bound" not in score(atoms, None, planted(k=30, d=20, n=100))


def test_an_empty_dictionary_scores_zero_not_an_error(planted):
    problem = planted(k=5, d=5, n=30)
    found = score(np.zeros((0, 5)), np.zeros((30, 0)), problem)
    for name in (PRIMARY, "precision@0.9", "mmcs", "mcc", "code_f1", "code_r2", "l0_ratio"):
        assert found[name] == 0, name
    assert found["n_features_error"] == -1


def test_codes_of_the_wrong_shape_are_refused(planted):
    problem = planted(k=5, d=5, n=30)
    with pytest.raises(ValueError, match=r"Expected codes of shape \(30, 5\)"):
        score(np.eye(5), np.zeros((29, 5)), problem)


def test_every_metric_is_fully_described():
    for name, metric in METRICS.items():
        assert metric.name == name and metric.version >= 1 and metric.definition.endswith(".")
        assert metric.range[0] <= metric.chance <= metric.range[1]
        assert metric.range[0] <= metric.best <= metric.range[1]
    assert next(iter(METRICS)) == PRIMARY
    assert len(METRICS_VERSION) == 12


def test_skill_is_zero_at_chance_one_at_the_oracle_and_never_below():
    f1, count = METRICS[PRIMARY], METRICS["l0_ratio"]
    np.testing.assert_allclose(skill(f1, [0.1, 0.9, 0.5, 0, 1], 0.1, 0.9), [0, 1, 0.5, 0, 1])
    # l0_ratio: 3 is 2 too many at chance; half of that error is skill 0.5, on either side
    np.testing.assert_allclose(skill(count, [3, 1, 2, 0, 9], 3, 1), [0, 1, 0.5, 0.5, 0])
    assert np.isnan(skill(f1, 0.5, 0.7, 0.7))


def _random(m, d):
    atoms = np.random.default_rng(8).standard_normal((m, d))
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
