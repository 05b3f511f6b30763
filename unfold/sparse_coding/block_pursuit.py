"""Block pursuit: several atoms a step and a refit, in time near-linear in the number of atoms."""

from typing import Any

import numpy as np
from scipy import sparse

from unfold.sparse_coding.solvers.gram import rank_tolerance

#: Samples whose correlations are held at once: 2,000 of 16,384 atoms are 130 MB in float32.
BLOCK = 2_000
#: Least share of the largest correlation that an atom chosen in the same step has.
SHARE = 0.7
#: In few dimensions chance correlates with anything, and a lone atom must still be taken.
FEW = 0.7
#: Most atoms a step.
AT_ONCE = 4


def block_pursuit(
    X: np.ndarray,
    D: np.ndarray,
    *,
    least: np.ndarray | None = None,
    exact: float = 1e-3,
    chance: float = 1.0,
    max_atoms: int = 64,
    max_steps: int = 40,
    positive: bool = True,
) -> sparse.csr_array:
    """Return codes of samples, by a pursuit that stops where only chance is left.

    Every step adds up to four atoms of nearly the largest correlation with the residual and fits
    the support by (non-negative) least squares. Random residuals of norm r correlate with one of
    k unit atoms by ``r sqrt(2 log(k) / d)`` at most; what is below is not taken.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
        Unit rows.
    least : ndarray of shape (k,), optional
        Correlation from which each atom may be taken, such as half of its usual code.
    exact : float
        Residual, as a share of the sample's norm, at which a sample is explained.
    chance : float
        Factor on the correlation that chance gives.
    max_atoms : int
        Most active atoms of a sample.
    max_steps : int
    positive : bool

    Returns
    -------
    csr_array of shape (n, k)

    References
    ----------
    Needell and Tropp (2009), CoSaMP; Donoho, Tsaig, Drori and Starck (2012), stagewise OMP.
    """
    from unfold.sparse_coding.kernels.block_pursuit import extend_and_refit

    n, k = len(X), len(D)
    if not k:
        return sparse.csr_array((n, 0), dtype=X.dtype)
    D = np.ascontiguousarray(D, X.dtype)
    least = np.zeros(k) if least is None else np.asarray(least, np.float64)
    edge = chance * min(FEW, np.sqrt(2 * np.log(max(k, 2)) / X.shape[1]))
    width = min(max_atoms, X.shape[1])
    scratch = (np.zeros((width, width)), np.zeros((width + 3, width + 1)))
    parts: list[tuple[Any, ...]] = []
    for start in range(0, n, BLOCK):
        block = np.ascontiguousarray(X[start : start + BLOCK])
        m = len(block)
        supports, values = np.zeros((m, width), np.int64), np.zeros((m, width))
        counts, live, R = np.zeros(m, np.int64), np.ones(m, bool), block.copy()
        for _ in range(max_steps):
            rows = np.flatnonzero(live)
            if not len(rows):
                break
            part = tuple(a[rows] for a in (block, R, live, supports, values, counts))
            x, r, on, sup, val, cnt = part
            extend_and_refit(
                x, D, r @ D.T, r, on, sup, val, cnt, least, SHARE, edge, exact, AT_ONCE, positive,
                rank_tolerance(X.dtype), *scratch,
            )  # fmt: skip
            R[rows], live[rows], supports[rows], values[rows], counts[rows] = r, on, sup, val, cnt
        taken = np.arange(width) < counts[:, None]
        parts.append((values[taken], supports[taken], counts))
    starts = np.concatenate([[0], np.cumsum(np.concatenate([p[2] for p in parts]))])
    data = np.concatenate([p[0] for p in parts]).astype(X.dtype)
    codes = sparse.csr_array((data, np.concatenate([p[1] for p in parts]), starts), shape=(n, k))
    codes.sort_indices()
    return codes
