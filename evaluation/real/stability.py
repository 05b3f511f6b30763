"""Stability: what of a dictionary is found again from other texts and another start."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from unfold.comparison import partners


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
        partners(A, B)[1].sum() / max(len(A), len(B))
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
    root = np.linalg.cholesky(np.cov(centred, rowvar=False) + 1e-9 * np.eye(X.shape[1]))
    return stability([rng.standard_normal((k, X.shape[1])) @ root.T for _ in range(n_fits)])
