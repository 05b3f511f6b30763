"""Circles, rings, simplices and spheres are found as what they are, told nothing."""

import numpy as np
import pytest

import toy
from evaluation.scoring.score import score
from unfold import get_method
from unfold.methods.clustering.subspace_dictionary import SubspaceDictionary
from unfold.sparse_coding.subspace_pursuit import blocks, subspace_pursuit


@pytest.mark.parametrize(
    ("problem_id", "dimension", "number"),
    [
        ("circles-12in16-p0.1/v1", 2, 12),
        ("days-12in16-p0.1-noise0.05/v1", 2, 12),
        pytest.param("simplices-10in20-p0.1-noise0.05/v1", 3, 10, marks=pytest.mark.slow),
        pytest.param("spheres-10in20-p0.1-noise0.05/v1", 3, 10, marks=pytest.mark.slow),
    ],
)
def test_shapes_are_found_told_neither_number_nor_dimension(
    problem_id: str, dimension: int, number: int
) -> None:
    problem = toy.make_problem(problem_id, 0)
    method = SubspaceDictionary(random_state=0).fit(problem.observed.train)
    assert np.bincount(method.groups_).tolist() == [dimension] * number
    codes = method.transform(problem.observed.test)
    found = score(method.components_, codes, problem, method.groups_)
    assert found["f1@0.99"] == 1 and found["code_f1"] > 0.85


def test_directions_of_a_feature_are_orthonormal_and_codes_use_few() -> None:
    problem = toy.make_problem({"id": "circles-8in16-p0.1/v1", "n_train": 12_000}, 1)
    method = get_method("subspace-dictionary")(random_state=0).fit(problem.observed.train)
    for g in np.unique(method.groups_):
        Q = np.asarray(method.components_[method.groups_ == g], float)
        np.testing.assert_allclose(Q @ Q.T, np.eye(len(Q)), atol=1e-5)
    X = problem.observed.test[:200]
    Z = method.transform(X)
    used = np.array([np.unique(method.groups_[z != 0]).size for z in Z])
    assert used.max() <= method.max_active
    assert np.linalg.norm(X - method.inverse_transform(Z), axis=1).max() < 2 * method.tolerance_


def test_pursuit_is_exact_on_few_subspaces_and_matches_least_squares() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 2)
    D = rng.standard_normal((20, 30))
    true = np.zeros((50, 20))
    for row in true:
        on = rng.choice(10, 2, replace=False)
        row[np.isin(groups, on)] = rng.standard_normal(4)
    X = true @ D
    Z = subspace_pursuit(X, D, groups, max_active=4, tolerance=1e-6)
    np.testing.assert_allclose(Z, true, atol=1e-4)
    one = subspace_pursuit(X, D, groups, max_active=1, tolerance=0.0)
    for x, z in zip(X, one, strict=True):
        support = np.flatnonzero(z)
        fit = np.linalg.lstsq(D[support].T, x, rcond=None)[0]
        np.testing.assert_allclose(z[support], fit, atol=1e-5)
        energies = [np.linalg.norm(np.linalg.qr(D[groups == g].T)[0].T @ x) for g in range(10)]
        assert groups[support[0]] == np.argmax(energies)


def test_a_subspace_is_its_span_whatever_the_basis() -> None:
    rng = np.random.default_rng(1)
    D = rng.standard_normal((6, 8))
    D[5] = D[3] + D[4]  # three atoms, two dimensions
    members, bases = blocks(D, np.array([7, 7, 2, 9, 9, 9]))
    assert members.tolist() == [[2, -1, -1], [0, 1, -1], [3, 4, 5]]
    assert [int((np.linalg.norm(b, axis=1) > 0).sum()) for b in bases] == [1, 2, 2]
    X = rng.standard_normal((4, 2)) @ D[3:5]
    Z = subspace_pursuit(X, D, np.array([7, 7, 2, 9, 9, 9]), max_active=1, tolerance=0.0)
    np.testing.assert_allclose(Z @ D, X, atol=1e-5)


def test_empty_and_silent_samples_have_no_codes() -> None:
    D, groups = np.eye(4), np.array([0, 0, 1, 1])
    Z = subspace_pursuit(np.zeros((3, 4)), D, groups, max_active=2, tolerance=0.1)
    assert not Z.any()
    assert subspace_pursuit(np.zeros((0, 4)), D, groups, max_active=2, tolerance=0.1).shape == (
        0,
        4,
    )
