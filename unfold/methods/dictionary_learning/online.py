"""Our online dictionary learner: codes of a batch, atom steps, offset, elimination."""

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np

from unfold.arrays import to_numpy, unit_rows
from unfold.deadline import OutOfTime, check_time, deadline
from unfold.io.formats.dictionary import Dictionary
from unfold.methods.atoms import width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder
from unfold.methods.dictionary_learning.elimination import eliminate
from unfold.methods.dictionary_learning.minibatch import (
    L1_SURPLUS,
    as_arrays,
    begin,
    from_arrays,
)
from unfold.methods.dictionary_learning.optimal_directions import directions_and_offset
from unfold.methods.dictionary_learning.pruning import sums
from unfold.methods.streaming import Streaming, rows_of
from unfold.sparse_coding.description_length import ERRORS, Description, shortest, within
from unfold.sparse_coding.encode import sparse_encode

#: Share of the steps over which the penalty falls and idle atoms are replaced, and replacements.
REPLACING, REPLACEMENTS = 0.4, 20
#: Share of the steps after which sparsity is first looked at.
LOOK = 0.2
#: Samples, and halvings of its logarithm, by which a penalty is chosen.
PENALISED, HALVINGS = 256, 5
#: Shares of the steps after which atoms that do not pay for themselves go.
CUTS = (0.55, 0.7, 0.8, 0.9)
#: L1 penalty of the first step, in root mean square norms: one or two atoms a sample.
COARSE = 0.3
#: Shares of a time limit for all steps and for each cut; what is left is for the end.
STEPPING, CUTTING = 0.4, 0.08
#: Noise, in its standard deviation at an atom, that the penalty keeps out after a cut.
ABOVE_NOISE = 2.0
#: Samples that atoms are weighed on, and those on which the error of their codes is chosen.
WEIGHED, CHOSEN = 16_384, 2048
#: Codes, samples times atoms, that elimination and least squares look at, and fewest samples.
PAIRS, LEAST = 2**22, 1024
#: Most atoms that elimination, and least squares over all atoms, are done for: both take time that
#: grows as their cube, and single precision no longer tells what the last one saves.
MANY = 4096
#: Atoms learned for each of a given number, up to so many: some end between two features.
SURPLUS, FEW = 2, 256
#: Least squares after the last step, and the share of the samples that decides for them.
REFITS, DECIDES = 5, 0.25
#: Times that least squares and elimination may follow each other.
ROUNDS = 5


@final
@dataclass(eq=False, repr=False, kw_only=True)
class OnlineDictionary(Streaming, SparseCoder):
    """Online dictionary learning whose atoms have to pay for themselves.

    Per batch: L1 codes by `unfold.sparse_encode`, then one compiled step on each atom in turn, on
    the residual of the batch and by its share in all codes that the atom ever had, and one on the
    offset. Atoms start from k-means, too many; while the penalty falls from coarse to fine, those
    that are idle, or double another, restart from residuals. Then atoms that cost more than they
    save in a description of the samples go, and those that are left learn on, with a penalty
    above the noise; least squares for atoms and offset together end it, where they help.
    With ``n_active`` the penalty follows the number of active atoms, and none goes. Samples far
    beyond the others are shortened. Memory does not grow with the number of samples.

    Parameters
    ----------
    n_components : int, optional
        By default, of four a dimension, those that pay for themselves.
    n_active : float, optional
        Active atoms a sample: `transform` then codes by orthogonal matching pursuit to so many.
    alpha : float
        Weight of the L1 penalty, as a share of the root mean square norm of the samples.
    positive : bool
        Whether codes are non-negative.
    batch_size : int
    n_steps : int
    time_limit : float, optional
        Seconds after which `fit` ends with what it has; ``status_`` then is MAX_ITER.

    Attributes
    ----------
    noise_ : float
        Standard deviation of what the shortest description leaves, a coordinate.

    References
    ----------
    Mairal, Bach, Ponce & Sapiro 2009, Online dictionary learning for sparse coding; Rissanen 1978,
    Modeling by shortest data description.
    """

    search_space: ClassVar = {"alpha": (0.005, 0.02, 0.05, 0.1)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="L1-penalised dictionary learning, number unknown, on data larger than memory.",
        paper="Mairal, Bach, Ponce & Sapiro 2009, Online dictionary learning for sparse coding; "
        "elimination is our own",
        cost="O(batch k (d + active atoms)) a step; memory k d, and k^2 for codes up to 512 MiB",
        fails="rare features: one must save more than its d numbers cost; given n, it keeps n",
        enumerates=True,
        hints={"n_components": "n_features", "positive": "positive"},
    )

    n_active: float | None = None
    alpha: float = 0.02
    batch_size: int = 1024
    n_steps: int = 300
    time_limit: float | None = None
    noise_: float = field(init=False)

    def _fit(self, X: np.ndarray) -> None:
        start, limit = time.monotonic(), np.inf if self.time_limit is None else self.time_limit
        self._begin(X)
        if len(X) > WEIGHED:
            places = np.sort(self._random.choice(len(X), WEIGHED, replace=False))
            self._recent, self._weight = np.asarray(X[places], np.float32), len(X) / WEIGHED
        else:
            self._recent = np.asarray(X, np.float32)
        source = rows_of(X, self.batch_size, int(self._random.randint(2**31 - 1)))
        spent, most = 0.0, max(STEPPING * limit, np.finfo(float).tiny)
        for step in range(self.n_steps):
            check_time()
            if spent >= most:
                break
            done = max(step / self.n_steps, spent / most)
            self._cut(done, CUTTING * limit)
            begun = time.monotonic()
            self._step(source(step), done)
            spent += time.monotonic() - begun
            self.n_steps_done_ = step + 1
        self.n_iter_ = self.n_steps_done_
        concluded = self._conclude(start + limit)
        if self.n_steps_done_ < self.n_steps or not concluded:
            self.status_ = FitStatus.MAX_ITER

    def _begin(self, X: np.ndarray) -> None:
        if self.n_active is not None and not 0 < self.n_active < np.inf:
            raise ValueError(f"n_active must be positive, or None, got {self.n_active!r}.")
        self.n_steps_done_ = 0
        self._random = self._rng()
        self._n_cuts = 0
        self._recent, self._weight = np.empty((0, X.shape[1]), np.float32), 1.0
        k = width(self.n_components, X)
        if self._chooses and self.n_components is not None:
            k *= SURPLUS
        self._least = self.alpha
        self._run = begin(X, k, self.n_active, self._random, positive=self.positive)

    @property
    def _chooses(self) -> bool:
        """Whether more atoms are learned than are returned."""
        few = self.n_components is None or self.n_components <= FEW
        return self.n_active is None and few

    def _absorb(self, X: np.ndarray) -> None:
        self._recent = np.concatenate([self._recent, np.asarray(X, np.float32)])[-WEIGHED:]
        done = self.n_steps_done_ / max(1, self.n_steps)
        self._cut(done)
        self._step(X, done)

    def _step(self, X: np.ndarray, done: float) -> None:
        falling = min(1.0, done / REPLACING)
        if self.n_active is None:
            self._run.alpha = self._least * max(1.0, COARSE / self._least) ** (1 - falling)
        self._run.absorb(X)
        window = max(1, self.n_steps // REPLACEMENTS)
        if falling < 1 and self.n_steps_done_ % window == window - 1:
            self._run.replace(X, self._random)

    def _cut(self, done: float, seconds: float = np.inf) -> None:
        """Where a cut is due, let atoms go that do not pay for themselves.

        The others learn anew. Before the first, a look only keeps the penalty from falling too far.
        """
        due = sum(done >= share for share in (LOOK, *CUTS))
        if not self._chooses or due <= self._n_cuts:
            return
        self._n_cuts = due
        run = self._run
        with suppress(OutOfTime), deadline(time.monotonic() + seconds):
            Y = run.prepared(self._recent)
            found = self._described(Y)
            least = max(ABOVE_NOISE * found.noise, self._penalty(Y, found))
            if due == 1:
                self._least = max(self._least, least)
                return
            D = run.D
            self._run = run.again(D[self._worth(Y, D, found.error)])
            self._least = max(self._least / 2, least)

    def _penalty(self, Y: np.ndarray, found: Description) -> float:
        """Return the L1 penalty (in root mean square norms) that finds what a description does."""
        wanted = L1_SURPLUS * found.codes.nnz / found.codes.shape[0]
        run, some = self._run, Y[:: max(1, len(Y) // PENALISED)]
        low, high = np.log(self.alpha), np.log(max(COARSE, self.alpha))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            dense = replace(run, alpha=float(np.exp(middle))).codes(some).nnz > wanted * len(some)
            low, high = (middle, high) if dense else (low, middle)
        return float(np.exp(low))

    def _worth(self, Y: np.ndarray, D: np.ndarray, error: float) -> np.ndarray:
        """Return which atoms (k,) pay for themselves."""
        if not self._chooses or len(D) > MANY:
            return np.ones(len(D), bool)
        some, least = thinned(Y, len(D)), self.n_components or 1
        weight = self._weight * len(Y) / len(some)
        kept = eliminate(some, D, error, positive=self.positive, least=least, weight=weight)
        codes = within(some, D[kept], error, positive=self.positive).toarray()
        kept[kept] = ~sums(D[kept], codes, least=least, positive=self.positive)
        return kept

    def _described(self, Y: np.ndarray) -> Description:
        return shortest(Y[:: max(1, len(Y) // CHOSEN)], self._run.D, positive=self.positive)

    def _publish(self, X: np.ndarray) -> None:
        """Show the atoms as they are; after the last step, those that pay for themselves."""
        if self.n_steps_done_ == self.n_steps:
            self._conclude()
            return
        found = self._described(self._run.prepared(self._recent))
        self._show(np.asarray(self._run.D, np.float64), self._run.offset, found)

    def _conclude(self, end: float = np.inf) -> bool:
        """Let least squares and elimination follow each other until nothing changes.

        Returns whether they did so before a moment of `time.monotonic`.
        """
        run = self._run
        Y = run.prepared(self._recent).astype(np.float64)
        D, offset = np.asarray(unit_rows(run.D.astype(np.float64))), run.offset
        found = self._described(Y)
        concluded = self.n_active is not None or len(D) > MANY
        with suppress(OutOfTime), deadline(end):
            for _ in range(0 if concluded else ROUNDS):
                D, moved, found = refitted(Y, D, positive=self.positive)
                Y, offset = Y - moved, offset + run.scale * moved
                kept = self._worth(Y, D, found.error)
                if kept.all():
                    break
                D = D[kept]
                found = replace(found, codes=found.codes[:, kept])
            concluded = time.monotonic() < end
        self._show(D, offset, found)
        return concluded

    def _show(self, D: np.ndarray, offset: np.ndarray, found: Description) -> None:
        """Set the fitted attributes, the atoms by how often they are used."""
        uses = np.bincount(found.codes.indices, minlength=len(D))
        order = np.argsort(-uses, kind="stable")
        if self.n_components is None:
            alive = self._run.again(np.asarray(D, np.float32)).distinct(uses)
            order = order[alive[order]]
        self.components_ = to_numpy(D[order[: self.n_components]])
        self.mean_, self.scale_ = np.array(offset), self._run.scale
        self.noise_ = found.noise * self._run.scale

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
        arrays |= {"keys": keys, "recent": self._recent}
        return arrays, {
            **notes, "generator": generator, "least": self._least, "n_cuts": self._n_cuts,
        }  # fmt: skip

    def _restore(self, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        self._run = from_arrays(arrays, notes)
        self._recent, self._weight, self._least = arrays["recent"], 1.0, notes["least"]
        self._n_cuts = notes["n_cuts"]
        self._random = np.random.RandomState()
        self._random.set_state(("MT19937", arrays["keys"], *notes["generator"]))


def thinned(Y: np.ndarray, k: int) -> np.ndarray:
    """Return samples (m, d), evenly taken, whose codes of ``k`` atoms are ``PAIRS`` at most."""
    return Y[:: max(1, -(-len(Y) // max(LEAST, PAIRS // k)))]


def refitted(
    Y: np.ndarray, D: np.ndarray, *, positive: bool
) -> tuple[np.ndarray, np.ndarray, Description]:
    """Return atoms and offset by least squares on pursuit codes, as long as they help.

    Samples that took no part decide, by the length of their description.

    Parameters
    ----------
    Y : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
        Unit rows.
    positive : bool

    Returns
    -------
    directions : ndarray of shape (k, d)
    offset : ndarray of shape (d,)
    description : Description
        Of the samples that decided.
    """
    aside = max(1, min(CHOSEN, int(DECIDES * len(Y))))
    judges, Y = Y[:aside], Y[aside:] if len(Y) > aside else Y
    Y = thinned(Y, len(D))
    offset = np.zeros(Y.shape[1])
    best = shortest(judges, D, positive=positive)
    for _ in range(REFITS):
        check_time()
        # down to the error of the description: finer codes fit the noise
        error = best.error
        codes = within(Y - offset, D, error, positive=positive).toarray()
        left = np.linalg.norm(Y - offset - codes @ D, axis=1)
        weights = 1 / np.sqrt(left**2 + np.median(left) ** 2 + np.finfo(np.float32).eps ** 2)
        moved, shifted = directions_and_offset(Y, D, codes, offset, weights)
        trial = shortest(judges - shifted, moved, positive=positive, errors=ERRORS)
        if trial.nats >= best.nats:
            break
        D, offset, best = moved, shifted, trial
    return D, offset, best
