"""Gates: which features are active in which sample.

A gate is a probability law over sets of active features. Drawing one costs time in proportion to
the active features, not to all of them, which is what makes sparse toys cheap to sample.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

#: Above this density, testing every cell is cheaper than jumping from one active cell to the next.
DENSE_FROM = 0.25


class Gate(ABC):
    """A law over sets of active features."""

    @property
    @abstractmethod
    def density(self) -> np.ndarray:
        """Declared probability (k,) that each feature is active."""

    @abstractmethod
    def pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw ``n`` samples; return rows and columns of active cells, sorted by row."""


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

    def pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
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
        if len(rows) == 1:
            return rows[0], cols[0]
        return sort_by_row(np.concatenate(rows), np.concatenate(cols))


def sort_by_row(rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs ordered by row, and by column within a row."""
    order = np.lexsort((cols, rows))
    return rows[order], cols[order]
