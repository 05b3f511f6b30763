"""What a fitted dictionary does with samples: how much it explains, with how many features."""

from dataclasses import dataclass
from typing import Any

import numpy as np

#: Most numbers in the dense codes of a block: a quarter of a gigabyte in double precision.
BLOCK_CELLS = 2**25
BLOCK_ROWS = 8192


@dataclass(frozen=True, eq=False)
class Measured:
    """Codes of samples, measured.

    Attributes
    ----------
    explained_variance : float
    mean_active : float
        Features active in a sample.
    usage : ndarray of shape (k,)
        Share of samples in which each feature is active.
    residuals : ndarray of shape (n,)
        Norm of what is not explained, over the norm of the sample.
    noise : float
        Median over samples of what codes leave per coordinate, for the coordinates that their
        active features do not fit anyway.
    codes : list of csr_array
        Where they were to be kept.
    """

    explained_variance: float
    mean_active: float
    usage: np.ndarray
    residuals: np.ndarray
    noise: float
    codes: list[Any]

    def plain(self) -> dict[str, float]:
        """Return the two numbers that say most."""
        return {
            "explained_variance": self.explained_variance,
            "mean_active": self.mean_active,
        }


def atoms_of_estimator(estimator: Any) -> np.ndarray:
    """Return the directions of a fitted estimator, unit rows in single precision."""
    from unfold import dictionary_of
    from unfold.arrays import to_numpy

    return np.ascontiguousarray(to_numpy(dictionary_of(estimator)), np.float32)


def mean_of(estimator: Any, d: int) -> np.ndarray:
    """Return what an estimator subtracts before encoding."""
    from unfold.arrays import to_numpy

    mean = getattr(estimator, "mean_", None)
    return np.zeros(d) if mean is None else np.asarray(to_numpy(mean), np.float64)


def measure(estimator: Any, X: Any, *, keep: bool = False) -> Measured:
    """Encode samples, a block at a time, and measure codes and residuals.

    Parameters
    ----------
    estimator : object
        Fitted.
    X : array-like of shape (n, d)
    keep : bool
        Keep the codes.

    Returns
    -------
    Measured
    """
    from scipy.sparse import csr_array

    dictionary = atoms_of_estimator(estimator)
    mean = mean_of(estimator, X.shape[1])
    size = min(BLOCK_ROWS, max(1, BLOCK_CELLS // max(dictionary.shape)))
    usage, left, total = np.zeros(len(dictionary)), 0.0, 0.0
    centre = _centre(X, size)
    residuals, noise, codes = [], [], []
    for start in range(0, len(X), size):
        block = np.asarray(X[start : start + size])
        Z = estimator.transform(block)
        Z = Z if hasattr(Z, "tocsr") else np.asarray(Z)
        error = ((block - _rebuilt(estimator, Z, dictionary, mean)) ** 2).sum(axis=1)
        left, total = left + float(error.sum()), total + float(((block - centre) ** 2).sum())
        length = np.sqrt(((block - mean) ** 2).sum(axis=1))
        residuals.append(np.sqrt(error) / np.where(length > 0, length, 1))
        usage += np.asarray((Z != 0).sum(axis=0)).ravel()
        free = np.maximum(X.shape[1] - np.asarray((Z != 0).sum(axis=1)).ravel(), 1)
        noise.append(np.sqrt(error / free))
        if keep:
            codes.append(csr_array(Z, dtype=np.float32))
    usage /= len(X)
    explained = 1 - left / total if total else float("nan")
    left_over = float(np.median(np.concatenate(noise)))
    return Measured(
        explained, float(usage.sum()), usage, np.concatenate(residuals), left_over, codes
    )


def _centre(X: Any, size: int) -> np.ndarray:
    starts = range(0, len(X), size)
    sums = (np.asarray(X[i : i + size]).sum(axis=0, dtype=np.float64) for i in starts)
    return np.asarray(sum(sums, np.zeros(X.shape[1])) / len(X))


def _rebuilt(estimator: Any, Z: Any, dictionary: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return what codes stand for, by the method's own decoder where it has one."""
    if hasattr(estimator, "inverse_transform"):
        return np.asarray(estimator.inverse_transform(Z))
    return np.asarray(Z @ dictionary + mean)


def largest_cosine(dictionary: np.ndarray) -> float:
    """Return the largest cosine between two directions found, from at most 4000 of them."""
    some = dictionary[:4000].astype(np.float64)
    if len(some) < 2:
        return float("nan")
    gram = some @ some.T
    np.fill_diagonal(gram, -1)
    return float(gram.max())
