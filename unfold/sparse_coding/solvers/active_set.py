"""Active sets: the exact, finite way to solve sparse convex problems sample by sample."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unfold.sparse_coding.forms import ElasticNet, Lasso
from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solution import CertificateKind, Solution, Status
from unfold.sparse_coding.solvers.base import Solver
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


@dataclass(eq=False, repr=False)
class ActiveSet(Solver):
    """Solve lasso and elastic net exactly by growing and shrinking the support.

    Per sample, a Cholesky factor of the support's Gram matrix gains the worst violators of
    optimality and loses what changes sign, so that the work is that of the few active atoms. The
    default on a CPU. The matrix ``D @ D.T`` is formed where it is small and many samples
    repay it, else only products of the atoms in play are. Large problems in double precision are
    searched in single precision and then made exact: coefficients, residual and certificate are
    computed anew from the data, and the few samples where that fails are searched again.

    Parameters
    ----------
    max_iter : int or None
        Atoms added per sample before giving up; ``None`` allows ``20 min(k, d) + 100``.
    block_size : int or None
        Samples whose dense correlations are held at once, per thread; up to 2,560 by default.

    References
    ----------
    Osborne, Presnell and Turlach (2000), A new approach to variable selection in least squares
    problems. Lawson and Hanson (1974), Solving Least Squares Problems.
    """

    takes = (Lasso, ElasticNet)

    max_iter: int | None = None
    block_size: int | None = None

    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        return self._search(problem, options, wants_mixed(problem))

    def _search(self, problem: SparseProblem, options: Options, mixed: bool) -> Solution:
        k, d = problem.D.shape
        max_iter = 20 * min(k, d) + 100 if self.max_iter is None else self.max_iter
        n = problem.X.shape[0]
        block = min(n, self.block_size or block_size(n, k, options.n_threads))
        search = _Search(problem, options, max_iter, block, mixed)
        if search.gap and not wants_gram(problem):
            from unfold.sparse_coding.solvers.screened import solve_screened

            return solve_screened(problem, search.alpha, options, max_iter, self.block_size)
        parts = over_blocks(
            n, block, options.n_threads, search.scratch, search.block, search.products.form_gram
        )
        if search.mixed:
            sparse = replace(options, sparse_output=True)
            parts = mended(parts, lambda rows: self._search(search.some(rows), sparse, False))
        kind: CertificateKind = "relative_duality_gap" if search.gap else "kkt_residual"
        return assemble(parts, k, kind, "csr" if options.sparse_output else "dense")


class _Search:
    """One problem, ready to be solved block by block."""

    def __init__(
        self, problem: SparseProblem, options: Options, max_iter: int, block_size: int, mixed: bool
    ) -> None:
        k, d = problem.D.shape
        given = np.atleast_2d(np.asarray(problem.form.alpha, problem.D.dtype))
        self.uniform = given.shape[1] == 1
        # writable and contiguous: kernels compile anew for arrays that are not
        self.alpha = np.repeat(given, k // given.shape[1], axis=1)
        self.gap = bool((given > 0).all())
        self.problem, self.tol, self.max_iter = problem, options.tol, max_iter
        # with a ridge, more atoms than dimensions can be active
        self.size = min(k, 8 * d if problem.form.l2 else d) + 1
        self.block_size, self.mixed = block_size, mixed and self.gap
        self.products = Products(problem, options, self.mixed)

    def some(self, rows: np.ndarray) -> SparseProblem:
        """Return the problem of some of the samples."""
        alpha = self.alpha[rows] if self.alpha.shape[0] > 1 else self.problem.form.alpha
        return replace(self.problem, X=self.problem.X[rows], form=self.problem.form.weighted(alpha))

    def scratch(self) -> Any:
        from unfold.sparse_coding.kernels.active_set import workspace

        work = workspace(self.problem.D.shape, self.size - 1, self.products.dtype)
        correlations = np.empty((self.block_size, len(self.problem.D)), self.products.dtype)
        return work, lists_for(self.block_size, self.size), correlations

    def weights(self, rows: slice, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the alphas of a block and what excesses over them are measured in."""
        alpha = self.alpha[rows] if self.alpha.shape[0] > 1 else self.alpha
        alpha = alpha.astype(dtype, copy=False)
        if self.gap:
            return alpha, 1 / alpha
        norms = np.linalg.norm(self.problem.D, axis=1, keepdims=True)
        return alpha, (1 / norms).T.astype(dtype)

    def block(self, rows: slice, scratch: Any) -> tuple[np.ndarray, ...]:
        """Solve the samples of one block."""
        from unfold.sparse_coding.kernels.active_set import solve_gram
        from unfold.sparse_coding.kernels.scan import cut_share

        part, products = self.problem.samples(rows), self.products
        work, lists, correlations = scratch
        out = Compact(len(part), lists)
        alpha, weight = self.weights(rows, products.dtype)
        X = part.astype(products.dtype, copy=False)
        correlations = np.matmul(X, products.D.T, out=correlations[: len(part)])
        solve_gram(
            correlations,
            squared_norms(part),
            products.form_gram(),
            alpha,
            weight,
            self.problem.form.l2,
            self.problem.positive,
            self.uniform and self.gap,
            self.gap,
            X,
            products.D,
            X.dtype == np.float32 and not self.mixed,
            self.mixed,
            max(self.tol, 1e-5) if self.mixed else self.tol,
            products.rank_tol,
            self.max_iter,
            cut_share(len(products.D)),
            work,
            *out.outputs,
        )
        if self.mixed:
            self.refine(part, rows, correlations, out)
        return out.pack(self.problem.X.dtype)

    def refine(self, part: np.ndarray, rows: slice, correlations: np.ndarray, out: Compact) -> None:
        """Make codes that were found in single precision exact, and certify them."""
        from unfold.sparse_coding.kernels.mixed_precision import refine, workspace

        problem, most = self.problem, int(out.counts.max())
        refine(
            part,
            problem.D,
            correlations,
            self.weights(rows, np.float64)[0],
            problem.form.l2,
            problem.positive,
            True,
            self.products.reach,
            self.products.largest,
            rank_tolerance(np.float64),
            workspace(most, part.shape[1]),
            np.zeros(most),
            out.atoms,
            out.values,
            out.counts,
            out.certificate,
        )
        solved = out.certificate <= self.tol
        out.status[solved] = int(Status.CONVERGED)
        out.certificate[~solved] = np.inf
