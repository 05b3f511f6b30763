"""The dictionary that codes call for: the method of optimal directions, weighted and held."""

from typing import Any, Literal

import numpy as np
from scipy import sparse

from unfold.arrays import unit_rows

#: Ridge towards the last dictionary, as a share of the mean energy of an atom's codes, and towards
#: the last offset, as a share of the samples: enough to solve by, too little to hold anything.
RIDGE, OFFSET_RIDGE = 1e-3, 1e-9
#: Least pull of an atom towards where it was, in the largest energy of an atom's codes, and where
#: no atom is used at all: what keeps the equations solvable.
UNUSED, NONE_USED = 1e-12, 1e-150


def optimal_directions(
    X: np.ndarray,
    D: np.ndarray,
    codes: Any,
    weights: np.ndarray | None = None,
    *,
    ridge: float = RIDGE,
    share_of: Literal["mean", "own"] = "mean",
) -> np.ndarray:
    """Return the directions, in unit rows, that best explain ``X`` by ``codes``.

    Least squares over all atoms at once, with a ridge towards ``D``: an atom that no sample uses
    stays where it is.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
    codes : ndarray or csr_array of shape (n, k)
    weights : ndarray of shape (n,), optional
        Of the samples' squared errors.
    ridge : float
        Share of the energy of codes, of the mean atom, or of each atom's own: rare atoms are then
        pulled no more than others.
    share_of : {"mean", "own"}

    Returns
    -------
    ndarray of shape (k, d)

    References
    ----------
    Engan, Aase & Husøy 1999, Method of optimal directions for frame design.
    """
    if not len(D):
        return D
    weighted = codes if weights is None else _scaled(codes, weights)
    gram = _dense(weighted.T @ codes)
    energy = gram.diagonal()
    hold = ridge * (np.full(len(D), energy.mean()) if share_of == "mean" else energy)
    hold = np.maximum(hold, max(UNUSED * float(energy.max()), NONE_USED))
    return np.asarray(unit_rows(_held(gram, _dense(weighted.T @ X), D, hold)))


def directions_and_offset(
    X: np.ndarray,
    D: np.ndarray,
    codes: np.ndarray,
    offset: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    ridge: float = RIDGE,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions, in unit rows, and the offset that best explain ``X`` by ``codes``.

    As `optimal_directions`, over atoms and offset together: fitted apart, each would take up what
    the other leaves.

    Parameters
    ----------
    X, D, codes, weights
        As in `optimal_directions`.
    offset : ndarray of shape (d,)
    ridge : float
        Share of the energy of the mean atom's codes.

    Returns
    -------
    directions : ndarray of shape (k, d)
    offset : ndarray of shape (d,)
    """
    Z = np.column_stack([codes, np.ones(len(X))])
    weighted = Z if weights is None else _scaled(Z, weights)
    gram = weighted.T @ Z
    energy = gram.diagonal()
    held = max(ridge * float(energy[:-1].mean()), NONE_USED) if len(D) else 0.0
    hold = np.append(np.full(len(D), held), OFFSET_RIDGE * energy[-1])
    moved = _held(gram, weighted.T @ X, np.vstack([D, offset]), hold)
    return np.asarray(unit_rows(moved[:-1])), moved[-1]


def _held(gram: np.ndarray, right: np.ndarray, start: np.ndarray, hold: np.ndarray) -> np.ndarray:
    """Return the least-squares solution of normal equations, each row held to its start."""
    return np.linalg.solve(gram + np.diag(hold), right + hold[:, None] * start)


def _scaled(codes: Any, weights: np.ndarray) -> Any:
    if isinstance(codes, np.ndarray):
        return codes * weights[:, None]
    return sparse.diags_array(weights) @ codes


def _dense(product: Any) -> np.ndarray:
    return np.asarray(product if isinstance(product, np.ndarray) else product.toarray(), np.float64)
