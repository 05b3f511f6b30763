"""Atoms that a sample can do without, taken away one at a time, compiled."""

from typing import Any

from unfold.sparse_coding.kernels.compiled import kernel


@kernel
def leave_out(
    X: Any, D: Any, starts: Any, atoms: Any, values: Any, price: float, positive: bool,
    rank_tol: float, H: Any, failed: Any,
) -> None:  # fmt: skip
    """Write least-squares values, 0 for atoms whose removal raises the loss by less than a price.

    With ``H`` the inverse of the Gram matrix of a support, leaving out atom ``j`` and refitting the
    others raises half the squared residual by ``z_j^2 / (2 H_jj)``; the inverse of what is left is
    ``H - h_j h_j' / H_jj``. ``failed`` marks samples whose atoms depend on one another. ``H`` is
    scratch of the largest support and two rows more.
    """
    d = X.shape[1]
    z, alive = H[H.shape[0] - 2], H[H.shape[0] - 1]
    for i in range(X.shape[0]):
        first = starts[i]
        s = starts[i + 1] - first
        failed[i] = not _inverted(D, atoms, first, s, rank_tol, H)
        if failed[i]:
            continue
        for a in range(s):
            z[a], alive[a] = 0.0, 1.0
        for b in range(s):
            atom, corr = D[atoms[first + b]], 0.0
            for t in range(d):
                corr += atom[t] * X[i, t]
            for a in range(s):
                z[a] += H[a, b] * corr
        for _ in range(s):
            worst, least = -1, price
            for a in range(s):
                if alive[a] > 0.0:
                    rise = z[a] * z[a] / (2.0 * H[a, a])
                    if positive and z[a] < 0.0:
                        rise = -rise
                    if rise < least:
                        worst, least = a, rise
            if worst < 0:
                break
            share = z[worst] / H[worst, worst]
            for a in range(s):
                z[a] -= share * H[a, worst]
            for a in range(s):
                if a != worst:
                    ratio = H[a, worst] / H[worst, worst]
                    for b in range(s):
                        if b != worst:
                            H[a, b] -= ratio * H[worst, b]
            for a in range(s):
                H[a, worst] = 0.0
                H[worst, a] = 0.0
            alive[worst], z[worst] = 0.0, 0.0
        for a in range(s):
            values[first + a] = z[a] if alive[a] > 0.0 else 0.0


@kernel
def _inverted(D: Any, atoms: Any, first: int, s: int, rank_tol: float, H: Any) -> bool:
    """Write the inverse of a support's Gram matrix by Gauss-Jordan; False where there is none."""
    d = D.shape[1]
    for a in range(s):
        for b in range(a + 1):
            dot = 0.0
            for t in range(d):
                dot += D[atoms[first + a], t] * D[atoms[first + b], t]
            H[a, b] = dot
            H[b, a] = dot
    for c in range(s):
        square = 0.0
        for t in range(d):
            square += D[atoms[first + c], t] * D[atoms[first + c], t]
        pivot = H[c, c]
        if pivot <= rank_tol * square:
            return False
        H[c, c] = 1.0
        for b in range(s):
            H[c, b] /= pivot
        for a in range(s):
            if a != c:
                factor = H[a, c]
                H[a, c] = 0.0
                for b in range(s):
                    H[a, b] -= factor * H[c, b]
    return True
