"""Our online dictionary learner: surrogate statistics, coordinate steps, replacement."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square, to_numpy, unit_rows
from unfold.methods.atoms import distinct, drawn_samples, from_residuals, width
from unfold.methods.base import MethodCard
from unfold.methods.codes import SparseCoder, sparse_codes
from unfold.methods.streaming import Streaming, rows_of


@final
@dataclass(eq=False, repr=False, kw_only=True)
class OnlineDictionary(Streaming, SparseCoder):
    """Online dictionary learning with an annealed penalty and replacement of idle atoms.

    Per batch: L1 codes by `unfold.sparse_encode`, running averages of ``Z'Z`` and ``Z'X``, one
    round of block-coordinate steps. Over the first three quarters of the steps the penalty
    falls from coarse to ``alpha``, and atoms that are idle or double another restart from
    residuals. Takes data batch by batch, so memory does not grow with the number of samples.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension, less those that end up unused or doubled.
    alpha : float
        Weight of the L1 penalty, as a share of the root mean square norm of the samples.
    positive : bool
        Whether codes are non-negative.
    batch_size : int
    n_steps : int

    References
    ----------
    Mairal, Bach, Ponce & Sapiro 2009, Online dictionary learning for sparse coding.
    """

    search_space: ClassVar = {"alpha": (0.005, 0.02, 0.05, 0.1)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="L1-penalised dictionary learning on data that do not fit in memory.",
        paper="Mairal, Bach, Ponce & Sapiro 2009, Online dictionary learning for sparse coding",
        cost="O(batch k (d + active atoms) + k^2 d) a step",
        fails="keeps as many atoms as it is given: `alternating` enumerates",
        hints={"n_components": "n_features", "positive": "positive"},
    )

    alpha: float = 0.02
    batch_size: int = 1024
    n_steps: int = 200

    def _fit(self, X: np.ndarray) -> None:
        self._begin(X)
        source = rows_of(X, self.batch_size, int(self._random.randint(2**31 - 1)))
        for step in range(self.n_steps):
            self._absorb(source(step))
            self.n_steps_done_ = step + 1
        self.n_iter_ = self.n_steps
        self._publish(X[: 4 * self.batch_size])

    def _begin(self, X: np.ndarray) -> None:
        self.n_steps_done_ = 0
        self._random = self._rng()
        self.scale_ = root_mean_square(X)
        k = width(self.n_components, X)
        self._D = drawn_samples(X.astype(np.float64), k, self._random)
        self._ZZ, self._ZX = np.zeros((k, k)), np.zeros_like(self._D)
        self._usage = np.zeros(k)

    def _absorb(self, X: np.ndarray) -> None:
        X = X.astype(np.float64) / self.scale_
        done = min(1.0, self.n_steps_done_ / max(1.0, 0.75 * self.n_steps))
        alpha = self.alpha * max(1.0, 0.3 / self.alpha) ** (1 - done)
        codes = np.array(sparse_codes(X, self._D, alpha, positive=self.positive))
        share = max((self.n_steps_done_ + 1) ** -0.7, 0.02)
        self._ZZ += share * (codes.T @ codes / len(X) - self._ZZ)
        self._ZX += share * (codes.T @ X / len(X) - self._ZX)
        self._usage += np.count_nonzero(codes, axis=0)
        for j in np.flatnonzero(np.diag(self._ZZ) > 1e-12):
            self._D[j] += (self._ZX[j] - self._ZZ[j] @ self._D) / self._ZZ[j, j]
            self._D[j] /= max(np.linalg.norm(self._D[j]), 1e-12)
        window = max(1, self.n_steps // 20)
        if done < 1 and self.n_steps_done_ % window == window - 1:
            self._replace(X - codes @ self._D)

    def _replace(self, residuals: np.ndarray) -> None:
        good = distinct(self._D, self._usage, positive=self.positive, least=0.01, coherence=0.97)
        if not good.all() and np.any(residuals):
            missing = int((~good).sum())
            self._D[~good] = from_residuals(
                residuals, missing, self._random, positive=self.positive
            )
            self._ZZ[~good], self._ZZ[:, ~good], self._ZX[~good] = 0, 0, 0
        self._usage[:] = 0

    def _publish(self, X: np.ndarray) -> None:
        D = to_numpy(unit_rows(self._D))
        if self.n_components is None:
            codes = sparse_codes(X / self.scale_, D.astype(X.dtype), self.alpha)
            D = D[distinct(self._D, np.count_nonzero(codes, axis=0), positive=self.positive)]
        self.components_ = D

    def _state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        state: Any = self._random.get_state()
        _, keys, place, has_gauss, cached = state
        arrays = {"D": self._D, "ZZ": self._ZZ, "ZX": self._ZX, "usage": self._usage, "keys": keys}
        notes = {"scale": self.scale_, "generator": [int(place), int(has_gauss), float(cached)]}
        return arrays, notes

    def _restore(self, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        self._D, self._ZZ, self._ZX = arrays["D"], arrays["ZZ"], arrays["ZX"]
        self._usage, self.scale_ = arrays["usage"], notes["scale"]
        self._random = np.random.RandomState()
        self._random.set_state(("MT19937", arrays["keys"], *notes["generator"]))
