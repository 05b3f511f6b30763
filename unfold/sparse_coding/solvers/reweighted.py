"""Reweighted L1: concave penalties as a sequence of weighted convex problems."""

from dataclasses import dataclass, replace

import numpy as np

from unfold.sparse_coding.certificates import kkt_residual
from unfold.sparse_coding.forms import Lasso, LogSum
from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solution import Solution, Status
from unfold.sparse_coding.solvers.active_set import ActiveSet
from unfold.sparse_coding.solvers.base import Solver
from unfold.sparse_coding.solvers.batched import restrict


@dataclass(eq=False, repr=False)
class Reweighted(Solver):
    """Solve the log-sum penalty by majorising it: each round is a lasso with new weights.

    Every round lowers the objective. The certificate is the KKT residual of the log-sum problem
    itself: codes are stationary, not proved minimal, since the problem is not convex.

    Parameters
    ----------
    inner : Solver or None
        Solves the weighted lasso; ``None`` takes `ActiveSet`.
    max_iter : int
        Rounds.
    block_size : int
        Samples whose dense weights are held at once.

    References
    ----------
    Candes, Wakin and Boyd (2008), Enhancing sparsity by reweighted l1 minimization.
    """

    takes = (LogSum,)

    inner: Solver | None = None
    max_iter: int = 50
    block_size: int = 1024

    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        blocks = [
            self._solve_block(restrict(problem, slice(i, i + self.block_size)), options)
            for i in range(0, problem.X.shape[0], self.block_size)
        ]
        parts = zip(*blocks, strict=True)
        codes, status, n_iter, certificate = (np.concatenate(part) for part in parts)
        return Solution(codes, status, n_iter, certificate, "kkt_residual")

    def _solve_block(self, problem: SparseProblem, options: Options) -> tuple[np.ndarray, ...]:
        inner = ActiveSet() if self.inner is None else self.inner
        penalty = problem.form
        assert isinstance(penalty, LogSum)  # all that it takes
        n, k = problem.X.shape[0], problem.D.shape[0]
        alpha = np.broadcast_to(problem.form.alpha, (n, k)).astype(problem.X.dtype)
        codes = np.zeros((n, k), problem.X.dtype)
        certificate, n_iter = np.full(n, np.inf), np.zeros(n, np.int64)
        tight = replace(options, tol=min(options.tol, 1e-10), sparse_output=False)
        left = np.arange(n)
        for round_ in range(self.max_iter):
            weights = alpha[left] * penalty.weights(codes[left])
            lasso = replace(problem, form=Lasso(weights), X=problem.X[left])
            codes[left] = inner.solve(lasso, tight).codes
            n_iter[left] = round_ + 1
            slopes = alpha[left] * penalty.weights(codes[left])
            certificate[left] = kkt_residual(
                lasso.X, problem.D, codes[left], slopes, positive=problem.positive
            )
            left = left[certificate[left] > options.tol]
            if len(left) == 0:
                break
        status = np.where(certificate <= options.tol, int(Status.CONVERGED), int(Status.MAX_ITER))
        return codes, status.astype(np.int8), n_iter, certificate
