"""Coordinate descent: simple, exact in the limit, slow where atoms are coherent."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from unfold.sparse_coding.forms import ElasticNet, Lasso
from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solution import Solution
from unfold.sparse_coding.solvers.base import Solver
from unfold.sparse_coding.solvers.blocks import over_blocks
from unfold.sparse_coding.solvers.gram import gram_matrix, squared_norms


@dataclass(eq=False, repr=False)
class CoordinateDescent(Solver):
    """Solve lasso and elastic net one coordinate at a time, over the Gram matrix.

    Parameters
    ----------
    max_iter : int
        Sweeps over all coordinates.
    block_size : int

    References
    ----------
    Friedman, Hastie, Hoefling and Tibshirani (2007), Pathwise coordinate optimization.
    """

    takes = (Lasso, ElasticNet)

    max_iter: int = 20_000
    block_size: int = 256

    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        from unfold.sparse_coding.kernels.coordinate_descent import descend_coordinates

        X, D = problem.X.astype(np.float64), problem.D.astype(np.float64)
        k = D.shape[0]
        alpha = np.ascontiguousarray(
            np.broadcast_to(np.atleast_2d(np.asarray(problem.form.alpha, float)), (1, k))
            if np.ndim(problem.form.alpha) < 2
            else problem.form.alpha
        )
        if not (alpha > 0).all():
            raise ValueError(
                "CoordinateDescent needs alpha > 0 for every atom; ActiveSet takes alpha = 0."
            )
        gram = np.asarray(gram_matrix(problem, problem.D, options.n_threads), float)
        Z = np.zeros((X.shape[0], k))

        def work(rows: slice, correlations: Any) -> tuple[np.ndarray, ...]:
            part = X[rows]
            n = part.shape[0]
            out = np.zeros(n), np.zeros(n, np.int8), np.zeros(n, np.int64)
            descend_coordinates(
                part @ D.T,
                squared_norms(part),
                gram,
                alpha[rows] if alpha.shape[0] > 1 else alpha,
                problem.form.l2,
                problem.positive,
                options.tol,
                self.max_iter,
                correlations,
                Z[rows],
                *out,
            )
            return out

        parts = over_blocks(
            X.shape[0], self.block_size, options.n_threads, lambda: np.zeros(k), work
        )
        certificate, status, n_iter = (np.concatenate(p) for p in zip(*parts, strict=True))
        return Solution(Z, status, n_iter, certificate, "relative_duality_gap")
