"""Leave-one-out: which active atoms a sample can do without, for what they cost."""

from typing import Any

import numpy as np
from scipy import sparse

from unfold.arrays import is_tensor, like, to_numpy
from unfold.sparse_coding.solvers.gram import rank_tolerance


def leave_one_out(X: Any, D: Any, Z: Any, price: float, *, positive: bool = True) -> Any:
    """Drop active atoms that are not worth their price, and refit the others by least squares.

    One at a time, from the one that matters least, atoms go whose removal raises half the squared
    residual of their sample, the others refitted, by less than the price. With noise of standard
    deviation s, an atom that is on in a share p of the samples is worth about ``s^2 log(1 / p)``.

    Parameters
    ----------
    X : array or tensor of shape (n, d)
    D : array or tensor of shape (k, d)
    Z : array or csr_array of shape (n, k)
    price : float
        In squared units of X; 0 refits, and drops what a non-negative fit has no use for.
    positive : bool
        Keep codes non-negative: atoms that would be negative go first.

    Returns
    -------
    array or csr_array of shape (n, k)
        Of the kind of ``Z``. Samples whose active atoms depend on one another keep their codes.

    Raises
    ------
    ValueError
        If the price is negative or not finite.

    References
    ----------
    Reeves 1999, An efficient implementation of the backward greedy algorithm for sparse signal
    reconstruction.
    """
    if not 0 <= price < np.inf:
        raise ValueError(f"prune must be a finite price of at least 0, got {price!r}.")
    from unfold.sparse_coding.kernels.leave_one_out import leave_out

    given: Any = Z if sparse.issparse(Z) else to_numpy(Z)
    codes = sparse.csr_array(given, copy=True)
    codes.eliminate_zeros()
    data = np.ascontiguousarray(to_numpy(X), np.float64)
    atoms = np.ascontiguousarray(to_numpy(D), np.float64)
    values = codes.data.astype(np.float64)
    most = int(np.diff(codes.indptr).max(initial=0))
    leave_out(
        data, atoms, codes.indptr.astype(np.int64), codes.indices.astype(np.int32), values,
        float(price), positive, rank_tolerance(np.float64), np.zeros((most + 2, max(most, 1))),
        np.zeros(len(data), bool),
    )  # fmt: skip
    codes.data = values.astype(codes.dtype)
    codes.eliminate_zeros()
    if sparse.issparse(Z):
        return codes
    dense = codes.toarray()
    return like(dense, X) if is_tensor(X) else dense
