"""Gates: which features are active in which sample.

A gate is a probability law over sets of active features. Drawing one costs time in proportion to
the active features, not to all of them, which is what makes sparse toys cheap to sample.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

#: Above this density, testing every cell is cheaper than jumping from one active cell to the next.
DENSE_FROM = 0.25
#: By how much probabilities may add up to more than 1: their sum is rounded.
SUM_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Active:
    """Active cells of a batch of samples, in the order in which they were drawn.

    Attributes
    ----------
    rows, cols : ndarray of shape (n_active,)
        Sample and feature of each.
    parents : ndarray of shape (n_active,) or None
        Where in these arrays the cell is that switched this one on; -1 for none.
    generations : tuple of int
        Where each generation of a hierarchy ends.
    """

    rows: np.ndarray
    cols: np.ndarray
    parents: np.ndarray | None = None
    generations: tuple[int, ...] = ()


class Gate(ABC):
    """A law over sets of active features."""

    @property
    @abstractmethod
    def density(self) -> np.ndarray:
        """Declared probability (k,) that each feature is active."""

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> Active:
        """Draw which features are active in ``n`` samples."""


def bernoulli_cells(n_cells: int, p: float, rng: np.random.Generator) -> np.ndarray:
    """Return the sorted positions of successes in ``n_cells`` Bernoulli(p) trials.

    The gaps between successes are geometric, that is, rounded-down exponentials.
    """
    if p >= 1:
        return np.arange(n_cells)
    if p >= DENSE_FROM:
        return np.flatnonzero(rng.random(n_cells, dtype=np.float32) < np.float32(p))
    rate = -np.log1p(-p)
    blocks, last = [], -1
    while last < n_cells - 1:
        expected = (n_cells - 1 - last) * p
        size = int(expected + 4 * np.sqrt(expected) + 8)
        gaps = (rng.standard_exponential(size) / rate).astype(np.int64) + 1
        block = last + np.cumsum(gaps)
        blocks.append(block)
        last = int(block[-1])
    cells = np.concatenate(blocks)
    return cells[: np.searchsorted(cells, n_cells)]


@dataclass(frozen=True, eq=False)
class IndependentGate(Gate):
    """Every feature on its own coin.

    Parameters
    ----------
    p : ndarray of shape (k,)
        Density of each feature, in (0, 1].
    """

    p: np.ndarray

    @property
    def density(self) -> np.ndarray:
        """As given."""
        return self.p

    def draw(self, n: int, rng: np.random.Generator) -> Active:
        """Draw in time proportional to the number of active cells."""
        # Features of like density share one run of jumps at the largest density among them,
        # thinned to their own: at most half of the proposals are thrown away.
        octave = np.floor(np.log2(self.p)).astype(int)
        rows, cols = [], []
        for level in np.unique(octave):
            members = np.flatnonzero(octave == level)
            p = self.p[members]
            cells = bernoulli_cells(n * len(members), float(p.max()), rng)
            row, member = np.divmod(cells, len(members))
            if p.min() < p.max():
                kept = rng.random(len(cells)) * p.max() < p[member]
                row, member = row[kept], member[kept]
            rows.append(row)
            cols.append(members[member])
        return Active(np.concatenate(rows), np.concatenate(cols))


@dataclass(frozen=True, eq=False)
class ExactlyGate(Gate):
    """Exactly ``count`` of ``k`` features active, every set as likely as every other."""

    k: int
    count: int

    @property
    def density(self) -> np.ndarray:
        """The same for all: ``count / k``."""
        return np.full(self.k, self.count / self.k)

    def draw(self, n: int, rng: np.random.Generator) -> Active:
        """Draw by Floyd's algorithm, all samples at once."""
        chosen = np.empty((n, self.count), dtype=np.int64)
        for slot in range(self.count):
            newest = self.k - self.count + slot
            pick = rng.integers(0, newest + 1, size=n)
            taken = (chosen[:, :slot] == pick[:, None]).any(axis=1)
            chosen[:, slot] = np.where(taken, newest, pick)
        return Active(np.repeat(np.arange(n), self.count), chosen.ravel())


@dataclass(frozen=True, eq=False)
class SetsGate(Gate):
    """Sets of features that are switched on together, or one member at a time.

    Parameters
    ----------
    p : ndarray of shape (n_sets,)
        Probability that a set is on.
    size : int
        Features in a set; the members of set ``s`` are ``s * size ... (s + 1) * size - 1``.
    exclusive : bool
        Whether a set that is on has exactly one active member, drawn uniformly
        (anticorrelated), or all of them (correlated).
    """

    p: np.ndarray
    size: int
    exclusive: bool

    @property
    def density(self) -> np.ndarray:
        """The set's probability, shared out among its members where they exclude each other."""
        return np.repeat(self.p / (self.size if self.exclusive else 1), self.size)

    def draw(self, n: int, rng: np.random.Generator) -> Active:
        """Draw the sets that are on, then their members."""
        on = IndependentGate(self.p).draw(n, rng)
        first = on.cols * self.size
        if self.exclusive:
            return Active(on.rows, first + rng.integers(0, self.size, size=len(first)))
        members = first[:, None] + np.arange(self.size)
        return Active(np.repeat(on.rows, self.size), members.ravel())


@dataclass(frozen=True, eq=False)
class PatternsGate(Gate):
    """A list of active sets, each with its probability; the empty set with what is left.

    Parameters
    ----------
    k : int
    patterns : tuple of tuple of int
    p : ndarray of shape (n_patterns,)
    """

    k: int
    patterns: tuple[tuple[int, ...], ...]
    p: np.ndarray

    @property
    def density(self) -> np.ndarray:
        """Sum of the probabilities of the sets that hold a feature."""
        density = np.zeros(self.k)
        for pattern, p in zip(self.patterns, self.p, strict=True):
            density[list(pattern)] += p
        return density

    def draw(self, n: int, rng: np.random.Generator) -> Active:
        """Draw a set for every sample."""
        chosen = np.searchsorted(np.cumsum(self.p), rng.random(n), side="right")
        sizes = np.array([len(pattern) for pattern in self.patterns] + [0])
        flat = np.array([i for pattern in self.patterns for i in pattern], dtype=np.int64)
        starts = np.cumsum(sizes) - sizes
        length = sizes[chosen]
        rows = np.repeat(np.arange(n), length)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(length) - length, length)
        return Active(rows, flat[np.repeat(starts[chosen], length) + within])
