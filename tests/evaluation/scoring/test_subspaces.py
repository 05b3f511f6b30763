"""Subspaces beside subspaces: principal angles, chance and oracle, and ways to fool them."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.stats import ortho_group

import toy
from evaluation.isolation.estimates import fault
from evaluation.running.problems import facts
from evaluation.scoring.score import score
from evaluation.scoring.subspaces import affinity, subspace_controls


@pytest.fixture(scope="module")
def circles() -> toy.Problem:
    return toy.make_problem({"id": "circles-12in16-p0.1/v1", "n_train": 1000, "n_test": 800}, 0)


def _truth(problem: toy.Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = problem.truth
    return np.asarray(truth.directions, float), truth.group, np.asarray(truth.codes_test, float)


@pytest.mark.parametrize(("r", "s"), [(1, 1), (2, 2), (1, 2), (3, 2)])
def test_affinity_is_that_of_the_principal_angles(r: int, s: int) -> None:
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((r, 9)), rng.standard_normal((s, 9))
    angles = subspace_angles(A.T, B.T)
    expected = np.sqrt((np.cos(angles) ** 2).sum() / max(r, s))
    assert affinity(A, B) == pytest.approx(expected) == affinity(B, A)
    mixed = rng.standard_normal((r, r)) @ A  # another basis of the same
    assert affinity(mixed, B) == pytest.approx(expected)
    assert affinity(A, mixed) == pytest.approx(1)


def test_a_line_in_a_plane_is_half_of_it_and_orthogonal_planes_share_nothing() -> None:
    E = np.eye(6)
    assert affinity(E[:1], E[:2]) == pytest.approx(np.sqrt(0.5))
    assert affinity(E[:2], E[2:4]) == 0


def test_the_truth_scores_the_best_in_any_basis_and_order(circles) -> None:
    D, group, Z = _truth(circles)
    rng = np.random.default_rng(0)
    turns = [ortho_group.rvs(2, random_state=rng) for _ in range(12)]
    order = rng.permutation(12)
    turned = np.concatenate([turns[g] @ D[group == g] for g in order])
    codes = np.concatenate([Z[:, group == g] @ turns[g].T for g in order], axis=1)
    found = score(turned, codes, circles, np.repeat(np.arange(12), 2) + 5)
    best = {
        "f1@0.99": 1,
        "worst_cosine": 1,
        "mcc": 1,
        "n_features_error": 0,
        "code_f1": 1,
        "code_r2": 1,
        "l0_ratio": 1,
        "shrinkage": 1,
        "explained_variance": 1,
    }
    assert {name: found[name] for name in best} == pytest.approx(best, abs=1e-5)


def test_atoms_without_groups_are_lines_and_find_no_plane(circles) -> None:
    D, _, Z = _truth(circles)
    found = score(D, Z, circles)
    assert found["f1@0.9"] == 0 and found["worst_cosine"] == pytest.approx(np.sqrt(0.5))
    assert found["n_features_error"] == 1


@pytest.mark.parametrize("label", ["one", "pairs"])
def test_groups_that_are_too_large_are_no_finding(circles, label: str) -> None:
    D, group, Z = _truth(circles)
    groups = np.zeros(len(D), int) if label == "one" else group // 2
    found = score(D, Z, circles, groups)
    assert found["f1@0.9"] == 0


def test_copies_of_the_truth_lower_precision(circles) -> None:
    D, group, Z = _truth(circles)
    found = score(np.vstack([D, D]), np.hstack([Z, 0 * Z]), circles, np.r_[group, group + 12])
    assert found["recall@0.9"] == 1 and found["precision@0.9"] == pytest.approx(0.5)


def test_zero_atoms_are_none_and_wrong_shapes_are_refused(circles) -> None:
    D, group, Z = _truth(circles)
    padded = np.vstack([D, np.zeros((2, 16))])
    found = score(padded, np.hstack([Z, Z[:, :2]]), circles, np.r_[group, 12, 12])
    assert found["n_features_error"] == 0 and found["f1@0.9"] == 1
    with pytest.raises(ValueError, match="Expected codes of shape"):
        score(D, Z[:, :3], circles, group)
    with pytest.raises(ValueError, match="Expected a dictionary"):
        score(D[:, :3], Z, circles, group)


def test_controls_are_the_two_ends(circles) -> None:
    assert facts(circles)["n_features"] == 12
    assert facts(circles)["mean_active"] == pytest.approx(1.2)
    ends = {
        name: score(one.dictionary, one.codes_test, circles, one.groups)
        for name, one in subspace_controls(circles, 12, 0).items()
    }
    assert ends["oracle"]["f1@0.99"] == 1 and ends["oracle"]["code_f1"] > 0.9
    assert ends["chance"]["f1@0.9"] == 0 and ends["chance"]["mcc"] < 0.6
    again = subspace_controls(circles, 12, 0)["chance"].dictionary
    np.testing.assert_array_equal(again, subspace_controls(circles, 12, 0)["chance"].dictionary)


@pytest.mark.parametrize("groups", [np.zeros(3, int), np.zeros(4), np.zeros((4, 1), int)])
def test_groups_that_are_no_labels_make_an_estimate_unusable(groups: np.ndarray) -> None:
    assert "expected one integer an atom" in fault(
        {"dictionary": np.eye(4), "groups": groups}, 9, 4
    )
    assert not fault({"dictionary": np.eye(4), "groups": np.zeros(4, int)}, 9, 4)
