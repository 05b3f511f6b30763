"""Least squares on given supports, compiled: one small Cholesky factor a sample."""

import math
from typing import Any

from unfold.sparse_coding.kernels.cholesky import append, solve
from unfold.sparse_coding.kernels.compiled import kernel


@kernel
def refit(
    X: Any, D: Any, starts: Any, atoms: Any, values: Any, rank_tol: float, L: Any, failed: Any
) -> None:
    """Write the least-squares values of every sample's atoms.

    ``failed`` marks samples whose atoms depend on one another; their values are left as they are.
    ``L`` is scratch of two rows more than the largest support, and one column more.
    """
    d = X.shape[1]
    for i in range(X.shape[0]):
        first = starts[i]
        s = starts[i + 1] - first
        column, rhs = L[L.shape[0] - 1], L[L.shape[0] - 2]
        failed[i] = False
        for a in range(s):
            atom = D[atoms[first + a]]
            for b in range(a):
                other = D[atoms[first + b]]
                dot = 0.0
                for t in range(d):
                    dot += atom[t] * other[t]
                column[b] = dot
            square = 0.0
            corr = 0.0
            for t in range(d):
                square += atom[t] * atom[t]
                corr += atom[t] * X[i, t]
            rest = append(L, a, column, square)
            if rest <= rank_tol * square:
                failed[i] = True
                break
            L[a, a] = 1.0 / math.sqrt(rest)
            rhs[a] = corr
        if not failed[i]:
            solve(L, s, rhs, column)
            for a in range(s):
                values[first + a] = column[a]
