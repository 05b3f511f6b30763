"""Sparse explanations of activations, and the test that tells them from chance."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from unfold.encode import sparse_encode
from unfold.unfolding.chance import log_chance

#: An explanation counts if a random direction would pass for explained at most this often.
CHANCE: Final = 0.01

#: Atoms below these fractions of the tolerance are tried without, the largest first.
_CUTS: Final = (1.0, 0.3, 0.03, 1e-3, 1e-6)
#: Weight of the L1 penalty that proposes atoms, relative to the tolerance.
_ALPHA: Final = 0.01
_TINY: Final = 1e-300


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


def scale_of(X: np.ndarray) -> float:
    """Return the root-mean-square norm of the rows of ``X``, the unit tolerances are given in."""
    return float(np.sqrt(np.mean(np.sum(np.asarray(X, float) ** 2, axis=1))))


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
    dependent = np.abs(R[:, diagonal, diagonal]) < 1e-8
    R[:, diagonal, diagonal] = np.where(dependent, 1.0, R[:, diagonal, diagonal])
    along = np.where(dependent, 0.0, along)
    fit = np.linalg.solve(R, along[..., None])[..., 0]
    residual = np.sum((X - np.einsum("ns,nsd->nd", fit, atoms)) ** 2, axis=1)
    after = np.cumsum((along**2)[:, ::-1], axis=1)[:, ::-1]
    return fit, residual[:, None] + after, residual
