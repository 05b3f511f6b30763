"""Our online dictionary learner: codes of a batch, atom steps, offset, replacement."""

import time
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from unfold.arrays import to_numpy, unit_rows
from unfold.io.formats.dictionary import Dictionary
from unfold.methods.atoms import width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder
from unfold.methods.dictionary_learning.minibatch import as_arrays, begin, from_arrays
from unfold.methods.streaming import Streaming, rows_of
from unfold.sparse_coding.encode import sparse_encode

#: Share of the steps in which atoms are replaced and the penalty falls, and replacements in all.
REPLACING, REPLACEMENTS = 0.75, 20
#: L1 penalty of the first step, in root mean square norms: one or two atoms a sample.
COARSE = 0.3


@final
@dataclass(eq=False, repr=False, kw_only=True)
class MinibatchDictionary(Streaming, SparseCoder):
    """Online dictionary learning with an annealed penalty and replacement of idle atoms.

    Per batch: L1 codes by `unfold.sparse_encode`, then one compiled step on each atom in turn, on
    the residual of the batch and by its share in all codes that the atom ever had, and one on the
    offset. Atoms start from k-means; over the first three quarters of the steps those that are
    idle, or double another, restart from residuals. Without ``n_active`` the penalty falls from
    coarse to ``alpha`` over these steps. Samples far beyond the others are shortened. Memory
    does not grow with the number of samples; single precision throughout.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension, less those that end up unused or doubled.
    n_active : float, optional
        Active atoms a sample: the penalty then follows it in place of ``alpha``, and `transform`
        codes by orthogonal matching pursuit to so many atoms.
    alpha : float
        Weight of the L1 penalty, as a share of the root mean square norm of the samples.
    positive : bool
        Whether codes are non-negative.
    batch_size : int
    n_steps : int
    time_limit : float, optional
        Seconds after which `fit` ends with what it has; `status_` then is MAX_ITER.

    References
    ----------
    Mairal, Bach, Ponce & Sapiro 2009, Online dictionary learning for sparse coding.
    """

    search_space: ClassVar = {"alpha": (0.005, 0.02, 0.05, 0.1)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="L1-penalised dictionary learning on data that do not fit in memory.",
        paper="Mairal, Bach, Ponce & Sapiro 2009, Online dictionary learning for sparse coding",
        cost="O(batch k (d + active atoms)) a step; memory k d, and k^2 for codes up to 512 MiB",
        fails="keeps as many atoms as it is given: `alternating` enumerates",
        hints={"n_components": "n_features", "positive": "positive"},
    )

    n_active: float | None = None
    alpha: float = 0.02
    batch_size: int = 1024
    n_steps: int = 300
    time_limit: float | None = None

    def _fit(self, X: np.ndarray) -> None:
        end = np.inf if self.time_limit is None else time.monotonic() + self.time_limit
        self._begin(X)
        source = rows_of(X, self.batch_size, int(self._random.randint(2**31 - 1)))
        for step in range(self.n_steps):
            self._absorb(source(step))
            self.n_steps_done_ = step + 1
            if time.monotonic() >= end:
                break
        self.n_iter_ = self.n_steps_done_
        if self.n_steps_done_ < self.n_steps:
            self.status_ = FitStatus.MAX_ITER
        self._publish(X[: 4 * self.batch_size])

    def _begin(self, X: np.ndarray) -> None:
        if self.n_active is not None and not 0 < self.n_active < np.inf:
            raise ValueError(f"n_active must be positive, or None, got {self.n_active!r}.")
        self.n_steps_done_ = 0
        self._random = self._rng()
        k = width(self.n_components, X)
        self._run = begin(X, k, self.n_active, self._random, positive=self.positive)

    def _absorb(self, X: np.ndarray) -> None:
        done = min(1.0, self.n_steps_done_ / max(1.0, REPLACING * self.n_steps))
        if self.n_active is None:
            self._run.alpha = self.alpha * max(1.0, COARSE / self.alpha) ** (1 - done)
        self._run.absorb(X)
        window = max(1, self.n_steps // REPLACEMENTS)
        if done < 1 and self.n_steps_done_ % window == window - 1:
            self._run.replace(X, self._random)

    def _publish(self, X: np.ndarray) -> None:
        run = self._run
        self.scale_, self.mean_ = run.scale, run.offset.copy()
        D = to_numpy(unit_rows(run.D.astype(np.float64)))
        if self.n_components is None:
            usage = np.bincount(run.codes(run.prepared(X)).indices, minlength=len(D))
            D = D[run.distinct(usage)]
        self.components_ = D

    def _exported(self) -> Dictionary:
        if self.n_active is not None:
            raise ValueError(
                f"Codes of {self.n_active} atoms by pursuit have no place in a dictionary file: "
                f"save components_ and mean_ as arrays, or fit with alpha in place of n_active."
            )
        return super()._exported()

    def _encode(self, X: Any) -> Any:
        if self.n_active is None:
            return super()._encode(X)
        atoms = self._atoms(X)
        most = min(max(1, round(self.n_active)), *atoms.shape)
        return sparse_encode(
            self._centred(X), atoms, penalty="l0", n_nonzero=most, positive=self.positive
        ).codes

    def _state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        state: Any = self._random.get_state()
        _, keys, place, has_gauss, cached = state
        arrays, notes = as_arrays(self._run)
        generator = [int(place), int(has_gauss), float(cached)]
        return {**arrays, "keys": keys}, {**notes, "generator": generator}

    def _restore(self, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        self._run = from_arrays(arrays, notes)
        self._random = np.random.RandomState()
        self._random.set_state(("MT19937", arrays["keys"], *notes["generator"]))
