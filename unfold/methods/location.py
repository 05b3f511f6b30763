"""Where samples lie: a robust centre, and how far from it a sample may weigh."""

import numpy as np

from unfold.arrays import row_keys

#: Samples that the centre is computed from, at most, and steps of its iteration.
SAMPLES, STEPS = 20_000, 30
#: Distances below this share of the median one count as that: a sample that is the median itself
#: must not get all the weight.
NEAREST = 1e-3
#: A sample this many times farther than 95 of 100 others counts as this far: features add up,
#: so that sound samples of sparse codes spread over a decade; corrupt ones over several.
FAR = 10.0
#: Fewest exact repeats of a sample that tell the offset; others that occur this share as often are
#: rivals, and with more of them than so many none stands out.
REPEATS, RIVAL, RIVALS = 4, 0.25, 4
#: Share of the samples in a crowd of silent ones, samples looked at as its middle, and the share of
#: the dimensions that it is as wide in (by the participation ratio of its variances).
CROWD, PROBES, ROUND = 0.01, 256, 0.5
#: Times narrower than any other crowd of as many samples that one of silent ones is.
DENSER = 1.4
#: Largest share of corrupt samples.
CORRUPT = 0.01


def location(X: np.ndarray) -> np.ndarray:
    """Return the point that sparse samples gather at: their offset, or a first guess of it.

    Where no feature is active a sample is the offset itself, so that the sample which repeats is
    returned where one stands out; else, with noise, the middle of the densest crowd, where it is
    as wide in all directions, as noise is; else the geometric median. A few samples of any size
    move it by little. Adding a vector to all samples adds it to the result.

    Parameters
    ----------
    X : ndarray of shape (n_samples, d)

    Returns
    -------
    ndarray of shape (d,), float64

    References
    ----------
    Weiszfeld 1937, Sur le point pour lequel la somme des distances de n points donnés est minimum.
    Fukunaga and Hostetler 1975, The estimation of the gradient of a density function.
    """
    X = np.asarray(X[:: max(1, len(X) // SAMPLES)], np.float64)
    repeated = repeated_sample(X)
    if repeated is not None:
        return repeated
    middle = geometric_median(X)
    crowd = silent_crowd(X - middle)
    return middle if crowd is None else middle + crowd


def silent_crowd(X: np.ndarray) -> np.ndarray | None:
    """Return the middle of the densest crowd of samples, None where it is no crowd of noise alone.

    Samples of a single feature crowd along a line, those of nothing but noise around a point.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        About a point that is not far off.
    """
    n, d = X.shape
    near = max(REPEATS, round(CROWD * n))
    if n < 2 * near:
        return None
    unit = float(np.median(np.linalg.norm(X, axis=1))) or 1.0
    X = X / unit
    probes = X[:: max(1, n // PROBES)]
    squares = (probes**2).sum(axis=1)[:, None] - 2 * probes @ X.T + (X**2).sum(axis=1)
    nearest = np.partition(squares, near, axis=1)[:, near]
    densest = int(nearest.argmin())
    radius = 1.5 * float(np.sqrt(max(nearest[densest], np.finfo(float).eps)))
    centre = probes[densest]
    away = ((probes - centre) ** 2).sum(axis=1) > 2 * radius**2
    if away.any() and nearest[away].min() < DENSER**2 * nearest[densest]:
        return None
    for _ in range(STEPS // 2):
        weights = np.maximum(1 - ((X - centre) ** 2).sum(axis=1) / radius**2, 0)
        centre = weights @ X / weights.sum()
    inside = (X - centre)[weights > 0]
    variances = np.linalg.svd(inside, compute_uv=False) ** 2
    wide = variances.sum() ** 2 / max(float((variances**2).sum()), np.finfo(float).tiny)
    return centre * unit if wide > min(d, len(inside)) * ROUND else None


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
    """Return the sample that occurs most often, bit by bit, None unless few do so often.

    Of some that occur about as often, padding for instance, it is the one in the middle of the
    others. Where many do, samples are drawn from a list, or codes take few values.
    """
    _, first, counts = np.unique(row_keys(X), return_index=True, return_counts=True)
    often = counts >= max(REPEATS, RIVAL * counts.max())
    if not 0 < often.sum() <= RIVALS:
        return None
    rivals = np.asarray(X[first[often]], np.float64)
    if len(rivals) == 1:
        return np.asarray(rivals[0])
    others = np.asarray(X[first[~often]], np.float64) if not often.all() else rivals
    distance = [np.linalg.norm(others - rival, axis=1).mean() for rival in rivals]
    return np.asarray(rivals[int(np.argmin(distance))])


def sound(X: np.ndarray) -> np.ndarray:
    """Return which samples (n,) about their offset are no corrupt ones.

    Corrupt are the longest, a hundredth at most, where a whole decade lies between them and all
    others: features add up, so that sound samples leave no such gap.

    Parameters
    ----------
    X : ndarray of shape (n, d)

    Returns
    -------
    ndarray of shape (n,), bool
    """
    norms = np.linalg.norm(X, axis=1)
    order = np.argsort(norms, kind="stable")
    first = len(norms) - max(1, int(CORRUPT * len(norms)))
    below, above = norms[order[first - 1 : -1]], norms[order[first:]]
    gaps = np.flatnonzero((below > 0) & (above > FAR * below))
    kept = np.ones(len(norms), bool)
    if len(gaps):
        kept[order[first + gaps[0] :]] = False
    return kept


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
