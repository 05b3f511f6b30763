"""Clusters of directions: where samples with one active feature point."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square, unit_rows
from unfold.methods.atoms import distinct, drawn_samples, width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder


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
            inner = X @ D.T
            before, owner = owner, (inner if self.positive else np.abs(inner)).argmax(axis=1)
            self.n_iter_ = i + 1
            if np.array_equal(before, owner):
                self.status_ = FitStatus.CONVERGED
                break
            size = inner[np.arange(len(X)), owner]
            weights = np.zeros_like(inner)
            weights[np.arange(len(X)), owner] = np.maximum(size, 0) if self.positive else size
            mean = weights.T @ X
            D = np.where(np.linalg.norm(mean, axis=1, keepdims=True) > 0, unit_rows(mean), D)
            if i < self.max_iter // 2:
                self._reseed(X, D, weights, rng)
        usage = np.bincount(owner, minlength=len(D))
        if self.n_components is None:
            D = D[distinct(D, usage, positive=self.positive)]
        self.components_ = D

    def _reseed(
        self, X: np.ndarray, D: np.ndarray, weights: np.ndarray, rng: np.random.RandomState
    ) -> None:
        """Move centres that are empty, or double another, to badly fitted samples."""
        good = distinct(D, np.count_nonzero(weights, axis=0), positive=self.positive)
        residual = X - weights @ D
        if not good.all() and np.abs(residual).max() > 1e-6:
            far = np.linalg.norm(residual, axis=1) ** 2
            D[~good] = unit_rows(X[rng.choice(len(X), int((~good).sum()), p=far / far.sum())])
