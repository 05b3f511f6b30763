"""Codes for a dictionary that is taken to be right: the sparsest exact ones, else reweighted L1."""

from typing import Any

import numpy as np

from unfold.arrays import is_tensor, like, to_numpy


def sharp_codes(
    X: Any, D: Any, mean: Any, *, noise: float = 0.0, n_nonzero: int | None = None
) -> Any:
    """Return non-negative codes of ``X ~ Z @ D + mean`` with as few active atoms as it takes.

    A non-negative pursuit to half of the dimension comes first; samples that it does not fit to
    the noise level get L1 codes, reweighted twice so that large codes are hardly shrunk.

    Parameters
    ----------
    X : array or tensor of shape (n, d)
    D : array or tensor of shape (k, d)
        Unit rows.
    mean : array or tensor of shape (d,)
    noise : float
        Standard deviation of the noise per coordinate.
    n_nonzero : int, optional
        Most atoms of a sample; half of the dimension unless given.

    Returns
    -------
    array or tensor of shape (n, k)
    """
    from unfold.directions.polish import pursue

    if is_tensor(X):
        found = sharp_codes(
            to_numpy(X), to_numpy(D), to_numpy(mean), noise=noise, n_nonzero=n_nonzero
        )
        return like(found, X)
    Y = np.asarray(X, np.float64) - to_numpy(mean)
    D = np.asarray(to_numpy(D), np.float64)
    d = Y.shape[1]
    most = max(1, d // 2) if n_nonzero is None else n_nonzero
    # without noise the tolerance goes with each sample's norm, so that codes scale with it
    norms = np.ones(len(Y)) if noise > 0 else np.linalg.norm(Y, axis=1)
    Y = Y / np.where(norms > 0, norms, 1.0)[:, None]
    fit = pursue(Y, D, most, 1.1 * noise * np.sqrt(d) if noise > 0 else 1e-4)
    codes = fit.codes.toarray()
    hard = np.flatnonzero(~fit.met)
    if len(hard):
        alpha, epsilon = (2.0 * noise, 10.0 * noise) if noise > 0 else (1e-3, 0.1)
        codes[hard] = reweighted_codes(Y[hard], D, alpha, epsilon)
    return codes * norms[:, None]


def reweighted_codes(
    X: np.ndarray, D: np.ndarray, alpha: float, epsilon: float, n_reweights: int = 2
) -> np.ndarray:
    """Return non-negative L1 codes, reweighted by ``1 / (1 + z / epsilon)`` some times.

    References
    ----------
    Candes, Wakin and Boyd (2008), Enhancing sparsity by reweighted L1 minimization.
    """
    from unfold.encode import sparse_encode
    from unfold.solvers.active_set import ActiveSet
    from unfold.solvers.base import Effort, SparseProblem

    codes = np.asarray(sparse_encode(X, D, alpha=alpha, positive=True, tol=1e-4).codes)
    for _ in range(n_reweights):
        weights = alpha / (1 + codes / epsilon)
        problem = SparseProblem("lasso", X, D, alpha=weights)
        codes = np.asarray(ActiveSet().solve(problem, Effort(tol=1e-4)).codes)
    return codes
