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
from typing import Any, NamedTuple

import numpy as np

from unfold.sparse_coding.kernels.cholesky import append, backward, drop, solve
from unfold.sparse_coding.kernels.compiled import NONE, inlined, kernel
from unfold.sparse_coding.kernels.scan import GROUP, collect, n_groups, refresh, scan

CONVERGED, MAX_ITER, NON_FINITE, STALLED = 0, 1, 2, 4


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
        for q in range(m):
            v = 0.0
            for i in range(s):
                v += dz[i] * H[i, q]
            cc[q] -= t * v
        for i in range(s):
            z[i] += t * dz[i]
            e[i] *= 1.0 - t
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


@inlined
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
    S, z, sign, e, dz, L, H = work.S, work.z, work.sign, work.e, work.dz, work.L, work.H
    cand, cc, limit, where = work.cand, work.cc, work.limit, work.where
    n_added = 0
    for q in range(m):
        cc[q], limit[q] = c[cand[q]], a[cand[q]]
    for i in range(s):
        e[i] = c[S[i]] - a[S[i]] * sign[i]
        row = G[S[i]]
        for q in range(m):
            H[i, q] = row[cand[q]]
    fitted = False
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
        s, fitted = descend(S, z, sign, e, dz, L, H, cc, where, s + 1, m), True
    if not fitted:
        s = descend(S, z, sign, e, dz, L, H, cc, where, s, m)
    return s, n_added


@inlined
def certify(
    b: Any, c: Any, a: Any, w: Any, xx: float, worst: float, gap: bool, work: Any, s: int
) -> float:
    """Return the relative duality gap (or the KKT residual) at the codes that ``c`` belongs to."""
    S, z, sign = work.S, work.z, work.sign
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


@inlined
def sharpen(x: Any, D: Any, a: Any, l2: float, work: Any, s: int) -> None:
    """Correct the coefficients by the residual itself, which loses fewer digits than ``b - G z``.

    Correlations in single precision are off by some ``1e-7 ||x||``, whatever the residual.
    """
    S, z, sign, e, dz, residual = work.S, work.z, work.sign, work.e, work.dz, work.residual
    refresh(residual, x, D, S, z, s, 0.0)
    for i in range(s):
        atom, total = D[S[i]], D.dtype.type(0.0)
        for t in range(x.shape[0]):
            total += atom[t] * residual[t]
        e[i] = total - l2 * z[i] - a[S[i]] * sign[i]
    solve(work.L, s, e, dz)
    for i in range(s):
        if not sign[i] * (z[i] + dz[i]) > 0.0:
            return
    for i in range(s):
        z[i] += dz[i]


@kernel
def release(atoms: Any, values: Any, work: Any, s: int) -> int:
    """Write the support in the order of its atoms, forget it, and return its size."""
    S, z, where = work.S, work.z, work.where
    for i in range(s):
        j, v = S[i], z[i]
        where[j] = -1
        t = i
        while t > 0 and atoms[t - 1] > j:
            atoms[t], values[t] = atoms[t - 1], values[t - 1]
            t -= 1
        atoms[t], values[t] = j, v
    return s


@inlined
def shortlist(
    c: Any, a: Any, w: Any, positive: bool, uniform: bool, worst: float, share: float, work: Any
) -> int:
    """List the atoms to try next; return how many."""
    if not worst > 0.0:
        return 0
    if uniform:
        return collect(c, not positive, a[0], w[0], worst, share, work)
    zero, one = c.dtype.type(0.0), c.dtype.type(1.0)
    return collect(work.scores, False, zero, one, worst, share, work)


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
    X: Any,
    D: Any,
    sharp: bool,
    keep: bool,
    tol: float,
    rank_tol: float,
    max_iter: int,
    share: float,
    work: Any,
    atoms: Any,
    values: Any,
    counts: Any,
    certificate: Any,
    status: Any,
    n_iter: Any,
) -> None:
    """Solve one sample a row of ``B`` (correlations at zero), with the Gram matrix at hand.

    With ``sharp``, coefficients are corrected by the data ``X`` and ``D`` at the end; with
    ``keep``, the correlations at the codes found are left in ``B``.
    """
    S, z, c = work.S, work.z, work.c
    for r in range(B.shape[0]):
        a, w = A[r % A.shape[0]], W[r % W.shape[0]]
        b = B[r]
        slack = 2e-16 * math.sqrt(xx[r])
        s, steps, idle = np.int64(0), np.int64(0), 0
        status[r] = MAX_ITER
        while True:
            refresh(c, b, G, S, z, s, l2)
            worst = scan(c, a, w, positive, uniform, work.scores, work.peaks)
            value = certify(b, c, a, w, xx[r], worst, gap, work, s)
            if not value > tol:
                status[r] = CONVERGED
                break
            if steps >= max_iter:
                break
            if idle > 2:
                status[r] = STALLED
                break
            m = shortlist(c, a, w, positive, uniform, worst, share, work)
            s, added = improve(c, a, G, l2, rank_tol, slack, positive, work, s, m, max_iter - steps)
            steps += added
            idle = 0 if added > 0 else idle + 1
        if keep:
            for j in range(b.shape[0]):
                b[j] = c[j]
        if sharp and status[r] == CONVERGED:
            sharpen(X[r], D, a, l2, work, s)
        certificate[r], n_iter[r] = value, steps
        counts[r] = release(atoms[r], values[r], work, s)


class Workspace(NamedTuple):
    """Scratch arrays of one thread; shapes for ``k`` atoms, supports of ``t``, lists of ``m``."""

    S: np.ndarray  #: (t,) atoms of the support
    z: np.ndarray  #: (t,) their coefficients
    sign: np.ndarray  #: (t,) their signs
    e: np.ndarray  #: (t,) correlation less its target
    dz: np.ndarray  #: (t,) step of the coefficients
    L: np.ndarray  #: (t, t) Cholesky factor of the support's Gram matrix, diagonal inverted
    H: np.ndarray  #: (t, m) Gram rows of the support over the short list
    cand: np.ndarray  #: (m + 16,) the short list
    cc: np.ndarray  #: (m,) its correlations
    limit: np.ndarray  #: (m,) its thresholds
    where: np.ndarray  #: (k,) 1 in the support, -1 outside
    c: np.ndarray  #: (k, padded) correlations of all atoms
    scores: np.ndarray  #: (k, padded) excesses over their weights, where these differ
    peaks: np.ndarray  #: (groups,) worst score of each group
    hot: np.ndarray  #: (groups + 1,) groups above the cut
    residual: np.ndarray  #: (d,) what the codes leave of the sample


def workspace(shape: tuple[int, ...], most: int, dtype: Any, listed: int = 16) -> Workspace:
    """Return the scratch arrays of one thread: ``D`` of that shape, at most ``most`` active."""
    n_atoms, d = shape
    size, m, groups = most + 1, min(n_atoms, listed), n_groups(n_atoms)
    return Workspace(
        S=np.zeros(size, np.int64),
        z=np.zeros(size),
        sign=np.zeros(size),
        e=np.zeros(size),
        dz=np.zeros(size),
        L=np.empty((size, size)),
        H=np.empty((size, m)),
        cand=np.zeros(m + GROUP, np.int64),
        cc=np.zeros(m),
        limit=np.zeros(m),
        where=np.full(n_atoms, -1, np.int64),
        c=np.zeros(groups * GROUP, dtype),
        scores=np.zeros(groups * GROUP, dtype),
        peaks=np.zeros(groups, dtype),
        hot=np.zeros(groups + 1, np.int64),
        residual=np.zeros(d, dtype),
    )
