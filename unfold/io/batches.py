"""Random batches of shards that are read in order: a shuffle in two levels.

Rows are cut into runs, each read from start to end. A pool takes some rows of every run, in a
random order, and batches leave the pool. Every row comes once; no more than a pool is in memory.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

#: Runs read side by side, at least: one long shard is shuffled as well as many short ones.
RUNS = 128
#: Bytes of a pool: rows mix with as many others as that holds. Beyond about 32 MB the allocator
#: hands every pool back to the system, and fresh pages cost more than the copy (measured: a third
#: of the speed).
POOL_BYTES = 16 * 2**20


class Rows(Protocol):
    """What is read from: rows from a start to a stop."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return consecutive rows."""
        ...


def in_order(shards: Sequence[Rows], size: int) -> Iterator[np.ndarray]:
    """Yield batches of ``size`` rows, the last one shorter, in the order of the shards."""
    rest: list[np.ndarray] = []
    held = 0
    for shard in shards:
        start = 0
        while start < len(shard):
            block = shard.rows(start, min(len(shard), start + size - held))
            rest.append(block)
            start, held = start + len(block), held + len(block)
            if held == size:
                yield rest[0] if len(rest) == 1 else np.concatenate(rest)
                rest, held = [], 0
    if held:
        yield np.concatenate(rest)


def shuffled(
    shards: Sequence[Rows], size: int, d: int, dtype: np.dtype, seed: int
) -> Iterator[np.ndarray]:
    """Yield every row once, in random batches of ``size``, the last one shorter.

    ``dtype`` is that of the rows that shards give.
    """
    rng = np.random.default_rng(seed)
    cursors = _runs(shards)
    left = np.array([stop - start for _, start, stop in cursors])
    # Whole batches, so that only the very last one is short.
    pool_rows = size * max(1, POOL_BYTES // (size * d * dtype.itemsize))
    while left.sum():
        count = min(pool_rows, int(left.sum()))
        shares = _shares(left, count, rng)
        places = rng.permutation(count)
        pool = np.empty((count, d), dtype)
        begin = 0
        for run in np.flatnonzero(shares):
            shard, start, stop = cursors[run]
            share = int(shares[run])
            pool[places[begin : begin + share]] = shard.rows(start, start + share)
            cursors[run] = (shard, start + share, stop)
            begin += share
        left -= shares
        for start in range(0, count, size):
            yield pool[start : start + size]


def _runs(shards: Sequence[Rows]) -> list[tuple[Rows, int, int]]:
    """Return shards cut into consecutive runs, at least `RUNS` in all where there are the rows."""
    pieces = -(-RUNS // max(1, len(shards)))
    runs = []
    for shard in shards:
        edges = np.linspace(0, len(shard), pieces + 1).astype(int)
        runs += [(shard, int(a), int(b)) for a, b in pairwise(edges) if b > a]
    return runs


def _shares(left: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return how many of ``count`` rows each run gives, in proportion to what it has left."""
    exact = left * (count / left.sum())
    shares = np.minimum(np.floor(exact).astype(int), left)
    open_runs = np.flatnonzero(shares < left)
    missing = count - int(shares.sum())
    shares[rng.permutation(open_runs)[:missing]] += 1
    return shares
