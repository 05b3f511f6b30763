"""Correlations of all atoms: refreshed, scanned, and searched for candidates, compiled.

Atoms are scanned in groups of 16 that lie ``n_groups`` apart (atom ``j`` is in group
``j % n_groups``), so that one pass gives the peak of every group without a maximum *across* a
vector, the expensive kind. Arrays of correlations and scores are padded with zeros to whole
groups.
"""

import math
from typing import Any

from unfold.sparse_coding.kernels.compiled import NONE, inlined

GROUP = 16
#: Scores closer to the worst than this share of it are one: no cut falls between them.
TIED = 1e-6


def n_groups(n_atoms: int) -> int:
    """Return how many groups ``n_atoms`` atoms are scanned in."""
    return -(-n_atoms // GROUP)


def cut_share(n_atoms: int) -> float:
    """Return the score, as a share of the worst, above which atoms are short-listed.

    A longer list saves refreshes and costs false candidates: worth it where there are many atoms
    to refresh. Measured best at 80, 512 and 4,096 atoms: .75, .5 and .3.
    """
    return min(0.75, max(0.3, 1.3 - math.log2(n_atoms) / 12))


@inlined
def refresh(c: Any, b: Any, G: Any, S: Any, z: Any, s: int, l2: float) -> None:
    """Set ``c = b - (G + l2 I) z`` over all atoms, four Gram rows a pass."""
    k = b.shape[0]
    i = 0
    if s >= 4:
        g0, g1, g2, g3 = G[S[0]], G[S[1]], G[S[2]], G[S[3]]
        z0, z1 = c.dtype.type(z[0]), c.dtype.type(z[1])
        z2, z3 = c.dtype.type(z[2]), c.dtype.type(z[3])
        for j in range(k):
            c[j] = b[j] - ((z0 * g0[j] + z1 * g1[j]) + (z2 * g2[j] + z3 * g3[j]))
        i = 4
    else:
        for j in range(k):
            c[j] = b[j]
    while i + 4 <= s:
        g0, g1, g2, g3 = G[S[i]], G[S[i + 1]], G[S[i + 2]], G[S[i + 3]]
        z0, z1 = c.dtype.type(z[i]), c.dtype.type(z[i + 1])
        z2, z3 = c.dtype.type(z[i + 2]), c.dtype.type(z[i + 3])
        for j in range(k):
            c[j] -= (z0 * g0[j] + z1 * g1[j]) + (z2 * g2[j] + z3 * g3[j])
        i += 4
    if i + 2 <= s:
        g0, g1 = G[S[i]], G[S[i + 1]]
        z0, z1 = c.dtype.type(z[i]), c.dtype.type(z[i + 1])
        for j in range(k):
            c[j] -= z0 * g0[j] + z1 * g1[j]
        i += 2
    if i < s:
        g0, z0 = G[S[i]], c.dtype.type(z[i])
        for j in range(k):
            c[j] -= z0 * g0[j]
    if l2 != 0.0:
        for i in range(s):
            c[S[i]] -= l2 * z[i]


@inlined
def highest(v: Any, side: Any, q: int, n: int) -> Any:
    """Return the largest member of group ``q``, or of its negative where ``side`` is -1."""
    a = max(max(side * v[q], side * v[q + n]), max(side * v[q + 2 * n], side * v[q + 3 * n]))
    q += 4 * n
    b = max(max(side * v[q], side * v[q + n]), max(side * v[q + 2 * n], side * v[q + 3 * n]))
    q += 4 * n
    c = max(max(side * v[q], side * v[q + n]), max(side * v[q + 2 * n], side * v[q + 3 * n]))
    q += 4 * n
    d = max(max(side * v[q], side * v[q + n]), max(side * v[q + 2 * n], side * v[q + 3 * n]))
    return max(max(a, b), max(c, d))


@inlined
def scan(c: Any, a: Any, w: Any, positive: bool, uniform: bool, scores: Any, peaks: Any) -> float:
    """Return the worst score ``(|c| - a) w`` of all atoms, and each group's in ``peaks``.

    With one ``a`` and ``w`` for all, the usual case, ``scores`` is left alone.
    """
    n, k = peaks.shape[0], a.shape[0]
    up = c.dtype.type(1.0)
    if uniform:
        for q in range(n):
            peaks[q] = highest(c, up, q, n)
        if not positive:
            for q in range(n):
                peaks[q] = max(peaks[q], highest(c, -up, q, n))
        for q in range(n):
            peaks[q] = (peaks[q] - a[0]) * w[0]
    else:
        for j in range(k):
            scores[j] = ((c[j] if positive else abs(c[j])) - a[j]) * w[j]
        for q in range(n):
            peaks[q] = highest(scores, up, q, n)
    worst = -up
    for q in range(n):
        worst = max(worst, peaks[q])
    return float(worst)


@inlined
def collect(
    v: Any, signed: bool, bound: Any, weight: Any, worst: float, share: float, work: Any
) -> int:
    """List the worst violators outside the support in ``work.cand``; return how many.

    Their score is ``(|v| - bound) weight``. No branch depends on a single atom: a mispredicted one
    costs more than the rest of its group.
    """
    peaks, hot, cand, where = work.peaks, work.hot, work.cand, work.where
    n, most = peaks.shape[0], work.cc.shape[0]
    cut = v.dtype.type(share * worst)
    while True:
        n_hot = 0
        for q in range(n):
            hot[n_hot] = q
            n_hot += peaks[q] > cut
        least, m = cut / weight + bound, 0
        for t in range(n_hot):
            j = hot[t]
            for _ in range(GROUP):
                cand[m] = j
                m += (abs(v[j]) if signed else v[j]) > least
                j += n
            if m > most:
                break
        # Ties of many equal atoms cannot be split by a higher cut: take the first ones.
        if m <= most or worst - cut <= TIED * worst:
            break
        cut += v.dtype.type(0.5) * v.dtype.type(worst - cut)
    found = 0
    for t in range(min(m, most)):
        j = cand[t]
        cand[found] = j
        found += where[j] < 0
    return found


@inlined
def largest(c: Any, w: Any, positive: bool, peaks: Any, worst: float, where: Any) -> Any:
    """Return the atom of the largest weighted correlation outside the support, or -1."""
    n = peaks.shape[0]
    for q in range(n):
        if peaks[q] < worst:
            continue
        for j in range(q, w.shape[0], n):
            size = c[j] if positive else abs(c[j])
            if size * w[j] >= worst and where[j] == -1:
                return j
    return NONE
