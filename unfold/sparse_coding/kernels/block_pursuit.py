"""A step of block pursuit, compiled: several atoms a sample, then least squares on its support."""

import math
from typing import Any

from unfold.sparse_coding.kernels.cholesky import append, solve
from unfold.sparse_coding.kernels.compiled import kernel


@kernel
def extend_and_refit(
    X: Any, D: Any, C: Any, R: Any, live: Any, supports: Any, values: Any, counts: Any,
    least: Any, share: float, edge: float, exact: float, most: int, positive: bool, rank_tol: float,
    G: Any, L: Any,
) -> None:  # fmt: skip
    """Give every live sample its best new atoms, refit, and write its residual to ``R``.

    New atoms are the ``most`` best whose correlation is at least ``share`` of the largest and
    ``edge`` times the residual's norm, what chance would give, and above its ``least``.
    In the non-negative form atoms that turn negative leave. ``live`` is cleared where
    nothing was gained or all is explained.
    """
    d, width = X.shape[1], supports.shape[1]
    for i in range(X.shape[0]):
        if not live[i]:
            continue
        old = 0.0
        total = 0.0
        for t in range(d):
            old += R[i, t] * R[i, t]
            total += X[i, t] * X[i, t]
        if old <= exact * exact * total:
            live[i] = False
            continue
        s = counts[i]
        peak = 0.0
        for j in range(C.shape[1]):
            v = C[i, j] if positive else abs(C[i, j])
            peak = max(peak, v)
        bar = max(share * peak, edge * math.sqrt(old))
        first = s
        for j in range(C.shape[1]):
            v = C[i, j] if positive else abs(C[i, j])
            if v < bar or v <= least[j]:
                continue
            known = False
            for a in range(first):
                known = known or supports[i, a] == j
            if known:
                continue
            if s - first < most and s < width:
                place = s
                s += 1
            else:
                place = s - 1
                if place < first or v <= values[i, place]:
                    continue
            while place > first and values[i, place - 1] < v:
                values[i, place] = values[i, place - 1]
                supports[i, place] = supports[i, place - 1]
                place -= 1
            values[i, place] = v
            supports[i, place] = j
        if s == first:
            live[i] = False
            continue
        column, rhs = L[L.shape[0] - 1], L[L.shape[0] - 2]
        correlation = L[L.shape[0] - 3]
        for a in range(s):
            atom = D[supports[i, a]]
            for b in range(a + 1):
                other = D[supports[i, b]]
                dot = X.dtype.type(0.0)
                for t in range(d):
                    dot += atom[t] * other[t]
                G[a, b] = dot
                G[b, a] = dot
            dot = X.dtype.type(0.0)
            for t in range(d):
                dot += atom[t] * X[i, t]
            correlation[a] = dot
        negative = True
        while negative and s > 0:
            a = 0
            while a < s:
                for b in range(a):
                    column[b] = G[a, b]
                rest = append(L, a, column, G[a, a])
                rhs[a] = correlation[a]
                if rest <= rank_tol * G[a, a]:
                    s = remove(supports[i], G, correlation, s, a)
                    continue
                L[a, a] = 1.0 / math.sqrt(rest)
                a += 1
            solve(L, s, rhs, column)
            negative = False
            if positive:
                for a in range(s - 1, -1, -1):
                    if column[a] <= 0.0:
                        s = remove(supports[i], G, correlation, s, a)
                        negative = True
        counts[i] = s
        for t in range(d):
            R[i, t] = X[i, t]
        for a in range(s):
            values[i, a] = column[a]
            atom = D[supports[i, a]]
            for t in range(d):
                R[i, t] -= values[i, a] * atom[t]
        left = 0.0
        for t in range(d):
            left += R[i, t] * R[i, t]
        # less than a thousandth gained: the same atoms would be tried again
        live[i] = left < (1.0 - 1e-3) * old and s < width


@kernel
def remove(support: Any, G: Any, correlation: Any, s: int, p: int) -> int:
    """Take place ``p`` out of a support of ``s`` atoms, its Gram matrix and correlations."""
    for a in range(p, s - 1):
        support[a] = support[a + 1]
        correlation[a] = correlation[a + 1]
        for b in range(s):
            G[a, b] = G[a + 1, b]
    for a in range(p, s - 1):
        for b in range(s - 1):
            G[b, a] = G[b, a + 1]
    return s - 1
