"""Codes as the scores read them: few a sample, and only those that help to rebuild it."""

from typing import Any

import numpy as np
from scipy import sparse

#: Samples worked on at once: 2,000 of 4,096 atoms are 33 MB in float32.
BLOCK = 2_000


def as_rows(codes: Any) -> sparse.csr_array:
    """Return codes as float32 CSR, zeros left out."""
    rows = sparse.csr_array(codes, dtype=np.float32)
    rows.eliminate_zeros()
    return rows


def largest(codes: sparse.csr_array, n_active: int) -> sparse.csr_array:
    """Return the ``n_active`` codes of each sample that are largest in size.

    Parameters
    ----------
    codes : csr_array of shape (n, k)
        Of unit-norm atoms, so that sizes compare.
    n_active : int

    Returns
    -------
    csr_array of shape (n, k)
    """
    row = np.repeat(np.arange(codes.shape[0]), np.diff(codes.indptr))
    order = np.lexsort((-np.abs(codes.data), row))
    rank = np.arange(len(row)) - codes.indptr[row]  # the place of each code in its sorted row
    kept = order[rank < n_active]
    return sparse.csr_array((codes.data[kept], (row[kept], codes.indices[kept])), codes.shape)


def offset(X: np.ndarray, D: np.ndarray, codes: sparse.csr_array) -> np.ndarray:
    """Return the constant that codes leave: the mean residual (d,)."""
    return np.asarray(X.mean(axis=0) - codes.mean(axis=0) @ D)


def helpful(
    X: np.ndarray, D: np.ndarray, codes: sparse.csr_array, constant: np.ndarray
) -> sparse.csr_array:
    """Return the codes whose atom helps: without it the sample is rebuilt worse.

    A code that tells of something its atom does not point at is no reading of a feature. With
    residual ``r``, leaving out ``z_j`` changes the squared error by ``2 z_j <r, d_j> + z_j^2``.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
        Unit rows.
    codes : csr_array of shape (n, k)
    constant : ndarray of shape (d,)
        What is added to ``codes @ D``.

    Returns
    -------
    csr_array of shape (n, k)
    """
    kept = []
    for start in range(0, len(X), BLOCK):
        Z = codes[start : start + BLOCK]
        residual = X[start : start + BLOCK] - constant - Z @ D
        row = np.repeat(np.arange(Z.shape[0]), np.diff(Z.indptr))
        projected = (residual @ D.T)[row, Z.indices]
        helps = 2 * Z.data * projected + Z.data**2 * (D[Z.indices] ** 2).sum(axis=1) > 0
        kept.append(sparse.csr_array((Z.data[helps], (row[helps], Z.indices[helps])), Z.shape))
    return sparse.csr_array(sparse.vstack(kept, format="csr"))


def pursued(X: np.ndarray, D: np.ndarray, n_active: int, *, positive: bool) -> sparse.csr_array:
    """Return pursuit codes with at most ``n_active`` atoms a sample; zero atoms get none.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Centred.
    D : ndarray of shape (k, d)
        Rows of norm 1 or 0.
    n_active : int
    positive : bool

    Returns
    -------
    csr_array of shape (n, k)
    """
    from unfold.sparse_coding.encode import sparse_encode

    alive = np.flatnonzero(D.any(axis=1))
    found = sparse_encode(
        X.astype(np.float32), D[alive].astype(np.float32), penalty="l0", positive=positive,
        n_nonzero=min(n_active, len(alive), D.shape[1]), sparse_output=True,
    ).codes  # fmt: skip
    codes = sparse.coo_array(found)
    return sparse.csr_array((codes.data, (codes.row, alive[codes.col])), (len(X), len(D)))


def explained_variance(X: np.ndarray, D: np.ndarray, codes: sparse.csr_array) -> float:
    """Return the share of the variance that codes explain, up to a constant."""
    residual = X - codes @ D
    spread = ((X - X.mean(axis=0)) ** 2).sum(dtype=np.float64)
    left = ((residual - residual.mean(axis=0)) ** 2).sum(dtype=np.float64)
    return float(1 - left / spread)
