"""How short a dictionary makes the description of activations: what decides without the truth."""

import numpy as np

#: Residuals below this share of the variance count as perfect: nothing is won by rounding.
FLOOR = 1e-6


def description_length(X: np.ndarray, D: np.ndarray, n_active: int, *, positive: bool) -> float:
    """Return the mean nats that it takes to describe a sample by at most ``n_active`` atoms.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples that took no part in finding ``D``.
    D : ndarray of shape (k, d)
        Unit rows.
    n_active : int
    positive : bool

    Returns
    -------
    float
    """
    from unfold.sparse_coding.encode import sparse_encode

    codes = sparse_encode(
        X, D, penalty="l0", n_nonzero=min(n_active, *D.shape), positive=positive
    ).codes
    return nats(X, D, codes)


def nats(X: np.ndarray, D: np.ndarray, codes: np.ndarray) -> float:
    """Return the mean nats that it takes to describe a sample by given codes.

    A Gaussian residual, which atoms of the dictionary are on, and amplitudes to the precision
    that the residual warrants: ``d/2 log v + L0 (log k + 1/2 log(1 + <z^2> / v))``.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
    codes : ndarray of shape (n, k)

    Returns
    -------
    float

    References
    ----------
    Rissanen (1978), Modeling by shortest data description.
    """
    floor = max(FLOOR * float(X.var(axis=0).mean()), np.finfo(np.float64).tiny)
    variance = max(float(np.mean((X - codes @ D) ** 2)), floor)
    active = int(np.count_nonzero(codes))
    energy = float((codes**2).sum()) / max(active, 1)
    atoms = np.log(len(D)) + 0.5 * np.log1p(energy / variance)
    return float(0.5 * X.shape[1] * np.log(variance) + active / len(X) * atoms)
