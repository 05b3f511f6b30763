"""Basis pursuit, exact or denoising, by finding the lasso that has the wanted residual."""

from dataclasses import dataclass, replace

import numpy as np

from unfold.sparse_coding.certificates import bounded_gap
from unfold.sparse_coding.forms import BasisPursuit, BasisPursuitDenoising, Lasso
from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solution import Solution, Status
from unfold.sparse_coding.solvers.active_set import ActiveSet
from unfold.sparse_coding.solvers.base import Solver
from unfold.sparse_coding.solvers.batched import restrict

#: Share of a sample's largest code below which a negative one is rounding.
ROUNDING = 1e-9
#: Share of the largest ``alpha`` with any code below which a bound that is not met never will be.
SPENT = 1e-10


@dataclass(eq=False, repr=False)
class Discrepancy(Solver):
    """Solve ``min ||z||_1`` with a bound on the residual through lassos of the right ``alpha``.

    While support and signs stay, the squared residual norm is a quadratic in ``alpha``, known in
    closed form; so the ``alpha`` that meets the bound is found in as many lassos as the path has
    turns left, usually three to five. The certificate is the relative duality gap of the
    constrained problem, with the last residual as its dual point.

    Parameters
    ----------
    max_iter : int
        Lassos per sample.
    block_size : int

    References
    ----------
    Osborne, Presnell and Turlach (2000), On the LASSO and its dual; Chen, Donoho and Saunders
    (1998), Atomic decomposition by basis pursuit.
    """

    takes = (BasisPursuitDenoising, BasisPursuit)

    max_iter: int = 60
    block_size: int = 1024

    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        blocks = [
            self._solve_block(restrict(problem, slice(i, i + self.block_size)), options)
            for i in range(0, problem.X.shape[0], self.block_size)
        ]
        parts = zip(*blocks, strict=True)
        codes, status, n_iter, certificate = (np.concatenate(part) for part in parts)
        return Solution(codes, status, n_iter, certificate, "relative_duality_gap")

    def _solve_block(self, problem: SparseProblem, options: Options) -> tuple[np.ndarray, ...]:
        X, D = problem.X.astype(np.float64), problem.D.astype(np.float64)
        n, k = X.shape[0], D.shape[0]
        weights = np.broadcast_to(np.asarray(problem.form.alpha, np.float64), (k,))
        norms = np.linalg.norm(X, axis=1)
        correlations = X @ D.T if problem.positive else abs(X @ D.T)
        top = (correlations / weights).max(1)
        codes, n_iter = np.zeros((n, k)), np.zeros(n, np.int64)
        certificate = np.where(norms > problem.form.error, np.inf, 0.0)
        status = np.where(norms > problem.form.error, int(Status.MAX_ITER), int(Status.CONVERGED))
        status[(top <= 0) & (norms > problem.form.error)] = int(Status.INFEASIBLE)
        alpha = 0.1 * top
        inside = replace(problem, D=D, gram=D @ D.T)
        for round_ in range(self.max_iter):
            left = np.flatnonzero(status == int(Status.MAX_ITER))
            if len(left) == 0:
                break
            lasso = replace(inside, X=X[left], form=Lasso(alpha[left, None] * weights))
            found = ActiveSet().solve(lasso, Options(1e-13, options.n_threads)).codes
            n_iter[left] = round_ + 1
            dual = (X[left] - found @ D) / alpha[left, None]
            for row, i in enumerate(left):
                found[row], alpha[i] = advance(
                    X[i], D, found[row], alpha[i], weights, problem.form.error
                )
            if problem.positive:  # rounding may leave a zero of the fit below zero
                found[(found < 0) & (found > -ROUNDING * found.max(1, keepdims=True))] = 0
            gap = bounded_gap(
                X[left], D, found, dual, problem.form.error, weights, positive=problem.positive
            )
            residual = np.linalg.norm(X[left] - found @ D, axis=1)
            feasible = residual <= problem.form.error + options.tol * norms[left]
            signs_hold = found.min(1) >= 0 if problem.positive else np.ones(len(left), bool)
            done = feasible & signs_hold & (gap <= options.tol)
            codes[left], certificate[left] = found, gap
            status[left[done]] = int(Status.CONVERGED)
            spent = ~done & (alpha[left] <= SPENT * top[left])
            status[left[spent & ~feasible]] = int(Status.INFEASIBLE)
            status[left[spent & feasible]] = int(Status.STALLED)
        certificate[status == int(Status.INFEASIBLE)] = np.inf
        return codes, status.astype(np.int8), n_iter, certificate


def advance(
    x: np.ndarray,
    D: np.ndarray,
    z: np.ndarray,
    alpha: float,
    weights: np.ndarray,
    error: float,
) -> tuple[np.ndarray, float]:
    """Follow the path on the support of lasso codes ``z`` to the wanted residual norm.

    Returns the codes there, and the ``alpha`` of the next lasso: where the residual of this support
    is right, or a tenth of the present one if this support cannot reach it.
    """
    support = np.flatnonzero(z)
    if len(support) == 0:
        return z, 0.3 * alpha
    atoms = D[support]
    target = weights[support] * np.sign(z[support])
    direction = np.linalg.lstsq(atoms @ atoms.T, target, rcond=None)[0]
    free = z[support] + alpha * direction  # the least-squares fit, at alpha = 0
    least = ((x - free @ atoms) ** 2).sum()
    slope = float(target @ direction)
    moved = z.copy()
    if error**2 <= least or slope <= 0:
        moved[support] = free
        return moved, 0.1 * alpha
    reached = np.sqrt((error**2 - least) / slope)
    moved[support] = free - reached * direction
    # Below a support's own range the root is only a guess: never jump by more than 1000.
    return moved, float(min(max(reached, 1e-3 * alpha), 30 * alpha))
