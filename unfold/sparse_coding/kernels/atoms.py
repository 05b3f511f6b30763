"""Steps of a dictionary's atoms on a batch of sparse codes, and leave-one-out pruning, compiled.

An atom's step is the minimiser of the squared error over that atom alone, the others held fixed.
Given the residual of the batch it needs only the samples that use the atom, so that a round over
all atoms costs twice the non-zero codes times the dimension, whatever the number of atoms.
"""

import math
from typing import Any

from unfold.sparse_coding.kernels.compiled import kernel


@kernel
def atom_steps(
    ends: Any, rows: Any, values: Any, energy: Any, R: Any, D: Any, moved: Any, change: Any
) -> None:
    """Take one step on each atom in turn, and keep the residuals ``R`` up to date.

    Codes come by columns (CSC). ``energy`` (k,) is the weight of each atom's past and present
    codes: a step is the share of the batch in it. ``change`` (k,) receives ``1 - cosine``.
    """
    d = D.shape[1]
    for j in range(D.shape[0]):
        change[j] = 0.0
        if ends[j + 1] == ends[j] or energy[j] <= 0.0:
            continue
        atom = D[j]
        for t in range(d):
            moved[t] = 0.0
        for p in range(ends[j], ends[j + 1]):
            r, v = R[rows[p]], values[p]
            for t in range(d):
                moved[t] += v * r[t]
        size, inverse = 0.0, 1.0 / energy[j]
        for t in range(d):
            v = atom[t] + moved[t] * inverse
            moved[t] = v
            size += v * v
        if size <= 0.0:
            continue
        scale, cosine = 1.0 / math.sqrt(size), 0.0
        for t in range(d):
            v = moved[t] * scale
            cosine += v * atom[t]
            moved[t] = v - atom[t]
            atom[t] = v
        change[j] = 1.0 - cosine
        for p in range(ends[j], ends[j + 1]):
            r, v = R[rows[p]], values[p]
            for t in range(d):
                r[t] -= v * moved[t]


@kernel
def leave_one_out(
    ends: Any, atoms: Any, values: Any, D: Any, R: Any, penalty: float, positive: bool
) -> None:
    """Set to zero, the cheapest first, codes whose removal costs less than ``penalty``.

    Removing atom i from ``x = r + z D`` and leaving the rest as they are raises the squared
    error by ``z_i^2 |d_i|^2 + 2 z_i r.d_i``. After each removal the atoms that remain are refitted
    by rounds of coordinate descent, so that the next is judged by what it alone explains.
    """
    d = D.shape[1]
    for i in range(R.shape[0]):
        r, first, last = R[i], ends[i], ends[i + 1]
        while True:
            cheapest, least = first - 1, penalty
            for p in range(first, last):
                v = values[p]
                if v == 0.0:
                    continue
                atom, inner, size = D[atoms[p]], 0.0, 0.0
                for t in range(d):
                    inner += atom[t] * r[t]
                    size += atom[t] * atom[t]
                cost = v * v * size + 2.0 * v * inner
                if cost < least:
                    cheapest, least = p, cost
            if cheapest < first:
                break
            v, atom = values[cheapest], D[atoms[cheapest]]
            for t in range(d):
                r[t] += v * atom[t]
            values[cheapest] = 0.0
            for _ in range(3):
                for p in range(first, last):
                    if values[p] == 0.0:
                        continue
                    atom, inner, size = D[atoms[p]], 0.0, 0.0
                    for t in range(d):
                        inner += atom[t] * r[t]
                        size += atom[t] * atom[t]
                    fitted = values[p] + inner / size
                    if positive and fitted < 0.0:
                        fitted = 0.0
                    for t in range(d):
                        r[t] += (values[p] - fitted) * atom[t]
                    values[p] = fitted
