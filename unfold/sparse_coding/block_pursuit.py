"""Block pursuit: several atoms a step and a refit, in time near-linear in the number of atoms."""

from typing import Any

import numpy as np
from scipy import sparse

from unfold.sparse_coding.solvers.block_pursuit import AT_ONCE, SHARE, Pursuit

#: Samples whose correlations are held at once: 2,000 of 16,384 atoms are 130 MB in float32.
BLOCK = 2_000
#: In few dimensions chance correlates with anything, and a lone atom must still be taken.
FEW = 0.7
#: Share of the squared residual below which a step is not worth another atom.
GAIN = 1e-3


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
    n, k = len(X), len(D)
    if not k:
        return sparse.csr_array((n, 0), dtype=X.dtype)
    D = np.ascontiguousarray(D, X.dtype)
    least = np.zeros(k) if least is None else np.asarray(least, np.float64)
    edge = chance * min(FEW, np.sqrt(2 * np.log(max(k, 2)) / X.shape[1]))
    width = min(max_atoms, X.shape[1])
    parts: list[tuple[Any, ...]] = []
    for start in range(0, n, BLOCK):
        block = np.ascontiguousarray(X[start : start + BLOCK])
        bounds = exact * np.linalg.norm(block, axis=1).astype(np.float64)
        pursuit = Pursuit(block, D, D, bounds, width, positive)
        pursuit.run(least, share=SHARE, edge=edge, gain=GAIN, at_once=AT_ONCE, max_steps=max_steps)
        taken = np.arange(width) < pursuit.counts[:, None]
        parts.append((pursuit.values[taken], pursuit.supports[taken], pursuit.counts))
    starts = np.concatenate([[0], np.cumsum(np.concatenate([p[2] for p in parts]))])
    data = np.concatenate([p[0] for p in parts]).astype(X.dtype)
    codes = sparse.csr_array((data, np.concatenate([p[1] for p in parts]), starts), shape=(n, k))
    codes.sort_indices()
    return codes
