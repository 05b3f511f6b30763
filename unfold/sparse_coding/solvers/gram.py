"""The Gram matrix of the atoms: when it pays, in which precision, and what rounding leaves."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solvers.blocks import GRAM_BYTES, blas_controller

#: Atoms a tile of the Gram matrix: a tile and its mirror image stay in a core's own cache.
TILE = 256
#: Numbers of a dictionary from which single precision saves time.
MANY_NUMBERS = 2**15
#: Size of numbers whose squares, and their inverses, stay within single precision.
LARGEST = 1e15


def fits_gram(problem: SparseProblem) -> bool:
    """Tell whether ``D @ D.T`` fits in memory, in the precision of ``D``."""
    k = problem.D.shape[0]
    return k * k * problem.D.dtype.itemsize <= GRAM_BYTES


def wants_gram(problem: SparseProblem) -> bool:
    """Tell whether ``D @ D.T`` fits in memory, and enough samples share its cost."""
    enough = problem.X.shape[0] >= problem.D.shape[0] // 16
    return problem.gram is not None or (fits_gram(problem) and enough)


def gram_matrix(problem: SparseProblem, D: np.ndarray, n_threads: int) -> np.ndarray:
    """Return ``D @ D.T`` in the precision of ``D``: the caller's, or computed here."""
    if problem.gram is not None:
        return np.require(problem.gram, D.dtype, ["C", "W"])
    return own_product(D, n_threads)


def own_product(D: np.ndarray, n_threads: int) -> np.ndarray:
    """Return ``D @ D.T``, in tiles: half the products, the other half mirrored.

    Tiles are shared among threads of our own, since those of OpenBLAS keep spinning for some
    20 ms after a product, on cores that blocks of samples are to be solved on.
    """
    k = len(D)
    tiles = [slice(i, min(i + TILE, k)) for i in range(0, k, TILE)]
    G = np.empty((k, k), D.dtype)

    def fill(last: int) -> None:
        rows = tiles[last]
        for columns in tiles[: last + 1]:
            if columns == rows:
                # of a copy: a product with itself is taken for a symmetric one, which is slower
                np.matmul(D[rows], D[rows].copy().T, out=G[rows, rows])
            else:
                np.matmul(D[rows], D[columns].T, out=G[rows, columns])
                G[columns, rows] = G[rows, columns].T

    with blas_controller().limit(limits=1, user_api="blas"):
        if n_threads == 1 or len(tiles) < 4:
            for last in range(len(tiles)):
                fill(last)
        else:
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(fill, reversed(range(len(tiles)))))  # the longest rows first
    return G


def squared_norms(X: np.ndarray) -> np.ndarray:
    """Return the squared norm of each row, in float64."""
    from unfold.sparse_coding.kernels.rows import square_rows

    norms = np.empty(len(X))
    square_rows(X, norms)
    return norms


def rank_tolerance(dtype: Any) -> float:
    """Return the squared sine below which an atom counts as dependent on the support."""
    return 1e-11 if dtype == np.float64 else 3e-6


def wants_mixed(problem: SparseProblem) -> bool:
    """Tell whether single precision saves more in products than making it exact costs."""
    if problem.D.dtype != np.float64 or problem.D.size < MANY_NUMBERS:
        return False
    safe = np.min(problem.form.alpha) > 1 / LARGEST**2
    given = (problem.X, problem.D)
    return bool(safe) and all(max(A.max(initial=0), -A.min(initial=0)) < LARGEST for A in given)


class Products:
    """``D.T`` and ``D @ D.T`` of one problem, in the precision its kernels search in.

    Parameters
    ----------
    problem : SparseProblem
    options : Options
    mixed : bool
        Search in single precision: half the memory traffic, to be made exact afterwards.
    """

    def __init__(self, problem: SparseProblem, options: Options, mixed: bool) -> None:
        self._problem, self._effort = problem, options
        self.mixed = mixed
        self.dtype = np.dtype(np.float32) if mixed else problem.D.dtype
        self.D = problem.D.astype(self.dtype, copy=False)
        self.rank_tol = rank_tolerance(self.dtype)
        self._gram: np.ndarray | None = None
        self._forming = Lock()

    def form_gram(self) -> np.ndarray:
        """Return ``D @ D.T`` in that precision; threads that ask at the same time share one."""
        with self._forming:
            if self._gram is None:
                self._gram = gram_matrix(self._problem, self.D, self._effort.n_threads)
            return self._gram

    @cached_property
    def largest(self) -> float:
        """Largest squared norm of an atom."""
        return float(squared_norms(self._problem.D).max())

    @property
    def reach(self) -> float:
        """Bound on the error of a correlation, for samples and codes of unit size.

        Inner products of d terms err by at most d u ||u|| ||v|| (Higham 2002, section 3.1); twice
        that covers the rounding of the data themselves.
        """
        d = self._problem.D.shape[1]
        return 2.0 * (d + 2) * 2.0**-24 * max(self.largest, self.largest**0.5)
