"""Directions climbed from samples in the tails of the data, reseeded from residuals."""

from typing import Any, ClassVar

import numpy as np

from unfold.directions.codes import sharp_codes
from unfold.directions.high_dimension import reseeded
from unfold.methods.base import MethodCard, Recovery
from unfold.solution import Status


class TailPower(Recovery):
    """Tail power iteration with reseeding from residuals and an annealed polish.

    From many samples at once, iterates ``v <- E[z relu(z.v - q)]`` on white data: far in the
    tail along a direction one feature's samples dominate, and their mean points along it. What
    known directions leave unexplained seeds the next round.

    Parameters
    ----------
    n_components : int, optional
        How many directions; unless given, those that enough samples need.
    max_rounds : int
        Most rounds of reseeding.
    random_state : int, RandomState or None
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="moments",
        solves="fixed points of the mean of samples beyond a threshold along a direction",
        paper="own; the nonlinearity replaces the cube of Qu et al. 2020, Geometric analysis of "
        "nonconvex optimization landscapes for overcomplete learning",
        cost="O(N k d) an iteration, two matrix products",
        fails="hierarchies; d below 30 with more than d / 6 active; below 30 samples a feature",
        enumerates=True,
    )

    def __init__(
        self, n_components: int | None = None, *, max_rounds: int = 4, random_state: Any = 0
    ) -> None:
        self.n_components = n_components
        self.max_rounds = max_rounds
        self.random_state = random_state

    def _fit(self, X: np.ndarray) -> None:
        none = np.empty((0, X.shape[1]))
        result = reseeded(
            X,
            none,
            self.n_components,
            self._rng(),
            n_nonzero=max(2, X.shape[1] // 8),
            max_rounds=self.max_rounds,
        )
        self.components_ = result.dictionary
        self.n_iter_ = result.n_iter
        self.noise_ = 0.0 if result.exact else result.noise
        if result.exact_fraction < 0.05:
            self.status_ = Status.STALLED

    def _encode(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(sharp_codes(X, self.components_, self.mean_, noise=self.noise_))
