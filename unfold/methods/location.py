"""Where samples lie: a robust centre, and how far from it a sample may weigh."""

import numpy as np

#: Samples that the centre is computed from, at most, and steps of its iteration.
SAMPLES, STEPS = 20_000, 30
#: Distances below this share of the median one count as that: a sample that is the median itself
#: must not get all the weight.
NEAREST = 1e-3
#: A sample this many times farther than 95 of 100 others counts as this far: features add up,
#: so that sound samples of sparse codes spread over a decade; corrupt ones over several.
FAR = 10.0
#: Fewest exact repeats of a sample that tell the offset.
REPEATS = 4


def location(X: np.ndarray) -> np.ndarray:
    """Return the point that sparse samples gather at: their offset, or a first guess of it.

    Where no feature is active a sample is the offset itself, so that the sample which repeats
    most often is returned where one does; else the geometric median, which a few samples of any
    size move by little. Adding a vector to all samples adds it to the result.

    Parameters
    ----------
    X : ndarray of shape (n_samples, d)

    Returns
    -------
    ndarray of shape (d,), float64

    References
    ----------
    Weiszfeld 1937, Sur le point pour lequel la somme des distances de n points donnés est minimum.
    """
    X = np.asarray(X[:: max(1, len(X) // SAMPLES)], np.float64)
    repeated = repeated_sample(X)
    if repeated is not None:
        return repeated
    return geometric_median(X)


def geometric_median(X: np.ndarray, n_samples: int = SAMPLES) -> np.ndarray:
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


def repeated_sample(X: np.ndarray) -> np.ndarray | None:
    """Return the sample that occurs most often, bit by bit, None unless it often does."""
    keys = np.ascontiguousarray(X).view(np.dtype((np.void, X.dtype.itemsize * X.shape[1]))).ravel()
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    top = int(counts.argmax())
    return np.asarray(X[first[top]], np.float64) if counts[top] >= REPEATS else None


def outlier_bound(norms: np.ndarray) -> float:
    """Return the distance from the centre beyond which samples count as corrupt."""
    typical = float(np.quantile(norms, 0.95)) or float(norms.max(initial=0.0))
    return FAR * typical or 1.0


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
        ``X`` itself where no row is beyond `outlier_bound`.
    """
    norms = np.linalg.norm(X, axis=1)
    bound = outlier_bound(norms)
    far = norms > bound
    if not far.any():
        return X
    tamed = X.copy()
    tamed[far] *= (bound / norms[far])[:, None]
    return tamed
