"""Cholesky factors that gain and lose one row at a time, compiled; and how kernels compile.

The diagonal of a factor is held inverted, so that solving divides nothing.
"""

import math
from typing import Any

from unfold.sparse_coding.kernels.compiled import inlined, kernel


@inlined
def append(L: Any, s: int, column: Any, diagonal: float) -> float:
    """Write row ``s`` of the factor but its last entry; return that entry squared."""
    rest = diagonal
    for i in range(s):
        v = column[i]
        for t in range(i):
            v -= L[i, t] * L[s, t]
        v *= L[i, i]
        L[s, i] = v
        rest -= v * v
    return rest


@kernel
def drop(L: Any, s: int, p: int) -> None:
    """Remove variable ``p`` from an ``s`` by ``s`` factor by Givens rotations."""
    for i in range(p, s - 1):
        for t in range(i + 1):
            L[i, t] = L[i + 1, t]
        L[i, i + 1] = 1.0 / L[i + 1, i + 1]
    for i in range(p, s - 1):
        inverse = 1.0 / math.sqrt(L[i, i] ** 2 + L[i, i + 1] ** 2)
        cos, sin = L[i, i] * inverse, L[i, i + 1] * inverse
        L[i, i] = inverse
        for q in range(i + 1, s - 1):
            u, v = L[q, i], L[q, i + 1]
            L[q, i] = cos * u + sin * v
            L[q, i + 1] = cos * v - sin * u


@inlined
def backward(L: Any, s: int, out: Any) -> None:
    """Solve ``L' out = out`` in place."""
    for i in range(s - 1, -1, -1):
        v = out[i] * L[i, i]
        out[i] = v
        for t in range(i):
            out[t] -= L[i, t] * v


@inlined
def solve(L: Any, s: int, rhs: Any, out: Any) -> None:
    """Solve ``L L' out = rhs``; most often only the last entry of ``rhs`` is not zero."""
    first = 0
    while first < s and rhs[first] == 0.0:
        out[first] = 0.0
        first += 1
    for i in range(first, s):
        v = rhs[i]
        for t in range(first, i):
            v -= L[i, t] * out[t]
        out[i] = v * L[i, i]
    backward(L, s, out)
