"""Reference solvers: slow, independent of the others, and the truth those are tested against."""

import itertools
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from unfold.sparse_coding.certificates import bounded_gap, duality_gap, relative_residual
from unfold.sparse_coding.forms import (
    AtMost,
    BasisPursuit,
    BasisPursuitDenoising,
    ElasticNet,
    Lasso,
    WithinError,
)
from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solution import Solution, Status
from unfold.sparse_coding.solvers.base import Solver

#: Relative difference of squared residuals that is rounding.
ROUNDING = 1e-12


class Reference(Solver):
    """Solve every convex problem one sample at a time by a conic solver, through cvxpy.

    For the log-sum penalty use ``Reweighted(inner=Reference())``; for L0, `BestSubset`.

    References
    ----------
    Diamond and Boyd (2016), CVXPY: a Python-embedded modeling language for convex optimization.
    """

    takes = (Lasso, ElasticNet, BasisPursuitDenoising, BasisPursuit)

    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        import cvxpy

        cp: Any = cvxpy

        X, D = problem.X.astype(np.float64), problem.D.astype(np.float64)
        n, k = X.shape[0], D.shape[0]
        x, alpha, z = cp.Parameter(D.shape[1]), cp.Parameter(k, nonneg=True), cp.Variable(k)
        size = alpha @ (z if problem.positive else cp.abs(z))
        constraints = [z >= 0] if problem.positive else []
        bound = None
        if isinstance(problem.form, Lasso | ElasticNet):
            fit = 0.5 * cp.sum_squares(x - D.T @ z) + 0.5 * problem.form.l2 * cp.sum_squares(z)
            size = fit + size
        elif isinstance(problem.form, BasisPursuitDenoising):
            constraints.append(cp.norm(x - D.T @ z) <= problem.form.error)
        else:
            bound = D.T @ z == x
            constraints.append(bound)
        program = cp.Problem(cp.Minimize(size), constraints)
        weights = np.broadcast_to(np.asarray(problem.form.alpha, np.float64), (n, k))
        codes, status = np.zeros((n, k)), np.zeros(n, np.int8)
        duals = np.zeros_like(X)
        for i in range(n):
            bounded = isinstance(problem.form, BasisPursuit | BasisPursuitDenoising)
            if bounded and np.linalg.norm(X[i]) <= problem.form.error:
                continue
            x.value, alpha.value = X[i], weights[i]
            with warnings.catch_warnings():  # what it reaches is measured below, not believed
                warnings.filterwarnings("ignore", "Solution may be inaccurate")
                program.solve(
                    solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
                )
            if z.value is None:
                status[i] = int(Status.INFEASIBLE)
                continue
            codes[i] = np.maximum(z.value, 0) if problem.positive else z.value
            duals[i] = 0.0 if bound is None else bound.dual_value
        certificate = self._certify(problem, X, D, codes, duals, weights)
        status[(status == 0) & (certificate > options.tol)] = int(Status.STALLED)
        return Solution(codes, status, np.ones(n, np.int64), certificate, "relative_duality_gap")

    @staticmethod
    def _certify(
        problem: SparseProblem, X: Any, D: Any, codes: Any, duals: Any, weights: Any
    ) -> np.ndarray:
        positive = problem.positive
        if isinstance(problem.form, Lasso | ElasticNet):
            return np.asarray(
                duality_gap(X, D, codes, weights, positive=positive, l2=problem.form.l2)
            )
        if isinstance(problem.form, BasisPursuitDenoising):
            R = X - codes @ D
            C = R @ D.T if positive else abs(R @ D.T)
            duals = R / np.maximum((C / weights).max(1), 1e-300)[:, None]
            return np.asarray(
                bounded_gap(X, D, codes, duals, problem.form.error, weights, positive=positive)
            )
        # Solvers differ in the sign they give multipliers of equalities.
        both = [
            bounded_gap(X, D, codes, Y, 0.0, weights, positive=positive) for Y in (duals, -duals)
        ]
        return np.minimum(*both)


@dataclass(eq=False, repr=False)
class BestSubset(Solver):
    """Solve L0 exactly by trying every support, smallest first.

    Parameters
    ----------
    max_supports : int
        Supports per sample beyond which it refuses.
    """

    takes = (AtMost, WithinError)

    max_supports: int = 200_000

    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        X, D = problem.X.astype(np.float64), problem.D.astype(np.float64)
        n, k = X.shape[0], D.shape[0]
        best, codes = (X**2).sum(1), np.zeros((n, k))
        most = problem.form.n_nonzero if isinstance(problem.form, AtMost) else min(k, D.shape[1])
        bound = problem.form.error**2
        status = np.where(best <= bound, 0, int(Status.INFEASIBLE)).astype(np.int8)
        tried = 0
        for size in range(1, min(most, k) + 1):
            if isinstance(problem.form, WithinError) and (status == 0).all():
                break
            pending = status != 0 if isinstance(problem.form, WithinError) else np.ones(n, bool)
            for support in itertools.combinations(range(k), size):
                tried += 1
                if tried > self.max_supports:
                    raise ValueError(
                        f"BestSubset would try more than max_supports={self.max_supports} supports "
                        f"of {k} atoms: use OMP, or raise max_supports."
                    )
                self._try(X, D, list(support), problem.positive, pending, best, codes)
            status[best <= bound * (1 + ROUNDING)] = 0
        if isinstance(problem.form, AtMost):
            status[:] = 0
        return Solution(
            codes, status, np.full(n, tried), relative_residual(X, D, codes), "relative_residual"
        )

    @staticmethod
    def _try(
        X: Any, D: Any, support: list[int], positive: bool, pending: Any, best: Any, codes: Any
    ) -> None:
        fit = np.linalg.lstsq(D[support].T, X.T, rcond=None)[0].T
        residual = ((X - fit @ D[support]) ** 2).sum(1)
        better = pending & (residual < best * (1 - ROUNDING))
        if positive:  # a fit with a negative coefficient is matched by a smaller support
            better &= (fit >= 0).all(1)
        best[better] = residual[better]
        codes[better] = 0
        codes[np.ix_(better, support)] = fit[better]
