"""Pursuit without a Gram matrix: several atoms a step, correlations in single precision."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unfold.sparse_coding.forms import AtMost, WithinError
from unfold.sparse_coding.problem import Options, SparseProblem, residual_bound
from unfold.sparse_coding.solution import Solution, Status
from unfold.sparse_coding.solvers.base import Solver
from unfold.sparse_coding.solvers.blocks import (
    BLOCK_ROWS,
    Compact,
    assemble,
    lists_for,
    mended,
    over_blocks,
)
from unfold.sparse_coding.solvers.gram import rank_tolerance, squared_norms

#: Correlations held at once: 64 MB in single precision, 1,024 samples of 16,384 atoms. Few
#: samples a block would read all atoms for the last of them alone.
CELLS = 2**24
#: Least share of the largest correlation that an atom chosen in the same step has.
SHARE = 0.7
#: Most atoms a step.
AT_ONCE = 4
#: Share of the squared residual that a step must take off, above what rounding moves.
GAIN = 1e-9
#: Correlation, as a share of the residual's norm, that single precision takes for nothing.
NOISE = 3e-6


@dataclass(eq=False)
class Pursuit:
    """What a pursuit of one block needs and how it ends.

    Attributes
    ----------
    X, D : ndarray of shape (m, d) and (k, d)
        Samples and unit atoms, in the precision of fits.
    searched : ndarray of shape (k, d)
        The atoms in the precision of the search.
    bounds : ndarray of shape (m,)
        Residual norm at which each sample is done.
    width : int
        Most atoms of a sample.
    """

    X: np.ndarray
    D: np.ndarray
    searched: np.ndarray
    bounds: np.ndarray
    width: int
    positive: bool

    def __post_init__(self) -> None:
        """Start every sample at no atoms."""
        m = len(self.X)
        self.R, self.state = self.X.copy(), np.ones(m, np.int8)
        self.supports, self.values = np.zeros((m, self.width), np.int64), np.zeros((m, self.width))
        self.counts, self.steps = np.zeros(m, np.int64), np.zeros(m, np.int64)
        size = self.width
        self.scratch = (
            np.zeros((size, size)),
            np.zeros((size + 3, size + 1)),
            np.zeros(size, np.int64),
            np.zeros(self.X.shape[1]),
        )

    def run(
        self,
        least: np.ndarray,
        *,
        share: float,
        edge: float,
        gain: float,
        at_once: int,
        max_steps: int,
    ) -> None:
        """Let every live sample take atoms until nothing is left that it may take."""
        from unfold.sparse_coding.kernels.block_pursuit import LIVE, extend_and_refit

        per_sample: tuple[np.ndarray, ...] = (
            self.X,
            self.R,
            self.state,
            self.supports,
            self.values,
            self.counts,
        )
        for _ in range(max_steps):
            rows = np.flatnonzero(self.state == LIVE)
            if not len(rows):
                break
            self.steps[rows] += 1
            x, r, state, sup, val, cnt = (a[rows] for a in per_sample)
            C = r.astype(self.searched.dtype, copy=False) @ self.searched.T
            extend_and_refit(
                x,
                self.D,
                C,
                r,
                state,
                sup,
                val,
                cnt,
                least,
                self.bounds[rows],
                share,
                edge,
                gain,
                at_once,
                self.positive,
                rank_tolerance(self.X.dtype),
                *self.scratch,
            )
            for mine, new in zip(per_sample[1:], (r, state, sup, val, cnt), strict=True):
                mine[rows] = new


@dataclass(eq=False, repr=False)
class BlockPursuit(Solver):
    """Orthogonal pursuit of several atoms a step, for dictionaries too large for a Gram matrix.

    A step is one product of residuals with all atoms, in single precision, and a fit in double; its
    time is linear in the number of atoms. Samples that get stuck go on by one atom a step, and
    those that still do are solved by `BatchedOMP`. The certificate is the relative residual.

    Parameters
    ----------
    at_once : int
        Most atoms a step; 1 is orthogonal matching pursuit.
    max_iter : int or None
        Steps per sample before giving up; ``None`` allows ``20 min(k, d) + 100``.

    References
    ----------
    Needell and Tropp (2009), CoSaMP; Donoho, Tsaig, Drori and Starck (2012), stagewise OMP.
    """

    takes = (AtMost, WithinError)

    at_once: int = AT_ONCE
    max_iter: int | None = None

    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        if self.at_once < 1:
            raise ValueError(f"at_once must be at least 1, got {self.at_once}.")
        from unfold.sparse_coding.solvers.greedy import BatchedOMP

        n, (k, d) = len(problem.X), problem.D.shape
        norms = np.sqrt(squared_norms(problem.D))
        D = problem.D / norms[:, None]
        searched = D.astype(np.float32)
        rows = min(n, BLOCK_ROWS, max(1, CELLS // k))
        limit = min(k, d, problem.form.n_nonzero or k)

        def work(block: slice, scratch: Any) -> tuple[np.ndarray, ...]:
            return self._block(problem, problem.samples(block), D, searched, norms, limit, scratch)

        parts = over_blocks(n, rows, options.n_threads, lambda: lists_for(rows, limit), work)
        sparse = replace(options, sparse_output=True)
        parts = mended(
            parts, lambda rest: BatchedOMP().solve(replace(problem, X=problem.X[rest]), sparse)
        )
        return assemble(parts, k, "relative_residual", "csr" if options.sparse_output else "dense")

    def _block(
        self,
        problem: SparseProblem,
        X: np.ndarray,
        D: np.ndarray,
        searched: np.ndarray,
        norms: np.ndarray,
        limit: int,
        lists: Any,
    ) -> tuple[np.ndarray, ...]:
        """Pursue the samples of one block."""
        from unfold.sparse_coding.kernels.block_pursuit import FULL, LIVE, MET, NO_GAIN
        from unfold.sparse_coding.kernels.rows import measure

        k, d = D.shape
        handed = np.dtype(problem.code_dtype)
        sizes = np.sqrt(squared_norms(X))
        bound = residual_bound(problem.form.error, sizes, handed)
        if isinstance(problem.form, AtMost) and problem.form.error == 0:
            bound = rank_tolerance(handed) * sizes
        pursuit = Pursuit(
            X.astype(np.float64, copy=False),
            D.astype(np.float64, copy=False),
            searched,
            np.asarray(bound, np.float64),
            limit,
            problem.positive,
        )
        steps = 20 * min(k, d) + 100 if self.max_iter is None else self.max_iter
        for at_once in (self.at_once, 1):
            pursuit.state[pursuit.state == NO_GAIN] = LIVE
            pursuit.run(
                np.zeros(k), share=SHARE, edge=NOISE, gain=GAIN, at_once=at_once, max_steps=steps
            )
        out = Compact(len(X), lists)
        out.counts[:], out.n_iter[:] = pursuit.counts, pursuit.steps
        used = np.arange(limit) < out.counts[:, None]
        order = np.argsort(np.where(used, pursuit.supports, k), axis=1, kind="stable")
        out.atoms[:] = np.take_along_axis(pursuit.supports, order, axis=1)
        out.values[:] = np.take_along_axis(pursuit.values, order, axis=1) / norms[out.atoms]
        left = np.zeros(len(X))
        measure(
            X, problem.D, out.atoms, out.values, out.counts, np.zeros(1, handed), np.zeros(d), left
        )
        out.certificate[:] = left / np.where(sizes > 0, sizes, 1)
        counted = isinstance(problem.form, AtMost)
        done = np.isin(pursuit.state, (MET, FULL)) if counted else left <= bound
        out.status[:] = np.where(done, int(Status.CONVERGED), int(Status.MAX_ITER))
        out.certificate[~done & (pursuit.state != LIVE)] = np.inf  # for another to solve
        return out.pack(handed)
