"""Stability: what is found again counts, once; what only the covariance shares does not."""

import numpy as np
import pytest

from evaluation.real.stability import null_stability, stability


def _directions(k: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((k, d))


def test_the_same_dictionary_is_stable_and_another_is_not() -> None:
    A = _directions(60, 40, 0)
    assert stability([A, A[::-1] * 2]) == pytest.approx(1)
    assert stability([A, _directions(60, 40, 1)]) < 0.5


def test_copies_of_one_stable_atom_are_one_atom() -> None:
    copies = np.tile(_directions(1, 40, 0), (60, 1))
    assert stability([copies, copies]) == pytest.approx(1 / 60)


def test_returning_only_the_stable_atoms_of_one_fit_does_not_help() -> None:
    A, B = _directions(60, 40, 0), _directions(60, 40, 1)
    B[:10] = A[:10]
    assert stability([A[:10], B]) < stability([A, B])


def test_opposite_atoms_are_other_atoms() -> None:
    A = np.eye(30)
    assert stability([A, -A]) == 0


def test_random_directions_with_the_covariance_of_the_data_are_the_null() -> None:
    scale = np.r_[np.full(3, 6.0), np.ones(37)]
    X = _directions(4000, 40, 2) * scale + 3
    fits = [_directions(60, 40, seed) * scale for seed in (3, 4, 5)]
    assert null_stability(X, 60, 3) == pytest.approx(stability(fits), abs=0.03)
    assert null_stability(X, 60, 3) > null_stability(_directions(4000, 40, 2), 60, 3) + 0.1


def test_one_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="two are needed, got 1"):
        stability([np.eye(3)])
