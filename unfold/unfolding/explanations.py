"""How likely a direction that nobody listed is to pass for a combination of the listed ones.

More atoms than dimensions explain *everything*, so an exact fit proves nothing by itself: what
proves something is a fit by so few atoms that chance could not have made it. A random direction
of ``R^m`` lies within the angle ``arcsin(rho)`` of a given ``q``-dimensional subspace with
probability ``I_{rho^2}((m - q) / 2, q / 2)``, the regularised incomplete beta function, and ``k``
atoms span at most ``binomial(k, q)`` such subspaces. The product bounds the chance of a fit by any
``q`` of ``k``.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array
from scipy.special import betaln, gammaln

from unfold.sparse_coding.encode import sparse_encode


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


#: An explanation counts if a random direction would pass for explained at most this often.
CHANCE: Final = 0.01

#: Atoms below these fractions of the tolerance are tried without, the largest first.
_CUTS: Final = (1.0, 0.3, 0.03, 1e-3, 1e-6)
#: Weight of the L1 penalty that proposes atoms, relative to the tolerance.
_ALPHA: Final = 0.01
_TINY: Final = 1e-300
#: Sine of the angle to the span of the atoms before it below which an atom depends on them.
_DEPENDENT: Final = 1e-8


@dataclass(frozen=True, eq=False)
class Explanations:
    """The sparsest explanations found of ``n`` samples by ``k`` atoms.

    Attributes
    ----------
    codes : csr_array of shape (n, k)
        Least-squares amplitudes on the atoms of each explanation.
    residual : ndarray of shape (n,)
        Euclidean norm of what is left.
    log_chance : ndarray of shape (n,)
        Logarithm of a bound on the chance that a random direction does as well.
    explained : ndarray of shape (n,), bool
        Residual within the radius, and beyond chance.
    """

    codes: csr_array
    residual: np.ndarray
    log_chance: np.ndarray
    explained: np.ndarray


def propose(X: np.ndarray, D: np.ndarray, *, radius: float, positive: bool = True) -> np.ndarray:
    """Return codes (n, k) of an L1 fit that hardly shrinks: the atoms worth trying."""
    alpha = _ALPHA * max(radius, _TINY)
    return np.asarray(sparse_encode(X, D, alpha=alpha, positive=positive).codes)


def explain_samples(
    X: np.ndarray,
    D: np.ndarray,
    *,
    radius: float,
    positive: bool = True,
    proposal: np.ndarray | None = None,
    chance: float = CHANCE,
) -> Explanations:
    """Explain each sample by few atoms, to within ``radius`` and better than chance would.

    Of the atoms proposed, those below a falling threshold are dropped and the rest refitted by
    least squares, until an explanation passes. Missing a sparse explanation that exists makes a
    sample unexplained, never the reverse.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Centred activations.
    D : ndarray of shape (k, d)
        Unit rows.
    radius : float
        Largest residual norm that counts as explained.
    positive : bool
        Whether amplitudes are non-negative.
    proposal : ndarray of shape (n, k), optional
        Non-zero on the atoms to try, larger on those to try first; from `propose` if not given.
    chance : float
        Largest chance that counts as explained.

    Returns
    -------
    Explanations
    """
    X, D = np.asarray(X, float), np.asarray(D, float)
    (n, d), k = X.shape, D.shape[0]
    if proposal is None:
        proposal = propose(X, D, radius=radius, positive=positive)
    rows, values = _strongest(proposal, min(k, d))
    values, _, _ = _refit(X, D, rows, values, positive)
    best_values = np.zeros_like(values)
    residual = np.linalg.norm(X, axis=1)
    chances = np.full(n, -np.inf)
    open_ = residual > radius
    chances[open_] = 0.0
    for cut in _CUTS:
        todo = np.flatnonzero(open_)
        if not todo.size:
            break
        kept = np.where(np.abs(values[todo]) > cut * radius, values[todo], 0.0)
        kept, left, log_p = _refit(X[todo], D, rows[todo], kept, positive)
        best_values[todo], residual[todo], chances[todo] = kept, left, log_p
        open_[todo] = ~((left <= radius) & (log_p <= np.log(chance)))
    ends = np.concatenate([[0], np.cumsum(np.count_nonzero(best_values, axis=1))])
    codes = csr_array((best_values[best_values != 0], rows[best_values != 0], ends), shape=(n, k))
    codes.sort_indices()
    return Explanations(codes, residual, chances, ~open_)


def _strongest(codes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return indices and values (n, size) of the largest codes of each sample, descending."""
    order = np.argsort(-np.abs(codes), axis=1, kind="stable")[:, :size]
    return order, np.take_along_axis(codes, order, axis=1)


def _refit(
    X: np.ndarray, D: np.ndarray, atoms: np.ndarray, values: np.ndarray, positive: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Refit the non-zero entries of ``values``, dropping those that turn negative.

    Returns the new values, the norm of the residual, and the log-chance of each fit.
    """
    values = values.copy()
    residual, chances = np.empty(X.shape[0]), np.empty(X.shape[0])
    todo = np.arange(X.shape[0])
    while todo.size:
        sizes = np.count_nonzero(values[todo], axis=1)
        negative = np.zeros(todo.size, bool)
        for s in np.unique(sizes):
            here = sizes == s
            group = todo[here]
            order = np.argsort(-np.abs(values[group]), axis=1, kind="stable")[:, :s]
            chosen = D[np.take_along_axis(atoms[group], order, axis=1)]
            fit, remainders, left = _least_squares(X[group], chosen)
            if positive:
                negative[here] = (fit < 0).any(axis=1)
                fit = np.maximum(fit, 0.0)
            fitted = np.zeros_like(values[group])
            np.put_along_axis(fitted, order, fit, axis=1)
            values[group], residual[group] = fitted, np.sqrt(left)
            chances[group] = log_chance(remainders, left, D.shape[0], D.shape[1])
        todo = todo[negative]
    return values, residual, chances


def _least_squares(X: np.ndarray, atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit each sample (n, d) by its own atoms (n, s, d), in the order given.

    Returns amplitudes (n, s), squared norms (n, s) of what is left before each atom, and squared
    norms (n,) of the residual. An atom that depends on those before it gets amplitude 0.
    """
    n, s, _ = atoms.shape
    if s == 0:
        return np.zeros((n, 0)), np.zeros((n, 0)), np.sum(X**2, axis=1)
    Q, R = np.linalg.qr(atoms.transpose(0, 2, 1))
    along = np.einsum("nds,nd->ns", Q, X)
    diagonal = np.arange(s)
    dependent = np.abs(R[:, diagonal, diagonal]) < _DEPENDENT
    R[:, diagonal, diagonal] = np.where(dependent, 1.0, R[:, diagonal, diagonal])
    along = np.where(dependent, 0.0, along)
    fit = np.linalg.solve(R, along[..., None])[..., 0]
    residual = np.sum((X - np.einsum("ns,nsd->nd", fit, atoms)) ** 2, axis=1)
    after = np.cumsum((along**2)[:, ::-1], axis=1)[:, ::-1]
    return fit, residual[:, None] + after, residual
