"""Codes found in single precision, made exact in double, one sample at a time, compiled.

Supports come from single-precision correlations; what is kept of them is only which atoms they
name and on which side. Coefficients, residual and certificate are computed anew from the data in
double precision. Of the atoms outside the support, those whose single-precision correlation
could be at its bound within rounding are correlated anew; the others cannot.
"""

import math
from typing import Any

import numpy as np

from unfold.sparse_coding.kernels.cholesky import append, solve
from unfold.sparse_coding.kernels.compiled import kernel

#: What single precision may lose of a correlation by underflow.
TINY = 1e-36


@kernel
def dot(u: Any, v: Any) -> float:
    """Return the inner product of two vectors."""
    total = 0.0
    for t in range(u.shape[0]):
        total += u[t] * v[t]
    return total


@kernel
def fit_support(
    x: Any, D: Any, a: Any, l2: float, rank_tol: float, S: Any, sign: Any, s: int, work: Any
) -> bool:
    """Fit the support by penalised least squares; tell whether its atoms are independent.

    Leaves coefficients and residual in the scratch arrays.
    """
    L, column, e, z, residual = work
    for i in range(s):
        atom = D[S[i]]
        for t in range(i):
            column[t] = dot(D[S[t]], atom)
        diagonal = dot(atom, atom) + l2
        rest = append(L, i, column, diagonal)
        if rest <= rank_tol * diagonal:
            return False
        L[i, i] = 1.0 / math.sqrt(rest)
        e[i] = dot(atom, x) - a[S[i]] * sign[i]
    solve(L, s, e, z)
    for t in range(x.shape[0]):
        residual[t] = x[t]
    for i in range(s):
        atom, v = D[S[i]], z[i]
        for t in range(x.shape[0]):
            residual[t] -= v * atom[t]
    return True


@kernel
def exact_gap(
    c: Any,
    D: Any,
    a: Any,
    l2: float,
    positive: bool,
    margin: float,
    xx: float,
    S: Any,
    sign: Any,
    s: int,
    work: Any,
) -> float:
    """Return the relative duality gap at the fitted support."""
    _, _, e, z, residual = work
    worst, energy, slack = 1.0, dot(residual, residual), 0.0
    for i in range(s):
        e[i] = dot(D[S[i]], residual) - l2 * z[i]
        energy += l2 * z[i] * z[i]
        worst = max(worst, abs(e[i]) / a[S[i]])
    for j in range(c.shape[0]):
        rough = c[j] if positive else abs(c[j])
        if rough + margin > a[j]:
            outside = True
            for i in range(s):
                outside &= S[i] != j
            if outside:
                sharp = dot(D[j], residual)
                worst = max(worst, (sharp if positive else abs(sharp)) / a[j])
    shrink = 1.0 / worst
    for i in range(s):
        slack += z[i] * (sign[i] * a[S[i]] - shrink * e[i])
    return abs(0.5 * (1.0 - shrink) ** 2 * energy + slack) / (0.5 * xx)


@kernel
def refine(
    X: Any,
    D: Any,
    C: Any,
    A: Any,
    l2: float,
    positive: bool,
    lasso: bool,
    reach: float,
    largest: float,
    rank_tol: float,
    work: Any,
    sign: Any,
    atoms: Any,
    values: Any,
    counts: Any,
    certificate: Any,
) -> None:
    """Make the codes of each sample exact and certify them; infinity where that fails.

    ``C`` holds single-precision correlations at the codes given, ``reach`` their error for data of
    unit size, ``largest`` the largest squared norm of an atom. Without ``lasso`` the fit is plain
    least squares, certified by its relative residual.
    """
    for r in range(X.shape[0]):
        x, S, s = X[r], atoms[r], counts[r]
        xx = dot(x, x)
        if xx <= 0.0:
            certificate[r] = 0.0
            continue
        for i in range(s):
            sign[i] = 1.0 if values[r, i] > 0.0 else -1.0
        a = A[r % A.shape[0]]
        certificate[r] = np.inf
        if not fit_support(x, D, a, l2, rank_tol, S, sign, s, work):
            continue
        turned = False
        for i in range(s):
            turned |= not sign[i] * work[3][i] > 0.0
        if turned and (lasso or positive):
            continue
        if lasso:
            size, moved, z = math.sqrt(xx), 0.0, work[3]
            for i in range(s):
                size += abs(values[r, i])
                moved += abs(values[r, i] - z[i])
            margin = reach * size + largest * moved + TINY
            certificate[r] = exact_gap(C[r], D, a, l2, positive, margin, xx, S, sign, s, work)
        else:
            certificate[r] = math.sqrt(dot(work[4], work[4]) / xx)
        for i in range(s):
            values[r, i] = work[3][i]


def workspace(size: int, d: int) -> tuple[Any, ...]:
    """Return scratch arrays of one thread: factor, column, right-hand side, codes, residual."""
    return np.empty((size, size)), np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(d)
