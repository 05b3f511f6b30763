"""Where samples lie: a robust centre, and how far from it a sample may weigh."""

import numpy as np

#: Samples that the centre is computed from, at most, and rounds of its iteration.
SAMPLES, ROUNDS = 20_000, 50
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
    middle = np.median(X, axis=0)
    for _ in range(ROUNDS):
        far = np.linalg.norm(X - middle, axis=1)
        least = 1e-3 * float(np.median(far))
        if least == 0:
            break
        weights = 1 / np.maximum(far, least)
        moved = weights @ X / weights.sum()
        done = np.linalg.norm(moved - middle) <= 1e-4 * least
        middle = moved
        if done:
            break
    return np.asarray(middle)


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
