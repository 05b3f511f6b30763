"""Blocks of samples over threads, and their codes put together again."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from unfold.sparse_coding.solution import CertificateKind, Solution

GRAM_BYTES = 512 * 2**20
#: Samples of a block: products want many, memory and even shares among threads want few.
BLOCK_ROWS, BLOCK_CELLS = 2560, 2**21


def block_size(n: int, n_atoms: int, n_threads: int) -> int:
    """Return how many samples to solve at a time, in blocks of even size for every thread."""
    most = min(BLOCK_ROWS, max(128, BLOCK_CELLS // n_atoms))
    rounds = -(-n // (n_threads * most))
    return -(-n // (n_threads * rounds))


@cache
def blas_controller() -> Any:
    """Return the one controller of the BLAS threads of this process."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class Compact:
    """Codes of one block as (atom, value) lists, with what the kernels report per sample.

    Parameters
    ----------
    n : int
        Samples.
    lists : tuple of ndarray of shape (at least n, size)
        Where to write atoms and values: `lists_for` makes them, once a thread, since memory that
        is touched for the first time costs more than what is written to it.
    """

    def __init__(self, n: int, lists: tuple[np.ndarray, np.ndarray]) -> None:
        self.atoms, self.values = lists[0][:n], lists[1][:n]
        self.counts = np.zeros(n, np.int64)
        self.certificate = np.zeros(n)
        self.status = np.zeros(n, np.int8)
        self.n_iter = np.zeros(n, np.int64)

    @property
    def outputs(self) -> tuple[np.ndarray, ...]:
        """The arrays in the order in which kernels fill them."""
        return (self.atoms, self.values, self.counts, self.certificate, self.status, self.n_iter)

    def pack(self, dtype: Any) -> tuple[np.ndarray, ...]:
        """Return what is kept of a block: flat atoms and values, and the reports."""
        from unfold.sparse_coding.kernels.rows import string_together

        total = int(self.counts.sum())
        atoms, values = np.empty(total, np.int32), np.empty(total, dtype)
        string_together(self.atoms, self.values, self.counts, atoms, values)
        return atoms, values, self.counts, self.certificate, self.status, self.n_iter


def lists_for(n: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return room for up to ``size`` atoms and values of ``n`` samples."""
    return np.empty((n, size), np.int32), np.empty((n, size))


def over_blocks(
    n: int,
    block: int,
    n_threads: int,
    make_scratch: Callable[[], Any],
    work: Callable[[slice, Any], tuple[np.ndarray, ...]],
    prepare: Callable[[], Any] = lambda: None,
) -> list[tuple[np.ndarray, ...]]:
    """Run ``work(rows, scratch)`` on every block of rows, with a scratch space per thread.

    ``prepare`` makes what all blocks wait for, on the calling thread, while the others start.
    """
    rows = [slice(i, min(i + block, n)) for i in range(0, n, block)]
    found: list[Any] = [None] * len(rows)
    waiting = iter(range(len(rows)))  # taking the next is atomic under the interpreter's lock

    def drain() -> None:
        scratch = make_scratch()
        for i in waiting:
            found[i] = work(rows[i], scratch)

    helpers = min(n_threads, len(rows)) - 1
    with blas_controller().limit(limits=1, user_api="blas"):
        if helpers < 1:
            prepare()
            drain()
            return found
        with ThreadPoolExecutor(helpers) as pool:
            others = [pool.submit(drain) for _ in range(helpers)]
            try:
                prepare()
                drain()
            finally:  # interrupted: leave the others nothing more to take
                for _ in waiting:
                    pass
            for other in others:
                other.result()
    return found


def mended(
    parts: list[tuple[np.ndarray, ...]], solve_exactly: Callable[[np.ndarray], Solution]
) -> list[tuple[np.ndarray, ...]]:
    """Return packed blocks with the samples of infinite certificate solved again.

    ``solve_exactly`` takes their positions and returns their solution, codes in CSR.
    """
    whole = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    rows = np.flatnonzero(np.isinf(whole[3]))
    if not len(rows):
        return parts
    better = solve_exactly(rows)
    found = csr_array(better.codes)
    counts = whole[2].copy()
    added = np.diff(found.indptr)
    old = np.repeat(np.arange(len(counts)), counts)
    kept = ~np.isin(old, rows)
    order = np.argsort(np.concatenate([old[kept], np.repeat(rows, added)]), kind="stable")
    atoms = np.concatenate([whole[0][kept], found.indices.astype(np.int32)])[order]
    values = np.concatenate([whole[1][kept], found.data.astype(whole[1].dtype)])[order]
    reports = (better.certificate, better.status, better.n_iter)
    for mine, theirs in zip(whole[2:], (added, *reports), strict=True):
        mine[rows] = theirs
    return [(atoms, values, *whole[2:])]


def assemble(
    parts: Sequence[tuple[np.ndarray, ...]],
    n_atoms: int,
    kind: CertificateKind,
    layout: Literal["dense", "csr"],
) -> Solution:
    """Put blocks together into one solution, dense or CSR."""
    atoms, values, counts, certificate, status, n_iter = (
        np.concatenate(arrays) for arrays in zip(*parts, strict=True)
    )
    codes: Any
    if layout == "csr":
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        codes = csr_array((values, atoms, ends), shape=(len(counts), n_atoms))
        codes.has_sorted_indices = True
    else:
        codes = np.zeros((len(counts), n_atoms), values.dtype)
        codes[np.repeat(np.arange(len(counts)), counts), atoms] = values
    return Solution(codes, status, n_iter, certificate, kind)
