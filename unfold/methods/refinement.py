"""A dictionary that is nearly right, made right: the polish as a method of its own."""

from typing import Any, ClassVar

import numpy as np

from unfold.arrays import to_numpy, unit_rows
from unfold.directions.codes import sharp_codes
from unfold.directions.polish import anneal, normalised, refine_noisy
from unfold.methods.base import MethodCard, Recovery
from unfold.methods.enumeration import width
from unfold.solution import Status


class Refinement(Recovery):
    """Annealed refinement of a dictionary on the samples that few of its atoms fit closely.

    Each round codes samples by a non-negative pursuit to a tolerance that shrinks from round to
    round, and takes a least-squares step over those that meet it, close fits weighing most. It
    ends at rounding where there is no noise, else at the noise level, where ordinary least squares
    over well-fitted samples is efficient.

    Parameters
    ----------
    n_components : int, optional
        Directions to start from where no start is given; by default four a dimension.
    start : array-like of shape (k, d), optional
        Directions to refine, such as another method's ``components_``; random samples unless
        given, of which only those near a feature will get anywhere.
    n_nonzero : int, optional
        Most atoms a sample; by default a quarter of the dimensions.
    max_iter : int
        Most rounds.
    random_state : int, RandomState or None

    Attributes
    ----------
    exact_fraction_ : float
        Share of samples fitted to the last tolerance.
    noise_ : float
        Noise per coordinate that the fits leave.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="sparse coding",
        solves="least squares over closely fitted samples, to a tolerance annealed to the noise",
        paper="own; robust weights after Black and Rangarajan 1996, graduated non-convexity",
        cost="a pursuit of all samples a round, some 11 rounds",
        fails="starts beyond cosine .95 of the truth; more than d / 4 active",
    )

    def __init__(
        self,
        n_components: int | None = None,
        *,
        start: Any = None,
        n_nonzero: int | None = None,
        max_iter: int = 30,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.start = start
        self.n_nonzero = n_nonzero
        self.max_iter = max_iter
        self.random_state = random_state

    def _fit(self, X: np.ndarray) -> None:
        n_nonzero = self.n_nonzero or max(1, X.shape[1] // 4)
        result = anneal(X, self._first(X), n_nonzero=n_nonzero, max_iter=self.max_iter)
        self.components_, self.noise_ = result.dictionary, 0.0 if result.exact else result.noise
        if not result.exact and result.exact_fraction > 0.15:
            self.components_, self.noise_ = refine_noisy(
                X, result.dictionary, result.noise, n_nonzero=n_nonzero
            )
        self.exact_fraction_ = result.exact_fraction
        self.n_iter_ = result.n_iter
        if result.exact_fraction < 0.05:
            self.status_ = Status.STALLED

    def _first(self, X: np.ndarray) -> np.ndarray:
        """Return the unit directions to start from."""
        if self.start is None:
            audible = normalised(X)
            order = self._rng().permutation(len(audible))
            return audible[order[: width(self.n_components, X)]]
        start = np.atleast_2d(np.asarray(to_numpy(self.start), np.float64))
        norms = np.linalg.norm(start, axis=1)
        if start.shape[1] != X.shape[1] or not np.isfinite(start).all() or not norms.all():
            raise ValueError(
                f"start must be finite directions of shape (k, {X.shape[1]}), none of them zero; "
                f"got shape {start.shape}."
            )
        return np.asarray(unit_rows(start))

    def _encode(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(sharp_codes(X, self.components_, self.mean_, noise=self.noise_))
