"""Cyclic coordinate descent over a Gram matrix, one sample at a time, compiled."""

from typing import Any

from unfold.sparse_coding.kernels.active_set import CONVERGED, MAX_ITER
from unfold.sparse_coding.kernels.compiled import kernel


@kernel
def sweep(z: Any, c: Any, a: Any, G: Any, l2: float, positive: bool) -> None:
    """Minimise over each coordinate in turn, keeping ``c = b - (G + l2 I) z`` up to date."""
    k = z.shape[0]
    for j in range(k):
        curvature = G[j, j] + l2
        target = c[j] + curvature * z[j]
        size = max((target if positive else abs(target)) - a[j], 0.0)
        new = size / curvature if target > 0.0 else -size / curvature
        step = new - z[j]
        if step != 0.0:
            row = G[j]
            for i in range(k):
                c[i] -= step * row[i]
            c[j] -= l2 * step
            z[j] = new


@kernel
def descend_coordinates(
    B: Any,
    xx: Any,
    G: Any,
    A: Any,
    l2: float,
    positive: bool,
    tol: float,
    max_iter: int,
    c: Any,
    Z: Any,
    certificate: Any,
    status: Any,
    n_iter: Any,
) -> None:
    """Solve one sample a row of ``B`` to a relative duality gap of ``tol``."""
    k = B.shape[1]
    for r in range(B.shape[0]):
        a, z = A[r % A.shape[0]], Z[r]
        for j in range(k):
            c[j] = B[r, j]
        sweeps = 0
        while True:
            top, fit, slack = 1.0, xx[r], 0.0
            for j in range(k):
                top = max(top, (c[j] if positive else abs(c[j])) / a[j])
                fit -= z[j] * (B[r, j] + c[j])
            for j in range(k):
                slack += a[j] * abs(z[j]) - z[j] * c[j] / top
            gap = abs(slack + 0.5 * (1.0 - 1.0 / top) ** 2 * max(fit, 0.0))
            certificate[r] = 2.0 * gap / xx[r] if xx[r] > 0.0 else 0.0
            n_iter[r] = sweeps
            status[r] = CONVERGED if certificate[r] <= tol else MAX_ITER
            if certificate[r] <= tol or sweeps >= max_iter:
                break
            for _ in range(5):
                sweep(z, c, a, G, l2, positive)
            sweeps += 5
