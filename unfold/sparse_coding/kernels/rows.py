"""What is done once a row of samples or of codes, compiled."""

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
