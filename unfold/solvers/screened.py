"""Active sets without a Gram matrix: for many atoms, or few samples, in bounded memory."""

from typing import Any

import numpy as np

from unfold.solution import Solution, Status
from unfold.solvers.base import Effort, SparseProblem
from unfold.solvers.blocks import assemble, over_blocks
from unfold.solvers.gram import rank_tolerance

SHORTLIST = 64


def solve_screened(
    problem: SparseProblem, alpha: np.ndarray, effort: Effort, max_iter: int, block_size: int
) -> Solution:
    """Solve lasso or elastic net on short lists of atoms, refreshed by products with ``D``.

    Each round correlates the residuals of a block with all atoms (one product), gives each sample
    the atoms that violate optimality most, and solves it exactly on those and its support, over
    their own small Gram matrix. Three or four rounds close the gap.

    Parameters
    ----------
    problem : SparseProblem
    alpha : ndarray of shape (1 or n, k)
        Positive weights.
    effort : Effort
    max_iter : int
        Atoms added per sample and round.
    block_size : int

    Returns
    -------
    Solution
    """

    def work(rows: slice, _: Any) -> tuple[np.ndarray, ...]:
        weights = alpha[rows] if alpha.shape[0] > 1 else alpha
        return _solve_block(problem, problem.X[rows], weights, effort.tol, max_iter)

    n, k = problem.X.shape[0], problem.D.shape[0]
    parts = over_blocks(n, block_size, effort.n_threads, lambda: None, work)
    return assemble(parts, k, "relative_duality_gap", "csr" if effort.sparse_output else "dense")


def _solve_block(
    problem: SparseProblem, X: np.ndarray, alpha: np.ndarray, tol: float, max_iter: int
) -> tuple[np.ndarray, ...]:
    """Solve the samples of one block; return them packed, as `Compact.pack` does."""
    D, n = problem.D, X.shape[0]
    support = [np.zeros(0, np.int64)] * n
    values = [np.zeros(0)] * n
    certificate, n_iter = np.full(n, np.inf), np.zeros(n, np.int64)
    status = np.full(n, int(Status.MAX_ITER), np.int8)
    left, C = np.arange(n), X @ D.T
    for _ in range(50):
        score = (C if problem.positive else abs(C)) / alpha[left % alpha.shape[0]]
        m = min(SHORTLIST, D.shape[0])
        short = np.argpartition(score, -m, axis=1)[:, -m:]
        for row, i in enumerate(left):
            listed = short[row][score[row, short[row]] > 1]
            atoms = np.union1d(listed, support[i])
            weights = alpha[i % alpha.shape[0]]
            small, steps, _ = solve_one(problem, X[i], atoms, weights[atoms], 0.1 * tol, max_iter)
            support[i], values[i] = atoms[small != 0], small[small != 0]
            n_iter[i] += steps
        residuals = np.stack([X[i] - values[i].astype(X.dtype) @ D[support[i]] for i in left])
        C = residuals @ D.T
        for row, i in enumerate(left):
            if problem.l2:
                C[row, support[i]] -= problem.l2 * values[i]
            certificate[i] = _gap(
                problem, X[i], residuals[row], C[row], support[i], values[i],
                alpha[i % alpha.shape[0]],
            )  # fmt: skip
        open_ = certificate[left] > tol
        status[left[~open_]] = int(Status.CONVERGED)
        left, C = left[open_], C[open_]
        if len(left) == 0:
            break
    counts = np.array([len(s) for s in support], np.int64)
    atoms = np.concatenate(support).astype(np.int32)
    return atoms, np.concatenate(values).astype(X.dtype), counts, certificate, status, n_iter


def solve_one(
    problem: SparseProblem,
    x: np.ndarray,
    atoms: np.ndarray,
    alpha: np.ndarray,
    tol: float,
    max_iter: int,
) -> tuple[np.ndarray, int, float]:
    """Solve one sample over a few atoms; return its codes, steps and certificate there."""
    from unfold.solvers.active_set_kernel import solve_gram, workspace
    from unfold.solvers.blocks import Compact

    if len(atoms) == 0:
        return np.zeros(0), 0, 0.0
    chosen = problem.D[atoms]
    most = len(atoms) if problem.l2 else min(chosen.shape)
    out = Compact(1, most + 1)
    solve_gram(
        (chosen @ x)[None], np.array([np.dot(x, x)], np.float64), chosen @ chosen.T,
        np.ascontiguousarray(alpha[None]), np.ascontiguousarray(1 / alpha[None]), problem.l2,
        problem.positive, False, True, tol, rank_tolerance(chosen.dtype), max_iter,
        workspace(len(atoms), most, chosen.dtype), *out.outputs,
    )  # fmt: skip
    small, count = np.zeros(len(atoms)), int(out.counts[0])
    small[out.atoms[0, :count]] = out.values[0, :count]
    return small, int(out.n_iter[0]), float(out.certificate[0])


def _gap(
    problem: SparseProblem,
    x: np.ndarray,
    residual: np.ndarray,
    correlations: np.ndarray,
    support: np.ndarray,
    values: np.ndarray,
    alpha: np.ndarray,
) -> float:
    """Return the relative duality gap of one sample, given its residual and correlations."""
    energy = float(np.dot(x, x))
    if energy == 0:
        return 0.0
    size = correlations if problem.positive else abs(correlations)
    shrink = 1 / max(1.0, float((size / alpha).max()))
    fit = float(np.dot(residual, residual)) + problem.l2 * float(values @ values)
    slack = float((alpha[support] * abs(values) - shrink * values * correlations[support]).sum())
    return abs(0.5 * (1 - shrink) ** 2 * fit + slack) / (0.5 * energy)
