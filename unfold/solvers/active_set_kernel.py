"""Active-set quadratic programming over a Gram matrix, one sample at a time, compiled.

Per sample the kernel alternates two moves until the duality gap is closed:

1. *Refresh*: correlations ``c = D x - G z`` of every atom, from the support's Gram rows alone, and
   from them the certificate and a short list of the worst violators.
2. *Improve*: solve the problem restricted to support and short list exactly, adding the worst
   violator and stepping to the first sign change (Lawson and Hanson, 1974; Osborne et al., 2000),
   over a Cholesky factor that gains and loses one row at a time.

Only the refresh touches all ``k`` atoms, and it happens two to four times a sample. Small things
(factor, coefficients, right-hand sides) are float64 whatever the data.
"""

import math
from typing import Any

import numpy as np

from unfold.solvers.cholesky_kernel import NONE, append, backward, drop, inlined, kernel, solve

CHUNK = 16
CONVERGED, MAX_ITER, NON_FINITE, STALLED = 0, 1, 2, 4


@inlined
def refresh(c: Any, b: Any, G: Any, S: Any, z: Any, s: int, l2: float) -> None:
    """Set ``c = b - (G + l2 I) z`` over all atoms, four Gram rows a pass."""
    k = c.shape[0]
    for j in range(k):
        c[j] = b[j]
    i = 0
    while i + 4 <= s:
        g0, g1, g2, g3 = G[S[i]], G[S[i + 1]], G[S[i + 2]], G[S[i + 3]]
        z0, z1 = c.dtype.type(z[i]), c.dtype.type(z[i + 1])
        z2, z3 = c.dtype.type(z[i + 2]), c.dtype.type(z[i + 3])
        for j in range(k):
            c[j] -= (z0 * g0[j] + z1 * g1[j]) + (z2 * g2[j] + z3 * g3[j])
        i += 4
    while i < s:
        g0, z0 = G[S[i]], c.dtype.type(z[i])
        for j in range(k):
            c[j] -= z0 * g0[j]
        i += 1
    if l2 != 0.0:
        for i in range(s):
            c[S[i]] -= l2 * z[i]


@inlined
def scan(c: Any, a: Any, w: Any, positive: bool, uniform: bool, peaks: Any) -> float:
    """Return the worst score ``(|c| - a) w`` of all atoms, and each chunk's in ``peaks``."""
    k = c.shape[0]
    none = c.dtype.type(-1.0)
    worst = none
    if uniform:
        # One weight for all, the usual case: three times as fast without reading it per atom.
        for q in range(k // CHUNK):
            peak = c[q * CHUNK]
            if positive:
                for t in range(CHUNK):
                    peak = max(peak, c[q * CHUNK + t])
            else:
                for t in range(CHUNK):
                    peak = max(peak, max(c[q * CHUNK + t], -c[q * CHUNK + t]))
            peaks[q] = (peak - a[0]) * w[0]
            worst = max(worst, peaks[q])
        first = k // CHUNK
    else:
        first = 0
    for q in range(first, peaks.shape[0]):
        lo, peak = q * CHUNK, none
        # The trip count of whole chunks is a constant, so that they become straight vector code.
        if lo + CHUNK <= k:
            for t in range(CHUNK):
                v = c[lo + t] if positive else abs(c[lo + t])
                peak = max(peak, (v - a[lo + t]) * w[lo + t])
        else:
            for j in range(lo, k):
                v = c[j] if positive else abs(c[j])
                peak = max(peak, (v - a[j]) * w[j])
        peaks[q] = peak
        worst = max(worst, peak)
    return float(worst)


@inlined
def collect(
    c: Any, a: Any, w: Any, positive: bool, peaks: Any, worst: float, where: Any, cand: Any
) -> int:
    """List up to ``len(cand)`` of the worst violators outside the support; return how many."""
    k = c.shape[0]
    cut = 0.35 * worst
    while True:
        m = 0
        for q in range(peaks.shape[0]):
            if peaks[q] <= cut:
                continue
            for j in range(q * CHUNK, min(k, q * CHUNK + CHUNK)):
                size = c[j] if positive else abs(c[j])
                if where[j] < 0 and (size - a[j]) * w[j] > cut:
                    if m < cand.shape[0]:
                        cand[m] = j
                    m += 1
        if m <= cand.shape[0]:
            return m
        # Ties of many equal atoms cannot be split by a higher cut: take the first ones.
        if worst - cut <= 1e-6 * worst:
            return int(cand.shape[0])
        cut += 0.5 * (worst - cut)


@kernel
def remove(S: Any, z: Any, sign: Any, e: Any, H: Any, m: int, L: Any, s: int, p: int) -> None:
    """Take variable ``p`` out of the support, its factor and its Gram rows."""
    drop(L, s, p)
    for i in range(p, s - 1):
        S[i], z[i], sign[i], e[i] = S[i + 1], z[i + 1], sign[i + 1], e[i + 1]
        for q in range(m):
            H[i, q] = H[i + 1, q]


@inlined
def descend(
    S: Any, z: Any, sign: Any, e: Any, dz: Any, L: Any, H: Any, cc: Any, where: Any, s: int, m: int
) -> int:
    """Step to the optimum of the support, dropping whatever changes sign on the way."""
    while s > 0:
        solve(L, s, e, dz)
        t, block = 1.0, NONE
        for i in range(s):
            if sign[i] * (z[i] + dz[i]) <= 0.0:
                at = z[i] / -dz[i] if dz[i] != 0.0 else 0.0
                if block < 0 or at < t:
                    t, block = min(max(at, 0.0), 1.0), i
        for i in range(s):
            z[i] += t * dz[i]
            e[i] *= 1.0 - t
            step = t * dz[i]
            for q in range(m):
                cc[q] -= step * H[i, q]
        if block < 0:
            return s
        where[S[block]] = -1
        remove(S, z, sign, e, H, m, L, s, block)
        s -= 1
    return s


@kernel
def pivot(S: Any, z: Any, sign: Any, e: Any, dz: Any, L: Any, s: int, toward: float) -> Any:
    """Exchange a new atom that lies in the span of the support against one of its members.

    Moving along the null direction changes no residual, only the penalty, and lowers it; the
    first member to reach zero makes room. Returns that member (-1: none) and the new coefficient.
    """
    for i in range(s):
        dz[i] = L[s, i]
    backward(L, s, dz)
    t, block = 0.0, NONE
    for i in range(s):
        speed = -toward * dz[i]
        if sign[i] * speed < 0.0:
            at = z[i] / -speed
            if block < 0 or at < t:
                t, block = at, i
    if block >= 0:
        for i in range(s):
            z[i] -= t * toward * dz[i]
    return block, t * toward


@kernel
def improve(
    c: Any,
    a: Any,
    G: Any,
    l2: float,
    rank_tol: float,
    slack: float,
    positive: bool,
    work: Any,
    s: int,
    m: int,
    budget: int,
) -> Any:
    """Solve the problem over support and short list; return support size and atoms added."""
    S, z, sign, e, dz, L, H, cand, cc, where, limit = work[:11]
    n_added = 0
    for q in range(m):
        cc[q], limit[q] = c[cand[q]], a[cand[q]]
    for i in range(s):
        e[i] = c[S[i]] - a[S[i]] * sign[i]
        row = G[S[i]]
        for q in range(m):
            H[i, q] = row[cand[q]]
    s = descend(S, z, sign, e, dz, L, H, cc, where, s, m)
    while n_added < budget and s < L.shape[0]:
        best, violation = NONE, slack
        for q in range(m):
            v = (cc[q] if positive else abs(cc[q])) - limit[q]
            if v > violation:
                best, violation = q, v
        if best < 0:
            break
        j = cand[best]
        toward = 1.0 if cc[best] > 0.0 else -1.0
        limit[best] = np.inf  # tried: not again before the next refresh
        n_added += 1
        diagonal = float(G[j, j]) + l2
        rest = append(L, s, H[:, best], diagonal)
        start = 0.0
        if rest <= rank_tol * diagonal:
            block, start = pivot(S, z, sign, e, dz, L, s, toward)
            if block < 0:
                continue
            where[S[block]] = -1
            remove(S, z, sign, e, H, m, L, s, block)
            s -= 1
            rest = max(append(L, s, H[:, best], diagonal), rank_tol * diagonal)
        L[s, s] = 1.0 / math.sqrt(rest)
        S[s], z[s], sign[s], e[s] = j, start, toward, cc[best] - a[j] * toward
        where[j] = 1
        row = G[j]
        for q in range(m):
            H[s, q] = row[cand[q]]
        s = descend(S, z, sign, e, dz, L, H, cc, where, s + 1, m)
    return s, n_added


@inlined
def certify(
    b: Any, c: Any, a: Any, w: Any, xx: float, worst: float, gap: bool, work: Any, s: int
) -> float:
    """Return the relative duality gap (or the KKT residual) at the codes that ``c`` belongs to."""
    S, z, sign = work[:3]
    if xx <= 0.0:
        return 0.0
    if not gap:
        top = max(worst, 0.0)
        for i in range(s):
            j = S[i]
            top = max(top, abs(float(c[j]) - a[j] * sign[i]) * w[j])
        return top / math.sqrt(xx)
    shrink = 1.0 / (1.0 + max(worst, 0.0))
    residual, total = xx, 0.0
    for i in range(s):
        j = S[i]
        residual -= z[i] * (float(b[j]) + float(c[j]))
        total += z[i] * (sign[i] * a[j] - shrink * float(c[j]))
    total += 0.5 * (1.0 - shrink) ** 2 * max(residual, 0.0)
    return abs(total) / (0.5 * xx)


@kernel
def release(atoms: Any, values: Any, work: Any, s: int) -> int:
    """Write the support in the order of its atoms, forget it, and return its size."""
    S, z = work[:2]
    where = work[9]
    for i in range(s):
        j, v = S[i], z[i]
        where[j] = -1
        t = i
        while t > 0 and atoms[t - 1] > j:
            atoms[t], values[t] = atoms[t - 1], values[t - 1]
            t -= 1
        atoms[t], values[t] = j, v
    return s


@kernel
def solve_gram(
    B: Any,
    xx: Any,
    G: Any,
    A: Any,
    W: Any,
    l2: float,
    positive: bool,
    uniform: bool,
    gap: bool,
    tol: float,
    rank_tol: float,
    max_iter: int,
    work: Any,
    atoms: Any,
    values: Any,
    counts: Any,
    certificate: Any,
    status: Any,
    n_iter: Any,
) -> None:
    """Solve one sample a row of ``B`` (correlations at zero), with the Gram matrix at hand.

    Leaves in ``B`` the correlations at the codes found.
    """
    S, z = work[:2]
    c, peaks = work[11], work[12]
    for r in range(B.shape[0]):
        a, w = A[r % A.shape[0]], W[r % W.shape[0]]
        b = B[r]
        slack = 2e-16 * math.sqrt(xx[r])
        s, steps, idle = np.int64(0), np.int64(0), 0
        status[r] = MAX_ITER
        while True:
            refresh(c, b, G, S, z, s, l2)
            worst = scan(c, a, w, positive, uniform, peaks)
            value = certify(b, c, a, w, xx[r], worst, gap, work, s)
            if not value > tol:
                status[r] = CONVERGED
                break
            if steps >= max_iter:
                break
            if idle > 2:
                status[r] = STALLED
                break
            m = (
                collect(c, a, w, positive, peaks, worst, work[9], work[7])
                if worst > 0.0
                else NONE + 1
            )
            s, added = improve(c, a, G, l2, rank_tol, slack, positive, work, s, m, max_iter - steps)
            steps += added
            idle = 0 if added > 0 else idle + 1
        for j in range(c.shape[0]):
            b[j] = c[j]
        certificate[r], n_iter[r] = value, steps
        counts[r] = release(atoms[r], values[r], work, s)


def workspace(n_atoms: int, d: int, dtype: Any, shortlist: int = 16) -> tuple[Any, ...]:
    """Return the scratch arrays of one thread."""
    size = min(n_atoms, d) + 1
    m = min(n_atoms, shortlist)
    return (
        np.zeros(size, np.int64),  # S: atoms of the support
        np.zeros(size),  # z: their coefficients
        np.zeros(size),  # sign
        np.zeros(size),  # e: correlation less its target, on the support
        np.zeros(size),  # dz
        np.empty(
            (size, size)
        ),  # L: Cholesky factor of the support's Gram matrix; its diagonal is held inverted
        np.empty((size, m)),  # H: Gram rows of the support over the short list
        np.zeros(m, np.int64),  # cand: the short list
        np.zeros(m),  # cc: its correlations
        np.full(n_atoms, -1, np.int64),  # where: 1 in the support, -1 outside
        np.zeros(m),  # limit: its thresholds
        np.zeros(n_atoms, dtype),  # c: correlations of all atoms
        np.zeros(-(-n_atoms // CHUNK), dtype),  # peaks: worst score of each chunk
    )
