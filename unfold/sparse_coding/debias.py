"""Least squares on a support: what is left to do once it is known which atoms are active."""

from typing import Any

import numpy as np
from scipy import sparse

from unfold.arrays import is_tensor, like, to_numpy
from unfold.sparse_coding.solvers.gram import rank_tolerance


def debias(X: Any, D: Any, Z: Any, *, positive: bool = True) -> Any:
    """Refit the non-zero codes of each sample by (non-negative) least squares.

    L1 finds the support but shrinks the magnitudes; this removes the shrinkage.

    Parameters
    ----------
    X, D : arrays of shape (n, d), (k, d)
    Z : array or csr_array of shape (n, k)
    positive : bool
        Keep codes non-negative; some may then become zero.

    Returns
    -------
    array or csr_array of shape (n, k)
        Of the kind of ``Z``.
    """
    data, atoms = to_numpy(X), to_numpy(D)
    given: Any = Z if sparse.issparse(Z) else to_numpy(Z)
    codes = sparse.csr_array(given, copy=True)
    codes.eliminate_zeros()
    values = codes.data.astype(np.float64)
    failed = _refitted(data, atoms, codes, values)
    low = np.zeros(len(failed), bool)
    if positive:
        owner = np.repeat(np.arange(len(failed)), np.diff(codes.indptr))
        low[owner[values < 0]] = True
    for i in np.flatnonzero(failed | low):
        row = slice(codes.indptr[i], codes.indptr[i + 1])
        values[row] = _one(data[i], atoms[codes.indices[row]], positive)
    codes.data = values.astype(codes.dtype)
    codes.eliminate_zeros()
    if sparse.issparse(Z):
        return codes
    dense = codes.toarray()
    return like(dense, X) if is_tensor(X) else dense


def _refitted(X: np.ndarray, D: np.ndarray, codes: Any, values: np.ndarray) -> np.ndarray:
    """Write least-squares values; return which samples' atoms depend on one another."""
    from unfold.sparse_coding.kernels.debias import refit

    most = int(np.diff(codes.indptr).max(initial=0))
    failed = np.zeros(X.shape[0], bool)
    refit(
        np.ascontiguousarray(X),
        np.ascontiguousarray(D, X.dtype),
        codes.indptr.astype(np.int64),
        codes.indices.astype(np.int32),
        values,
        rank_tolerance(np.float64),
        np.zeros((most + 2, most + 1)),
        failed,
    )
    return failed


def _one(x: np.ndarray, atoms: np.ndarray, positive: bool) -> np.ndarray:
    """Return the least-squares values of one sample, whatever its atoms."""
    from scipy.optimize import nnls

    x, atoms = x.astype(np.float64), atoms.astype(np.float64)
    if positive:
        return np.asarray(nnls(atoms.T, x)[0])
    return np.asarray(np.linalg.lstsq(atoms.T, x, rcond=None)[0])
