"""Which samples are more than noise, and how long those are that are nothing else.

Methods that look at samples at unit norm would take every sample of noise for a feature.
"""

from typing import Final

import numpy as np

#: Shares of a typical sample's norm below which a sample says nothing. Without noise: rounding.
ROUNDING: Final = 1e-3
#: Where samples are compared bit by bit: rounding turns shorter ones.
REPEATING: Final = 2e-2
#: Where samples are clustered: features at a tenth of their usual magnitude are left to the rest.
CLUSTERED: Final = 0.1
#: Samples longer than noise ever is, in norms of noise: its own norm varies by ``1 / sqrt(2 d)``.
LONGER: Final = 1.5
#: Tails: share of the norm that a tenth of the samples exceed below which a sample may be noise.
QUIET, LARGE = 0.2, 0.9
#: Dimensions below which lengths do not tell noise from features: noise is of every length.
FEW_DIMENSIONS: Final = 8
#: Quantiles of norms that the shortest samples, all noise where there is any, lie between.
SHORTEST, SHORT = 0.002, 0.02
#: Samples whose cosines tell whether the shortest point anywhere.
PROBES: Final = 500


def active_samples(X: np.ndarray, least: float = ROUNDING, noise: float = 0.0) -> np.ndarray:
    """Return which samples (n,) are longer than a share of the typical one, and than noise.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples less their offset.
    least : float
        Share of the median norm of those that are not zero.
    noise : float
        Norm of samples of nothing but noise.
    """
    norms = np.linalg.norm(X, axis=1)
    typical = np.median(norms[norms > 0]) if norms.any() else 1.0
    return np.asarray(norms > max(least * typical, LONGER * noise))


def loud_samples(X: np.ndarray) -> np.ndarray:
    """Return which samples (n,) are not far shorter than the largest, among which is no noise."""
    norms = np.linalg.norm(X, axis=1)
    return np.asarray(norms >= QUIET * np.quantile(norms, LARGE))


def unit_samples(X: np.ndarray) -> np.ndarray:
    """Return the active samples at norm 1, in double precision."""
    X = np.asarray(X, np.float64)
    X = X[active_samples(X)]
    return np.asarray(X / np.linalg.norm(X, axis=1, keepdims=True))


def noise_norm(X: np.ndarray, rng: np.random.RandomState) -> float:
    """Return the norm of samples of nothing but noise, 0 where none are seen.

    They are the shortest, all of about one length, and point anywhere; the shortest samples of
    single features point where others do.
    """
    norms = np.linalg.norm(X, axis=1)
    d = X.shape[1]
    low, middle = np.quantile(norms, [SHORTEST, SHORT])
    if d < FEW_DIMENSIONS or not 0 < middle < LONGER * low:
        return 0.0
    some = rng.permutation(np.flatnonzero(norms <= middle))[:PROBES]
    U = X[some] / norms[some, None]
    cosine = np.abs(U @ U.T)
    np.fill_diagonal(cosine, 0)
    # chance: the largest of so many cosines, and the mean of as many directions
    anywhere = np.median(cosine.max(axis=1)) < 5 / np.sqrt(d)
    if not anywhere or np.linalg.norm(U.mean(axis=0)) > 3 / np.sqrt(len(U)):
        return 0.0
    return float(middle) / (1 - 2 / np.sqrt(2 * d))  # the length's lowest 50th, for its mean
