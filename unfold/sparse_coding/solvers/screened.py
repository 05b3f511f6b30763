"""Active sets without a Gram matrix: for many atoms, or few samples, in bounded memory."""

from typing import Any

import numpy as np

from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solution import Solution, Status
from unfold.sparse_coding.solvers.blocks import Compact, assemble, lists_for, over_blocks
from unfold.sparse_coding.solvers.gram import rank_tolerance, squared_norms

SHORTLIST = 64
BLOCK_CELLS = 2**22
#: Share of its gap that a round must leave, with the same atoms, for a sample to be stalled.
SLOW = 0.9


def solve_screened(
    problem: SparseProblem,
    alpha: np.ndarray,
    options: Options,
    max_iter: int,
    block_size: int | None,
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
    options : Options
    max_iter : int
        Atoms added per sample and round.
    block_size : int or None
        By default as many samples as hold 2^22 correlations, from 32 to 256.

    Returns
    -------
    Solution
    """

    def work(rows: slice, _: Any) -> tuple[np.ndarray, ...]:
        weights = alpha[rows] if alpha.shape[0] > 1 else alpha
        return _solve_block(problem, problem.samples(rows), weights, options.tol, max_iter)

    n, k = problem.X.shape[0], problem.D.shape[0]
    block = block_size or min(256, max(32, BLOCK_CELLS // k))
    parts = over_blocks(n, block, options.n_threads, lambda: None, work)
    return assemble(parts, k, "relative_duality_gap", "csr" if options.sparse_output else "dense")


def _solve_block(
    problem: SparseProblem, X: np.ndarray, alpha: np.ndarray, tol: float, max_iter: int
) -> tuple[np.ndarray, ...]:
    """Solve the samples of one block; return them packed, as `Compact.pack` does."""
    D, n = problem.D, X.shape[0]
    support = [np.zeros(0, np.int64)] * n
    values = [np.zeros(0)] * n
    certificate, n_iter = np.full(n, np.inf), np.zeros(n, np.int64)
    status = np.full(n, int(Status.MAX_ITER), np.int8)
    # a tenth, so that short lists end well within it, where the precision of the data allows that
    inner_tol = max(0.1 * tol, 1e-6 if D.dtype == np.float32 else 0.0)
    left, C = np.arange(n), X @ D.T
    for _ in range(50):
        short = _shortlists(problem, C, alpha[left % alpha.shape[0]])
        residuals, inside = np.empty((len(left), D.shape[1])), []
        before = [(support[i], certificate[i]) for i in left]
        for row, i in enumerate(left):
            weights = alpha[i % alpha.shape[0]]
            listed = np.union1d(short[row], support[i])
            atoms = D[listed]
            z, steps = _solve_one(problem, X[i], atoms, weights[listed], inner_tol, max_iter)
            # as it will be handed back, so that the certificate is that of what is handed back
            z = z.astype(X.dtype).astype(float)
            active = z != 0
            support[i], values[i] = listed[active], z[active]
            n_iter[i] += steps
            used = atoms[active].astype(float)
            residuals[row] = X[i] - values[i] @ used
            inside.append(used @ residuals[row] - problem.form.l2 * values[i])
        C = residuals.astype(D.dtype) @ D.T
        for row, i in enumerate(left):
            C[row, support[i]] = inside[row]
            certificate[i] = _gap(
                problem,
                X[i],
                residuals[row],
                C[row],
                inside[row],
                support[i],
                values[i],
                alpha[i % alpha.shape[0]],
            )
        open_ = certificate[left] > tol
        status[left[~open_]] = int(Status.CONVERGED)
        for row in np.flatnonzero(open_).tolist():
            (atoms, gap), at = before[row], left[row]
            if np.array_equal(atoms, support[at]) and certificate[at] > SLOW * gap:
                open_[row], status[at] = False, int(Status.STALLED)
        left, C = left[open_], C[open_]
        if len(left) == 0:
            break
    counts = np.array([len(s) for s in support], np.int64)
    atoms = np.concatenate(support).astype(np.int32)
    return atoms, np.concatenate(values).astype(X.dtype), counts, certificate, status, n_iter


def _shortlists(problem: SparseProblem, C: np.ndarray, alpha: np.ndarray) -> list[np.ndarray]:
    """Return each sample's worst violators of optimality, at most ``SHORTLIST`` of them."""
    score = (C if problem.positive else abs(C)) / alpha
    m = min(SHORTLIST, C.shape[1])
    worst = np.argpartition(score, -m, axis=1)[:, -m:]
    return [atoms[score[row, atoms] > 1] for row, atoms in enumerate(worst)]


def _solve_one(
    problem: SparseProblem,
    x: np.ndarray,
    chosen: np.ndarray,
    alpha: np.ndarray,
    tol: float,
    max_iter: int,
) -> tuple[np.ndarray, int]:
    """Solve one sample over a few atoms; return its codes and steps."""
    from unfold.sparse_coding.kernels.active_set import solve_gram, workspace
    from unfold.sparse_coding.kernels.scan import cut_share

    if len(chosen) == 0:
        return np.zeros(0), 0
    most = len(chosen) if problem.form.l2 else min(chosen.shape)
    out = Compact(1, lists_for(1, most + 1))
    weights = alpha[None].astype(chosen.dtype)
    solve_gram(
        (chosen @ x)[None],
        squared_norms(x[None]),
        chosen @ chosen.T,
        weights,
        1 / weights,
        problem.form.l2,
        problem.positive,
        False,
        True,
        x[None],
        chosen,
        chosen.dtype == np.float32,
        False,
        tol,
        rank_tolerance(chosen.dtype),
        max_iter,
        cut_share(len(chosen)),
        workspace(chosen.shape, most, chosen.dtype),
        *out.outputs,
    )
    small, count = np.zeros(len(chosen)), int(out.counts[0])
    small[out.atoms[0, :count]] = out.values[0, :count]
    return small, int(out.n_iter[0])


def _gap(
    problem: SparseProblem,
    x: np.ndarray,
    residual: np.ndarray,
    correlations: np.ndarray,
    inside: np.ndarray,
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
    fit = float(np.dot(residual, residual)) + problem.form.l2 * float(values @ values)
    slack = float((alpha[support] * abs(values) - shrink * values * inside).sum())
    return abs(0.5 * (1 - shrink) ** 2 * fit + slack) / (0.5 * energy)
