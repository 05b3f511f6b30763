"""Least squares on a support: what is left to do once it is known which atoms are active."""

from typing import Any

import numpy as np

from unfold.arrays import is_tensor, like, to_numpy


def debias(X: Any, D: Any, Z: Any, *, positive: bool = True) -> Any:
    """Refit the non-zero codes of each sample by (non-negative) least squares.

    L1 finds the support but shrinks the magnitudes; this removes the shrinkage.

    Parameters
    ----------
    X, D, Z : arrays of shape (n, d), (k, d), (n, k)
    positive : bool
        Keep codes non-negative; some may then become zero.

    Returns
    -------
    array of shape (n, k)
    """
    from scipy.optimize import nnls

    data, atoms, codes = (to_numpy(A).astype(np.float64) for A in (X, D, Z))
    refit = np.zeros_like(codes)
    for i in range(len(codes)):
        on = np.flatnonzero(codes[i])
        if len(on) == 0:
            continue
        if positive:
            refit[i, on] = nnls(atoms[on].T, data[i])[0]
        else:
            refit[i, on] = np.linalg.lstsq(atoms[on].T, data[i], rcond=None)[0]
    return like(refit, X) if is_tensor(X) else refit.astype(np.asarray(Z).dtype)
