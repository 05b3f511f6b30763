"""Absorbed and hedged features: found where they were planted, and nowhere else."""

import numpy as np
import pytest
from scipy import sparse

from evaluation.real.absorption import Mixed, mixed_features

K, D, N = 30, 64, 4000
Planted = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def planted() -> Planted:
    """Feature 1 fires only with feature 0; feature 2 mostly with feature 3."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((K, D))
    A /= np.linalg.norm(A, axis=1, keepdims=True)
    active = rng.random((N, K)) < 0.08
    active[:, 0] |= active[:, 1]
    active[:, 2] = rng.random(N) < np.where(active[:, 3], 0.6, 0.04)
    Z = active * rng.uniform(1, 2, (N, K))
    return Z @ A + 0.02 * rng.standard_normal((N, D)), A, Z


def _mixed(X: np.ndarray, A: np.ndarray, Z: np.ndarray) -> Mixed:
    return mixed_features(X, A, sparse.csr_array(Z), np.zeros(D))


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def test_the_true_dictionary_mixes_nothing(planted: Planted) -> None:
    found = _mixed(*planted)
    assert not found.absorbed.any() and not found.hedged.any()


def test_a_parent_that_its_child_stands_in_for_is_absorbed(planted: Planted) -> None:
    X, A, Z = planted
    atoms, codes, child = A.copy(), Z.copy(), Z[:, 1] > 0
    atoms[1] = _unit(A[0] + A[1])
    codes[child, 1] = (Z[child, 0] + Z[child, 1]) / 2 * np.linalg.norm(A[0] + A[1])
    codes[child, 0] = 0
    found = _mixed(X, atoms, codes)
    # Where the parent is weak it would hardly fire: those samples of the child do not count.
    assert 0.7 < found.absorbed[0] / (child.sum() / (Z[:, 0] > 0).sum()) <= 1
    assert not found.absorbed[1:].any()


def test_an_atom_that_holds_some_of_what_it_goes_with_hedges(planted: Planted) -> None:
    X, A, Z = planted
    atoms, codes = A.copy(), np.zeros_like(Z)
    atoms[2] = _unit(A[2] + 0.9 * A[3])
    for i in range(N):
        active = np.flatnonzero(Z[i])
        codes[i, active] = np.linalg.lstsq(atoms[active].T, X[i], rcond=None)[0]
    assert np.flatnonzero(_mixed(X, atoms, codes).hedged).tolist() == [2]


def test_copies_are_no_absorption(planted: Planted) -> None:
    X, A, Z = planted
    found = _mixed(X, np.concatenate([A, A]), np.hstack([Z, np.zeros_like(Z)]))
    assert not found.absorbed.any() and not found.hedged.any()
