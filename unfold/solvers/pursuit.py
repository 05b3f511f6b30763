"""Greedy pursuits for the L0 problems."""

from typing import Any

import numpy as np

from unfold.solution import Solution
from unfold.solvers.active_set import gram_matrix, rank_tolerance, squared_norms, wants_gram
from unfold.solvers.base import Effort, Solver, SparseProblem
from unfold.solvers.blocks import Compact, assemble, over_blocks


class OMP(Solver):
    """Orthogonal matching pursuit, signed or non-negative, in batches over a Gram matrix.

    The certificate is the relative residual ``||x - z D|| / ||x||``: greedy pursuits carry no
    proof of optimality; `unfold.certificates.is_unique_sparsest` gives one where it exists.

    Parameters
    ----------
    max_iter : int or None
        Atoms added per sample before giving up; ``None`` allows ``20 min(k, d) + 100``.
    block_size : int
        Samples whose dense correlations are held at once, per thread.

    References
    ----------
    Rubinstein, Zibulevsky and Elad (2008), Efficient implementation of the K-SVD algorithm using
    Batch Orthogonal Matching Pursuit. Bruckstein, Elad and Zibulevsky (2008), On the uniqueness of
    nonnegative sparse solutions to underdetermined systems of equations.
    """

    takes = ("l0_sparsity", "l0_error")

    def __init__(self, max_iter: int | None = None, block_size: int = 128) -> None:
        self.max_iter = max_iter
        self.block_size = block_size

    def _solve(self, problem: SparseProblem, effort: Effort) -> Solution:
        from unfold.solvers.active_set_kernel import workspace
        from unfold.solvers.pursuit_kernel import pursue

        if not wants_gram(problem):
            from unfold.solvers.greedy import BatchedOMP

            return BatchedOMP().solve(problem, effort)
        X, D = problem.X, problem.D
        k, d = D.shape
        limit = min(k, d, problem.n_nonzero if problem.kind == "l0_sparsity" else k)
        gram = gram_matrix(problem, effort)
        scale = 1 / np.sqrt(np.diag(gram))
        zero = np.zeros(k, D.dtype)
        max_iter = 20 * min(k, d) + 100 if self.max_iter is None else self.max_iter
        transposed = D.T

        def work(rows: slice, scratch: Any) -> tuple[np.ndarray, ...]:
            part = X[rows]
            out = Compact(part.shape[0], limit + 1)
            pursue(
                part @ transposed, squared_norms(part), gram, zero, scale, problem.positive, limit,
                problem.error, rank_tolerance(D.dtype), max_iter, scratch, *out.outputs,
            )  # fmt: skip
            return out.pack(X.dtype)

        parts = over_blocks(
            X.shape[0], self.block_size, effort.n_threads, lambda: workspace(k, d, D.dtype), work
        )
        return assemble(parts, k, "relative_residual", "csr" if effort.sparse_output else "dense")
