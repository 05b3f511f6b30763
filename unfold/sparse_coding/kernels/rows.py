"""What is done once a row of samples or of codes, compiled."""

import math
from typing import Any

from unfold.sparse_coding.kernels.compiled import kernel


@kernel
def square_rows(X: Any, norms: Any) -> None:
    """Write the squared norm of each row of ``X`` to ``norms``, summed in double precision."""
    for r in range(X.shape[0]):
        x, total = X[r], 0.0
        for j in range(x.shape[0]):
            v = float(x[j])
            total += v * v
        norms[r] = total


@kernel
def string_together(
    atoms: Any, values: Any, counts: Any, flat_atoms: Any, flat_values: Any
) -> None:
    """Write the first ``counts[r]`` atoms and values of each row ``r`` end to end."""
    at = 0
    for r in range(counts.shape[0]):
        for i in range(counts[r]):
            flat_atoms[at], flat_values[at] = atoms[r, i], values[r, i]
            at += 1


@kernel
def measure(
    X: Any, D: Any, atoms: Any, values: Any, counts: Any, handed: Any, rest: Any, left: Any
) -> None:
    """Write the residual norm of each sample to ``left``, at codes as rounded to ``handed``'s type.

    ``rest`` is scratch of one double a dimension, ``handed`` one number of the type that codes are
    handed back in; ``values`` are rounded to it in place.
    """
    d = X.shape[1]
    for r in range(counts.shape[0]):
        for t in range(d):
            rest[t] = X[r, t]
        for i in range(counts[r]):
            handed[0] = values[r, i]
            v = float(handed[0])
            values[r, i] = v
            atom = D[atoms[r, i]]
            for t in range(d):
                rest[t] -= v * float(atom[t])
        total = 0.0
        for t in range(d):
            total += rest[t] * rest[t]
        left[r] = math.sqrt(total)
