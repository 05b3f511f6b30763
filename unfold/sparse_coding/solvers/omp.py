"""Greedy pursuits for the L0 problems."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unfold.sparse_coding.forms import AtMost, WithinError
from unfold.sparse_coding.problem import Options, SparseProblem, residual_bound
from unfold.sparse_coding.solution import Solution, Status
from unfold.sparse_coding.solvers.base import Solver
from unfold.sparse_coding.solvers.block_pursuit import BlockPursuit
from unfold.sparse_coding.solvers.blocks import (
    Compact,
    assemble,
    block_size,
    lists_for,
    mended,
    over_blocks,
)
from unfold.sparse_coding.solvers.gram import (
    Products,
    rank_tolerance,
    squared_norms,
    wants_gram,
    wants_mixed,
)

#: Share of ``||x||^2`` that a difference of squares may be off by, over any support: above it the
#: recurrence for the residual is believed, below it the residual is formed.
BLUR = 1e-10
#: Relative difference of the atoms' norms up to which they are taken for equal.
UNIFORM = 1e-6
#: Relative residual that single precision takes for nothing, but that may hold a small atom.
SMALL = 1e-10


@dataclass(eq=False, repr=False)
class OMP(Solver):
    """Orthogonal matching pursuit, signed or non-negative, in batches over a Gram matrix.

    The certificate is the relative residual ``||x - z D|| / ||x||``: greedy pursuits carry no
    proof of optimality; `unfold.sparse_coding.certificates.is_unique_sparsest` gives one where it
    exists.

    Parameters
    ----------
    max_iter : int or None
        Atoms added per sample before giving up; ``None`` allows ``20 min(k, d) + 100``.
    block_size : int or None
        Samples whose dense correlations are held at once, per thread; up to 2,560 by default.

    References
    ----------
    Rubinstein, Zibulevsky and Elad (2008), Efficient implementation of the K-SVD algorithm using
    Batch Orthogonal Matching Pursuit. Bruckstein, Elad and Zibulevsky (2008), On the uniqueness of
    nonnegative sparse solutions to underdetermined systems of equations.
    """

    takes = (AtMost, WithinError)

    max_iter: int | None = None
    block_size: int | None = None

    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        counted = isinstance(problem.form, AtMost)
        return self._search(problem, options, counted and wants_mixed(problem))

    def _search(self, problem: SparseProblem, options: Options, mixed: bool) -> Solution:
        if not wants_gram(problem):
            return BlockPursuit(at_once=1, max_iter=self.max_iter).solve(problem, options)
        k, d = problem.D.shape
        max_iter = 20 * min(k, d) + 100 if self.max_iter is None else self.max_iter
        n = problem.X.shape[0]
        block = min(n, self.block_size or block_size(n, k, options.n_threads))
        search = _Search(problem, options, max_iter, block, mixed)
        parts = over_blocks(
            n, block, options.n_threads, search.scratch, search.block, search.products.form_gram
        )
        if mixed:
            sparse = replace(options, sparse_output=True)
            parts = mended(
                parts,
                lambda rows: self._search(replace(problem, X=problem.X[rows]), sparse, False),
            )
        return assemble(parts, k, "relative_residual", "csr" if options.sparse_output else "dense")


class _Search:
    """One problem, ready to be pursued block by block."""

    def __init__(
        self, problem: SparseProblem, options: Options, max_iter: int, block_size: int, mixed: bool
    ) -> None:
        k, d = problem.D.shape
        counted = isinstance(problem.form, AtMost)
        self.problem, self.max_iter, self.block_size = problem, max_iter, block_size
        self.handed = np.dtype(problem.code_dtype)
        self.limit = min(k, d, problem.form.n_nonzero if counted else k)
        self.products = Products(problem, options, mixed)
        scale = 1 / np.sqrt(squared_norms(problem.D))
        self.uniform = bool(np.ptp(scale) <= UNIFORM * scale[0])
        self.scale = np.full_like(scale, scale[0]) if self.uniform else scale

    def scratch(self) -> Any:
        from unfold.sparse_coding.kernels.active_set import workspace

        k, d = self.problem.D.shape
        return workspace((k, d), min(k, d), self.products.dtype), lists_for(
            self.block_size, self.limit + 1
        )

    def block(self, rows: slice, scratch: Any) -> tuple[np.ndarray, ...]:
        """Pursue the samples of one block."""
        from unfold.sparse_coding.kernels.omp import pursue

        part, products = self.problem.samples(rows), self.products
        work, lists = scratch
        out = Compact(len(part), lists)
        pursue(
            part.astype(products.dtype, copy=False) @ products.D.T,
            squared_norms(part),
            products.form_gram(),
            np.zeros(len(products.D), products.dtype),
            self.scale.astype(products.dtype),
            self.problem.positive,
            self.uniform,
            self.limit,
            part,
            self.problem.D,
            self.bounds(part),
            products.rank_tol,
            2e-5 if products.mixed else products.rank_tol,
            BLUR,
            self.max_iter,
            work,
            *out.outputs,
        )
        if products.mixed:
            self.refine(part, out)
        self.report(part, out)
        return out.pack(self.handed)

    def bounds(self, part: np.ndarray) -> np.ndarray:
        """Return the bound on each residual norm; 0 where only atoms are counted."""
        if isinstance(self.problem.form, AtMost) and self.problem.form.error == 0:
            return np.zeros(len(part))
        norms = np.sqrt(squared_norms(part))
        return np.asarray(residual_bound(self.problem.form.error, norms, self.handed))

    def report(self, part: np.ndarray, out: Compact) -> None:
        """Set certificates, and statuses under a bound, by residuals of the codes handed back."""
        from unfold.sparse_coding.kernels.rows import measure

        left, scratch = np.zeros(len(part)), np.zeros(part.shape[1])
        measure(
            part,
            self.problem.D,
            out.atoms,
            out.values,
            out.counts,
            np.zeros(1, self.handed),
            scratch,
            left,
        )
        norms = np.sqrt(squared_norms(part))
        to_mend = np.isinf(out.certificate)
        out.certificate[:] = np.where(to_mend, np.inf, left / np.where(norms > 0, norms, 1))
        if isinstance(self.problem.form, AtMost):
            return
        met = left <= self.bounds(part)
        rounding = left <= residual_bound(0.0, norms, self.handed)
        ended = out.status != int(Status.MAX_ITER)
        out.status[ended & ~met] = int(Status.INFEASIBLE)
        out.status[ended & ~met & rounding] = int(Status.STALLED)
        out.status[met] = int(Status.CONVERGED)

    def refine(self, part: np.ndarray, out: Compact) -> None:
        """Fit supports that were found in single precision in the data's own."""
        from unfold.sparse_coding.kernels.mixed_precision import refine, workspace

        problem, most = self.problem, int(out.counts.max())
        zero = np.zeros((1, problem.D.shape[0]))
        refine(
            part,
            problem.D,
            zero.astype(np.float32),
            zero,
            0.0,
            problem.positive,
            False,
            0.0,
            0.0,
            rank_tolerance(np.float64),
            workspace(most, part.shape[1]),
            np.zeros(most),
            out.atoms,
            out.values,
            out.counts,
            out.certificate,
        )
        out.certificate[(out.counts < self.limit) & (out.certificate > SMALL)] = np.inf
