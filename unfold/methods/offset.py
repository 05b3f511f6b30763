"""What is subtracted before features are looked for, and rows too long to be believed."""

import numpy as np

#: Steps of Weiszfeld's iteration: the median is a start, not a result.
STEPS = 30
#: Distances below this share of the median one count as that: a sample that is the median itself
#: must not get all the weight.
NEAREST = 1e-3
#: Rows longer than so many times the length that one row in twenty exceeds are shortened to it.
LONGEST, USUAL = 10.0, 0.95


def geometric_median(X: np.ndarray, n_samples: int = 20_000) -> np.ndarray:
    """Return the point of least mean distance to the samples: the offset, roughly.

    Samples of sparse codes crowd where no feature is active; distances, unlike squares, let a few
    far rows say no more than others.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    n_samples : int
        Evenly spaced samples that are looked at.

    Returns
    -------
    ndarray of shape (d,), float64

    References
    ----------
    Weiszfeld (1937), Sur le point pour lequel la somme des distances de n points est minimum.
    """
    X = np.asarray(X[:: max(1, len(X) // n_samples)], np.float64)
    unit = float(np.abs(X).max()) or 1.0
    X = X / unit
    centre: np.ndarray = np.median(X, axis=0)
    for _ in range(STEPS):
        distance = np.linalg.norm(X - centre, axis=1)
        distance = np.maximum(distance, max(NEAREST * np.median(distance), np.finfo(float).eps))
        weights = 1 / distance
        centre = weights @ X / weights.sum()
    return centre * unit


def tame(X: np.ndarray) -> np.ndarray:
    """Return the samples with rows beyond belief shortened, their directions kept.

    One corrupt row of a million times the others' norm would be all that squares see.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples about their offset.

    Returns
    -------
    ndarray of shape (n, d)
        ``X`` itself where no row is longer than `LONGEST` usual ones.
    """
    norms = np.linalg.norm(X, axis=1)
    usual = float(np.quantile(norms, USUAL))
    far = norms > LONGEST * usual
    if usual == 0 or not far.any():
        return X
    tamed = X.copy()
    tamed[far] *= (LONGEST * usual / norms[far])[:, None]
    return tamed
