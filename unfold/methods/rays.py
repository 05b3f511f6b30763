"""Directions named by samples of a single active feature."""

from typing import Any, ClassVar

import numpy as np

from unfold.directions.codes import sharp_codes
from unfold.directions.rays import density_peaks, frequent, ray_directions, repeated_point
from unfold.methods.base import MethodCard, Recovery
from unfold.solution import Status


class Rays(Recovery):
    """Directions that several samples share exactly, or crowd around where there is noise.

    A sample with one active feature lies on that feature's ray, so that parallel samples name
    the feature, and their number grows with the square of nothing but luck: without noise this
    is exact and tells how many features there are. A bias is found where it repeats.

    Parameters
    ----------
    n_components : int, optional
        Most directions to return; unless given, as many rays as stand out by their counts.
    noise : float
        Noise per coordinate relative to the typical sample's norm; 0 looks for exact repeats.
    random_state : int, RandomState or None

    Attributes
    ----------
    counts_ : ndarray of shape (n_components_,)
        Samples along each ray.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="compressed sensing",
        solves="directions of samples in which a single feature is active",
        paper="own; after Arora, Ge and Moitra 2014, New algorithms for learning incoherent and "
        "overcomplete dictionaries",
        cost="O(N log N + N d), once",
        fails="fewer than about 14 samples with a feature alone: mean active above about 5",
        enumerates=True,
    )

    def __init__(
        self, n_components: int | None = None, *, noise: float = 0.0, random_state: Any = 0
    ) -> None:
        self.n_components = n_components
        self.noise = noise
        self.random_state = random_state

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        bias = repeated_point(X)
        centred = X if bias is None else (X - bias).astype(X.dtype)
        directions, counts = np.empty((0, X.shape[1])), np.empty(0, np.int64)
        if self.noise == 0:
            directions, counts = frequent(*ray_directions(centred, rng))
        if not len(directions):
            spread = X.shape[1] * max(self.noise, 0.02) ** 2
            directions, counts = density_peaks(centred, rng, cosine=1 - min(2 * spread, 0.3))
        if not len(directions):
            largest = np.linalg.norm(centred, axis=1).argmax()
            directions, counts = centred[largest : largest + 1], np.ones(1, np.int64)
            self.status_ = Status.STALLED
        self.components_ = directions[: self.n_components]
        self.counts_ = counts[: self.n_components]
        self.mean_ = np.zeros(X.shape[1]) if bias is None else bias

    def _encode(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(sharp_codes(X, self.components_, self.mean_, noise=0.0))
