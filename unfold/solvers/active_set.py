"""Active sets: the exact, finite way to solve sparse convex problems sample by sample."""

from typing import Any

import numpy as np

from unfold.solution import CertificateKind, Solution
from unfold.solvers.base import Effort, Solver, SparseProblem
from unfold.solvers.blocks import GRAM_BYTES, Compact, assemble, blas_controller, over_blocks


class ActiveSet(Solver):
    """Solve lasso and elastic net exactly by growing and shrinking the support.

    Per sample, a Cholesky factor of the support's Gram matrix gains the worst violators of
    optimality and loses what changes sign, so that the work is that of the few active atoms. The
    default on a CPU. The matrix ``D @ D.T`` is formed where it is small and many samples
    repay it, else only products of the atoms in play are.

    Parameters
    ----------
    max_iter : int or None
        Atoms added per sample before giving up; ``None`` allows ``20 min(k, d) + 100``.
    block_size : int
        Samples whose dense correlations are held at once, per thread.

    References
    ----------
    Osborne, Presnell and Turlach (2000), A new approach to variable selection in least squares
    problems. Lawson and Hanson (1974), Solving Least Squares Problems.
    """

    takes = ("lasso", "elastic_net")

    def __init__(self, max_iter: int | None = None, block_size: int = 128) -> None:
        self.max_iter = max_iter
        self.block_size = block_size

    def _solve(self, problem: SparseProblem, effort: Effort) -> Solution:
        from unfold.solvers.active_set_kernel import solve_gram, workspace

        X, D = problem.X, problem.D
        k, d = D.shape
        alpha = np.atleast_2d(np.asarray(problem.alpha, D.dtype))
        if alpha.shape[1] == 1:
            alpha = np.repeat(alpha, k, axis=1)
        alpha = np.array(alpha, order="C")  # writable: kernels compile anew for arrays that are not
        gap = bool((alpha > 0).all())
        weight = 1 / alpha if gap else (1 / np.linalg.norm(D, axis=1, keepdims=True)).T.copy()
        max_iter = 20 * min(k, d) + 100 if self.max_iter is None else self.max_iter
        if gap and not wants_gram(problem):
            from unfold.solvers.screened import solve_screened

            return solve_screened(problem, alpha, effort, max_iter, self.block_size)
        gram = gram_matrix(problem, effort)
        transposed = D.T

        def work(rows: slice, scratch: Any) -> tuple[np.ndarray, ...]:
            part = X[rows]
            out = Compact(part.shape[0], min(k, d) + 1)
            per_sample = alpha.shape[0] > 1
            solve_gram(
                part @ transposed, squared_norms(part), gram,
                alpha[rows] if per_sample else alpha,
                weight[rows] if per_sample and gap else weight,
                problem.l2, problem.positive, gap, effort.tol, rank_tolerance(D.dtype),
                max_iter, scratch, *out.outputs,
            )  # fmt: skip
            return out.pack(X.dtype)

        parts = over_blocks(
            X.shape[0], self.block_size, effort.n_threads, lambda: workspace(k, d, D.dtype), work
        )
        kind: CertificateKind = "relative_duality_gap" if gap else "kkt_residual"
        return assemble(parts, k, kind, "csr" if effort.sparse_output else "dense")


def wants_gram(problem: SparseProblem) -> bool:
    """Tell whether ``D @ D.T`` fits in memory, and enough samples share its cost."""
    k = problem.D.shape[0]
    fits = k * k * problem.D.dtype.itemsize <= GRAM_BYTES
    return problem.gram is not None or (fits and problem.X.shape[0] >= k // 16)


def gram_matrix(problem: SparseProblem, effort: Effort) -> np.ndarray:
    """Return ``D @ D.T``: the caller's, or computed here."""
    if problem.gram is not None:
        return np.ascontiguousarray(problem.gram, problem.D.dtype)
    with blas_controller().limit(limits=effort.n_threads, user_api="blas"):
        return problem.D @ problem.D.T


def squared_norms(X: np.ndarray) -> np.ndarray:
    """Return the squared norm of each row, in float64."""
    return np.einsum("ij,ij->i", X, X, dtype=np.float64)


def rank_tolerance(dtype: Any) -> float:
    """Return the squared sine below which an atom counts as dependent on the support."""
    return 1e-11 if dtype == np.float64 else 3e-6
