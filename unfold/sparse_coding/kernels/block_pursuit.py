"""A step of block pursuit, compiled: several atoms a sample, then least squares on its support."""

import math
from typing import Any

from unfold.sparse_coding.kernels.cholesky import append, solve
from unfold.sparse_coding.kernels.compiled import kernel

# States of a sample: going on, within its bound, or why it went no further.
LIVE, MET, QUIET, NO_GAIN, FULL = 1, 0, 2, 3, 4


@kernel
def extend_and_refit(
    X: Any,
    D: Any,
    C: Any,
    R: Any,
    state: Any,
    supports: Any,
    values: Any,
    counts: Any,
    least: Any,
    bounds: Any,
    share: float,
    edge: float,
    gain: float,
    most: int,
    positive: bool,
    rank_tol: float,
    G: Any,
    L: Any,
    kept: Any,
    rest: Any,
) -> None:
    """Give every live sample its best new atoms, refit, and write its residual to ``R``.

    New atoms are the ``most`` best whose correlation is at least ``share`` of the largest and
    ``edge`` times the residual's norm, what chance would give, and above its ``least``.
    In the non-negative form atoms that turn negative leave. A step that takes less than a share
    ``gain`` off the squared residual is undone: the same atoms would be tried again.
    """
    width = supports.shape[1]
    for i in range(X.shape[0]):
        if state[i] != LIVE:
            continue
        old = squares(R[i])
        first = counts[i]
        if old <= bounds[i] * bounds[i]:
            state[i] = MET
            continue
        if first >= width:
            state[i] = FULL
            continue
        for a in range(first):
            kept[a] = supports[i, a]
        edged = edge * math.sqrt(old)
        s = propose(C[i], supports[i], values[i], first, least, share, edged, most, positive)
        if s == first:
            state[i] = QUIET
            continue
        s = fit(X[i], D, supports[i], s, positive, rank_tol, G, L)
        solution = L[L.shape[0] - 1]
        for t in range(X.shape[1]):
            rest[t] = X[i, t]
        for a in range(s):
            atom = D[supports[i, a]]
            for t in range(X.shape[1]):
                rest[t] -= solution[a] * atom[t]
        if squares(rest) >= (1.0 - gain) * old:
            for a in range(first):
                supports[i, a] = kept[a]
            state[i] = NO_GAIN
            continue
        counts[i] = s
        for a in range(s):
            values[i, a] = solution[a]
        for t in range(X.shape[1]):
            R[i, t] = rest[t]


@kernel
def squares(x: Any) -> float:
    """Return the squared norm of a sample."""
    total = 0.0
    for t in range(x.shape[0]):
        total += x[t] * x[t]
    return total


@kernel
def propose(
    c: Any,
    support: Any,
    value: Any,
    first: int,
    least: Any,
    share: float,
    edge: float,
    most: int,
    positive: bool,
) -> int:
    """Append the best new atoms to a support, the best first; return how many it then has."""
    peak = 0.0
    for j in range(c.shape[0]):
        v = c[j] if positive else abs(c[j])
        peak = max(peak, v)
    bar, s = max(share * peak, edge), first
    for j in range(c.shape[0]):
        v = c[j] if positive else abs(c[j])
        if v < bar or v <= least[j]:
            continue
        known = False
        for a in range(first):
            known = known or support[a] == j
        if known:
            continue
        if s - first < most and s < support.shape[0]:
            place = s
            s += 1
        else:
            place = s - 1
            if place < first or v <= value[place]:
                continue
        while place > first and value[place - 1] < v:
            value[place] = value[place - 1]
            support[place] = support[place - 1]
            place -= 1
        value[place] = v
        support[place] = j
    return s


@kernel
def fit(
    x: Any, D: Any, support: Any, s: int, positive: bool, rank_tol: float, G: Any, L: Any
) -> int:
    """Least squares on a support, into the last row of ``L``; return how many atoms are left."""
    solution, rhs = L[L.shape[0] - 1], L[L.shape[0] - 2]
    correlation = L[L.shape[0] - 3]
    for a in range(s):
        atom = D[support[a]]
        for b in range(a + 1):
            other = D[support[b]]
            dot = x.dtype.type(0.0)
            for t in range(x.shape[0]):
                dot += atom[t] * other[t]
            G[a, b] = dot
            G[b, a] = dot
        dot = x.dtype.type(0.0)
        for t in range(x.shape[0]):
            dot += atom[t] * x[t]
        correlation[a] = dot
    negative = True
    while negative and s > 0:
        a = 0
        while a < s:
            for b in range(a):
                solution[b] = G[a, b]
            rest = append(L, a, solution, G[a, a])
            rhs[a] = correlation[a]
            if rest <= rank_tol * G[a, a]:
                s = remove(support, G, correlation, s, a)
                continue
            L[a, a] = 1.0 / math.sqrt(rest)
            a += 1
        solve(L, s, rhs, solution)
        negative = False
        if positive:
            for a in range(s - 1, -1, -1):
                if solution[a] <= 0.0:
                    s = remove(support, G, correlation, s, a)
                    negative = True
    return s


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
