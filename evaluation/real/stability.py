"""Stability: what of a dictionary is found again from other texts and another start."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from unfold.arrays import unit_rows


def stability_of_features(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return the cosine of each atom of ``A`` with its one-to-one partner in ``B``.

    Parameters
    ----------
    A, B : ndarray of shape (k, d), (m, d)

    Returns
    -------
    ndarray of shape (k,)
        In [0, 1]; 0 where an atom has no partner, is zero, or points where another one does:
        one direction copied is one direction.
    """
    from scipy.optimize import linear_sum_assignment

    first, second = distinct(A), distinct(B)
    cosines = np.clip(unit_rows(A[first]) @ unit_rows(B[second]).T, 0, 1)
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    found = np.zeros(len(A))
    found[first[rows]] = cosines[rows, columns]
    return found


def distinct(D: np.ndarray) -> np.ndarray:
    """Return the positions of atoms that no earlier one is close to, zero atoms left out."""
    from evaluation.real.purity import SAME

    alive = np.flatnonzero(D.any(axis=1))
    U = unit_rows(D[alive].astype(np.float64))
    close = np.tril(U @ U.T > SAME, -1)
    kept = np.ones(len(U), bool)
    for i in range(len(U)):
        kept[i] = not (close[i] & kept).any()
    return alive[kept]


def stability(dictionaries: Sequence[np.ndarray]) -> float:
    """Return the mean one-to-one cosine over pairs of fits, copies and missing atoms counting 0.

    Parameters
    ----------
    dictionaries : sequence of ndarray of shape (k, d)
        Of one method, from other halves of the data and other starts; two at least.

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    if len(dictionaries) < 2:
        raise ValueError(f"Stability compares fits: two are needed, got {len(dictionaries)}.")
    return float(np.mean([
        stability_of_features(A, B).sum() / max(len(A), len(B))
        for A, B in combinations(dictionaries, 2)
    ]))  # fmt: skip


def null_stability(X: np.ndarray, k: int, n_fits: int, seed: int = 0) -> float:
    """Return the stability of directions that share nothing but the covariance of the data.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    k : int
    n_fits : int
    seed : int
    """
    rng = np.random.default_rng([seed, 0x6E756C6C])
    centred = X - X.mean(axis=0)
    # Gaussian with the covariance of the data: random mixtures of many samples.
    root = np.linalg.cholesky(np.cov(centred, rowvar=False) + 1e-9 * np.eye(X.shape[1]))
    return stability([rng.standard_normal((k, X.shape[1])) @ root.T for _ in range(n_fits)])
