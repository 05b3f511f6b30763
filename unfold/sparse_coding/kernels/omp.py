"""Orthogonal matching pursuit over a Gram matrix, one sample at a time, compiled.

Batch-OMP (Rubinstein, Zibulevsky and Elad, 2008): residuals are never formed, only correlations
``c = D x - G z``; the support's Cholesky factor grows by a row a step. The non-negative form
(Bruckstein, Elad and Zibulevsky, 2008) picks the largest positive correlation and keeps the
least-squares fit on the support non-negative, dropping atoms that would turn negative.
"""

import math
from typing import Any

from unfold.sparse_coding.kernels.active_set import CONVERGED, MAX_ITER, descend, release
from unfold.sparse_coding.kernels.cholesky import append, backward
from unfold.sparse_coding.kernels.compiled import NONE, inlined, kernel
from unfold.sparse_coding.kernels.scan import largest, refresh, scan

INFEASIBLE = 3


@inlined
def refresh_support(c: Any, b: Any, G: Any, S: Any, z: Any, s: int) -> None:
    """Set ``c = b - G z`` on the support alone."""
    for i in range(s):
        row, v = G[S[i]], float(b[S[i]])
        for t in range(s):
            v -= z[t] * row[S[t]]
        c[S[i]] = v


@inlined
def refit(c: Any, positive: bool, work: Any, s: int, y: Any) -> int:
    """Fit the support by least squares after its last atom was appended; return its size."""
    S, z, e = work.S, work.z, work.e
    if positive:
        for i in range(s):
            e[i] = c[S[i]]
        none = NONE + 1
        return descend(S, z, work.sign, e, work.dz, work.L, work.H, work.cc, work.where, s, none)
    for i in range(s):
        z[i] = y[i]
    backward(work.L, s, z)
    return s


@inlined
def squared_residual(x: Any, D: Any, S: Any, z: Any, s: int, rest: Any) -> float:
    """Return ``||x - z D||^2`` from the residual itself, which a difference of squares blurs."""
    for t in range(x.shape[0]):
        rest[t] = x[t]
    for i in range(s):
        atom, v = D[S[i]], z[i]
        for t in range(x.shape[0]):
            rest[t] -= v * atom[t]
    total = 0.0
    for t in range(x.shape[0]):
        total += float(rest[t]) * float(rest[t])
    return total


@kernel
def pursue(
    B: Any,
    xx: Any,
    G: Any,
    zero: Any,
    w: Any,
    positive: bool,
    uniform: bool,
    n_nonzero: int,
    X: Any,
    D: Any,
    bounds: Any,
    rank_tol: float,
    quiet: float,
    blur: float,
    max_iter: int,
    work: Any,
    atoms: Any,
    values: Any,
    counts: Any,
    residual: Any,
    status: Any,
    n_iter: Any,
) -> None:
    """Pursue one sample a row of ``B``, to ``n_nonzero`` atoms or a residual norm in ``bounds``.

    Without a bound, 0, only the count ends it. A correlation below ``quiet`` times the sample's
    norm counts as rounding; squares are off by up to ``blur`` times the sample's.
    """
    S, z, sign, y, L, H = work.S, work.z, work.sign, work.dz, work.L, work.H
    where, c, peaks = work.where, work.c, work.peaks
    for r in range(B.shape[0]):
        b = B[r]
        s, steps = NONE + 1, 0
        bound = bounds[r] * bounds[r]
        left = xx[r]
        refresh(c, b, G, S, z, s, 0.0)
        status[r] = MAX_ITER
        while steps < max_iter:
            if left <= max(bound, 1e-30 * xx[r]) or s >= n_nonzero:
                status[r] = CONVERGED
                break
            worst = scan(c, zero, w, positive, uniform, work.scores, peaks)
            j = largest(c, w, positive, peaks, worst, where)
            if j < 0 or worst <= 0.0 or worst * worst <= quiet * quiet * xx[r]:
                status[r] = CONVERGED if bound == 0.0 else INFEASIBLE
                break
            steps += 1
            for i in range(s):
                H[i, 0] = G[j, S[i]]
            rest = append(L, s, H[:, 0], float(G[j, j]))
            if rest <= rank_tol * G[j, j]:
                where[j] = -2
                continue
            L[s, s] = 1.0 / math.sqrt(rest)
            if not positive:
                v = float(b[j])
                for i in range(s):
                    v -= L[s, i] * y[i]
                y[s] = v * L[s, s]
            S[s], z[s], sign[s] = j, 0.0, 1.0
            where[j] = 1
            s = refit(c, positive, work, s + 1, y)
            if s < n_nonzero:
                refresh(c, b, G, S, z, s, 0.0)
            else:  # the last: no atom is to be chosen, only the residual to be known
                refresh_support(c, b, G, S, z, s)
            left = xx[r]
            for i in range(s):
                left -= z[i] * (float(b[S[i]]) + float(c[S[i]]))
            if bound > 0.0 and left <= bound + blur * xx[r]:
                left = squared_residual(X[r], D, S, z, s, work.residual)
        residual[r] = math.sqrt(max(left, 0.0) / xx[r]) if xx[r] > 0.0 else 0.0
        n_iter[r] = steps
        for j in range(where.shape[0]):
            where[j] = -1
        counts[r] = release(atoms[r], values[r], work, s)
