"""How likely a direction that nobody listed is to pass for a combination of the listed ones.

More atoms than dimensions explain *everything*, so an exact fit proves nothing by itself: what
proves something is a fit by so few atoms that chance could not have made it. A random direction
of ``R^m`` lies within the angle ``arcsin(rho)`` of a given ``q``-dimensional subspace with
probability ``I_{rho^2}((m - q) / 2, q / 2)``, the regularised incomplete beta function, and ``k``
atoms span at most ``binomial(k, q)`` such subspaces. The product bounds the chance of a fit by any
``q`` of ``k``.
"""

import numpy as np
from scipy.special import betaln, gammaln

_TINY = 1e-300


def log_binomial(n: np.ndarray | int, k: np.ndarray | int) -> np.ndarray:
    """Return the logarithm of ``n`` choose ``k``, elementwise."""
    n, k = np.asarray(n, float), np.asarray(k, float)
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def log_cap(rho_squared: np.ndarray, m: np.ndarray | int, q: np.ndarray | int) -> np.ndarray:
    r"""Bound from above the log-probability that a random direction is near a subspace.

    Uses :math:`I_x(a, b) \le x^a \max(1, (1 - x)^{b - 1}) / (a B(a, b))`, which stays finite where
    the incomplete beta function underflows.

    Parameters
    ----------
    rho_squared : array
        Squared sine of the angle to the subspace.
    m, q : array of int
        Dimensions of the space and of the subspace; ``q >= m`` is certain to be near.

    Returns
    -------
    array
        At most 0.
    """
    x = np.clip(rho_squared, _TINY, 1.0)
    m, q = np.asarray(m, float), np.asarray(q, float)
    a, b = np.maximum(m - q, 1.0) / 2, np.maximum(q, 1.0) / 2
    tail = np.where(b < 1, (b - 1) * np.log1p(-np.minimum(x, 1 - 1e-12)), 0.0)
    bound = np.minimum(a * np.log(x) + tail - np.log(a) - betaln(a, b), 0.0)
    return np.where(q >= m, 0.0, np.where(q <= 0, -np.inf, bound))


def log_chance(remainders: np.ndarray, residual: np.ndarray, k: int, d: int) -> np.ndarray:
    """Return the log-chance of the weakest part of sparse explanations of equal size.

    An explanation is only as good as its weakest part: a dominant atom makes the whole look
    significant while a handful of small ones soak up a direction that was never listed. So for
    every ``t`` the ``t`` largest atoms are granted, and the remaining ``s - t`` must explain what
    is left of the sample, in the ``d - t`` remaining dimensions, better than chance.

    Parameters
    ----------
    remainders : ndarray of shape (n, s)
        Squared norm of what is left to explain when the ``t`` largest atoms have been projected
        out, for ``t = 0 .. s - 1``.
    residual : ndarray of shape (n,)
        Squared norm of what no atom of the explanation explains.
    k, d : int
        Number of atoms listed; dimension.

    Returns
    -------
    ndarray of shape (n,)
        Logarithm of the largest chance over ``t``; ``-inf`` for the empty explanation.
    """
    n, s = remainders.shape
    if s == 0:
        return np.full(n, -np.inf)
    t = np.arange(s)
    rho_squared = residual[:, None] / np.maximum(remainders, _TINY)
    count = log_binomial(np.maximum(k - t, s - t), s - t)
    return (count + log_cap(rho_squared, d - t, s - t)).max(axis=1)
