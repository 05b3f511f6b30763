"""Clusters of directions: where samples with one active feature point."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square, unit_rows
from unfold.methods.atoms import (
    distinct,
    drawn_samples,
    mean_directions,
    nearest_directions,
    width,
)
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder

#: Largest coordinate of a residual, in root mean square norms, that is rounding.
ROUNDING = 1e-6


@final
@dataclass(eq=False, repr=False, kw_only=True)
class SphericalKMeans(SparseCoder):
    """Spherical k-means: a sample belongs to the direction it has the largest cosine with.

    It is sparse coding with one active atom of free size.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension, less those that end up unused or doubled.
    positive : bool
        Whether a sample counts for a direction only with its own sign.
    alpha : float
        Weight of the L1 penalty in `transform`, as a share of the root mean square norm.
    max_iter : int
    max_samples : int
        Samples used, drawn at random where there are more.

    References
    ----------
    Dhillon & Modha 2001, Concept decompositions for large sparse text data using clustering.
    """

    search_space: ClassVar = {"alpha": (0.02, 0.05, 0.1, 0.2)}
    card: ClassVar[MethodCard] = MethodCard(
        family="clustering",
        solves="Features that are mostly active one at a time.",
        paper="Dhillon & Modha 2001, Concept decompositions using clustering",
        cost="O(N k d)",
        fails="where two or more features are active in most samples",
        hints={"n_components": "n_features", "positive": "positive"},
    )

    max_iter: int = 100
    max_samples: int = 50_000

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        self.scale_ = root_mean_square(X)
        if len(X) > self.max_samples:
            X = X[rng.choice(len(X), self.max_samples, replace=False)]
        X = X / self.scale_
        D = drawn_samples(X, width(self.n_components, X), rng)
        owner = np.full(len(X), -1)
        self.status_ = FitStatus.MAX_ITER
        for i in range(self.max_iter):
            before = owner
            owner, length = nearest_directions(X, D, positive=self.positive)
            self.n_iter_ = i + 1
            if np.array_equal(before, owner):
                self.status_ = FitStatus.CONVERGED
                break
            D = mean_directions(X, D, owner, length)
            if i < self.max_iter // 2:
                self._reseed(X, D, owner, length, rng)
        usage = np.bincount(owner, minlength=len(D))
        if self.n_components is None:
            D = D[distinct(D, usage, positive=self.positive)]
        self.components_ = D

    def _reseed(
        self,
        X: np.ndarray,
        D: np.ndarray,
        owner: np.ndarray,
        length: np.ndarray,
        rng: np.random.RandomState,
    ) -> None:
        """Move centres that are empty, or double another, to badly fitted samples."""
        usage = np.bincount(owner[length != 0], minlength=len(D))
        good = distinct(D, usage, positive=self.positive)
        residual = X - length[:, None] * D[owner]
        if not good.all() and np.abs(residual).max() > ROUNDING:
            far = np.linalg.norm(residual, axis=1) ** 2
            D[~good] = unit_rows(X[rng.choice(len(X), int((~good).sum()), p=far / far.sum())])
