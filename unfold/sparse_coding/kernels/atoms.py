"""Steps of a dictionary's atoms on a batch of sparse codes, compiled.

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
