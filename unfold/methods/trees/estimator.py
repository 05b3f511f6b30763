"""A dictionary that is a forest: features and their parents, many of them active at once."""

import sys
import time
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from unfold.io.formats.encoder import Encoder
from unfold.io.formats.solved import TreePursuit
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import Encoded
from unfold.methods.trees.finish import finished, moved_to
from unfold.methods.trees.growth import (
    HALF,
    LEAST,
    LOUD,
    SPREAD,
    Events,
    grown,
    without_corrections,
)
from unfold.methods.trees.supports import centroid_differences, weighted_step
from unfold.methods.trees.topology import tree_of
from unfold.sparse_coding.block_pursuit import block_pursuit
from unfold.sparse_coding.trees import Tree, closed, codes_on, tree_pursuit

#: Share of the variance below which the tree found does not stand for the data.
EXPLAINED = 0.9
#: Most samples of a least squares on supports: 20 codes each are 24 MB.
MOST = 100_000
#: Share of them that no direction is fitted to, which judge what is needed.
HELD_OUT = 0.2


class TreeDictionary(Encoded):
    """Features of hierarchies, where parents are hardly ever active without a child.

    First events are found (whole paths from root to leaf, and free features), then the tree over
    them, then all features at once by weighted least squares on supports that are closed under
    ancestors. Neither the number of features, the depth, nor how many are active is told.
    Nodes that samples held out do not need are dropped. Codes are non-negative, their supports
    closed under ancestors. A child is made orthogonal to its ancestors: from samples in which it
    always comes with them it is known up to their multiples only.

    Parameters
    ----------
    n_components : int, optional
        Most features, the most used; unless given, all that were found.
    rounds : int
        Rounds of growth, each on an equal share of the samples.
    n_steps : int
        Weighted least squares on known supports.
    time_limit : float, optional
        Seconds after which growth stops; the tree of what was found is still made.
    progress : bool
        Write a line a round to the standard error.
    random_state : int, RandomState or None

    Attributes
    ----------
    parents_ : ndarray of shape (n_components_,)
        Position of each feature's parent, -1 for roots and free features.
    confidence_ : ndarray of shape (n_components_,)
        Squared cosine with the true direction that the residuals of a feature's own samples lead
        to expect, its samples being well supported: ``1 / (1 + d s^2 / sum(z^2))``.
    amplitudes_ : ndarray of shape (n_components_,)
        Median code of each feature where it is active, ancestors of active ones included.
    explained_ : float
        Share of the variance explained on the samples of the last round.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="trees",
        solves="weighted least squares on supports closed under ancestors, of events found by "
        "growth and splitting",
        paper="own",
        cost="O(N d E) a step for E events, and E^3 once a round",
        fails="fewer than some 10 samples an event; constant magnitudes; signed codes",
        enumerates=True,
    )

    def __init__(
        self,
        n_components: int | None = None,
        *,
        rounds: int = 6,
        n_steps: int = 3,
        time_limit: float | None = None,
        progress: bool = False,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.rounds = rounds
        self.n_steps = n_steps
        self.time_limit = time_limit
        self.progress = progress
        self.random_state = random_state

    def _fit(self, X: np.ndarray) -> None:
        if self.rounds < 1 or self.n_steps < 1:
            raise ValueError(
                f"rounds and n_steps must be at least 1, got {self.rounds} and {self.n_steps}."
            )
        rng = self._rng()
        X = X[rng.permutation(len(X))]
        events, mean, last = self._grow(X, rng)
        if not len(events.directions):
            self._nothing(X)
            return
        some = X[:MOST]
        tree = tree_of(events.directions)
        active = _active(some - mean, events)
        train = slice(0, max(1, round((1 - HELD_OUT) * len(some))))
        judges = slice(train.stop if train.stop < len(some) else 0, None)
        support = closed(active[train], tree)
        D = centroid_differences(
            (events.directions * events.amplitudes[:, None]).astype(X.dtype), tree
        )
        for _ in range(self.n_steps):
            D, mean = weighted_step(some[train], D, mean, support, tree)
        D, mean, tree, place = finished(
            some[train], some[judges], D, mean, tree, active[train], active[judges]
        )
        self._keep(some, D, mean, closed(moved_to(active, place, len(D)), tree), tree)
        self.mean_ = mean
        self._judge(last)

    def _grow(
        self, X: np.ndarray, rng: np.random.RandomState
    ) -> tuple[Events, np.ndarray, np.ndarray]:
        """Return events, the offset and the last samples looked at."""
        began, mean = time.monotonic(), np.zeros(X.shape[1], X.dtype)
        events = Events(np.empty((0, X.shape[1]), X.dtype), np.empty(0), np.empty(0))
        part, self.n_iter_ = X, 0
        for part in np.array_split(X, min(self.rounds, max(1, len(X) // LEAST))):
            late = self.time_limit is not None and time.monotonic() - began > self.time_limit
            if late and self.n_iter_:
                self.status_ = FitStatus.MAX_ITER
                break
            events = grown(part - mean, events, rng)
            self.n_iter_ += 1
            if len(events.directions):
                mean = mean + _offset(part - mean, events)
            if self.progress:
                seconds = time.monotonic() - began
                found = len(events.directions)
                sys.stderr.write(f"round {self.n_iter_}: {found} events, {seconds:.0f} s\n")
        if len(events.directions):
            events = without_corrections(part - mean, events)
        return events, mean, part

    def _nothing(self, X: np.ndarray) -> None:
        """Answer with the longest sample where nothing repeats, and say so."""
        self.components_ = X[np.linalg.norm(X, axis=1).argmax()][None]
        self.parents_, self.confidence_ = np.array([-1]), np.zeros(1)
        self.amplitudes_ = np.zeros(1)
        self.explained_, self.status_ = 0.0, FitStatus.STALLED

    def _keep(
        self, X: np.ndarray, D: np.ndarray, mean: np.ndarray, support: sparse.csr_array, tree: Tree
    ) -> None:
        """Set the features that samples use, most used first, parents kept with children."""
        Z = codes_on(X - mean, D, support)
        left = ((X - mean - Z @ D) ** 2).sum(axis=1)
        usage = np.bincount(support.indices, minlength=len(D))
        energy = np.asarray(Z.multiply(Z).sum(axis=0))
        noise = np.asarray(support.T @ left) / np.maximum(usage, 1)
        order = np.lexsort((tree.depths(), -usage))
        order = order[usage[order] > 0][: self.n_components]
        place = np.full(len(D) + 1, -1)
        place[order] = np.arange(len(order))
        self.components_ = D[order]
        self.parents_ = place[tree.parents[order]]
        columns = Z.tocsc()
        self.amplitudes_ = np.array(
            [np.median(columns.data[columns.indptr[j] : columns.indptr[j + 1]]) for j in order]
        )
        share = noise[order] / np.maximum(energy[order], np.finfo(X.dtype).tiny)
        self.confidence_ = 1 / (1 + share)

    def _judge(self, X: np.ndarray) -> None:
        """Set how much is explained, and the status by it."""
        Z = self._codes(X)
        total = float(((X - X.mean(axis=0)) ** 2).sum())
        left = float(((X - self.mean_ - Z @ self.components_) ** 2).sum())
        self.explained_ = 1 - left / total if total else 0.0
        if self.explained_ < EXPLAINED:
            self.status_ = FitStatus.STALLED

    def _codes(self, X: np.ndarray) -> sparse.csr_array:
        least = SPREAD * self.amplitudes_
        return tree_pursuit(self._centred(X), self._atoms(X), self.parents_, least)

    def _encoder(self) -> Encoder:
        return TreePursuit(self.parents_, SPREAD * self.amplitudes_)


def _active(X: np.ndarray, events: Events) -> sparse.csr_array:
    """Return codes over events of at least half their usual size.

    A small code beside a sibling's only mends magnitudes; with it the support would hold two
    siblings, which explain each other, and a parent could take up their mean.
    """
    Z = block_pursuit(X, events.directions, least=HALF * events.amplitudes, exact=LOUD / 2)
    Z.data[Z.data < HALF * events.amplitudes[Z.indices]] = 0
    Z.eliminate_zeros()
    return Z


def _offset(X: np.ndarray, events: Events) -> np.ndarray:
    """Return what residuals have in common, those of well explained samples counting most."""
    R = X - _active(X, events) @ events.directions
    left = (R**2).sum(axis=1)
    weights = 1 / (left + np.quantile(left, 0.3) + 1e-12)
    return np.asarray(weights @ R / weights.sum()).astype(X.dtype)
