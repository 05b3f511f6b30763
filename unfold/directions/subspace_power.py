"""Rank-one points of the space that cumulants span, by batched power iterations.

The flattening of an even cumulant is ``sum_i c_i vec(a_i a_i') vec(a_i a_i')'``: its leading
eigenspace is spanned by the ``a_i a_i'``, and these are the only rank-one matrices in it while
their number stays below about half of d (d + 1) / 2. A power iteration projected on the space
climbs to one of them from every start (Kileel and Pereira 2019).
"""

import torch
from torch import Tensor

from unfold.directions.moments import Cumulants, pair_coordinates, pair_matrices


def flattening_rank(d: int) -> int:
    """Return how many directions the span of pairs still determines in dimension ``d``."""
    return max(1, d * (d + 1) // 2 - d)


def unit(A: Tensor) -> Tensor:
    """Return rows of norm 1."""
    return A / A.norm(dim=1, keepdim=True).clamp_min(1e-300)


def fourth_order_span(fourth: Tensor, n: int) -> Tensor:
    """Return the leading ``n`` eigenvectors (P, n) of the order-4 flattening.

    Eigenvalues are measured from their median: exchangeable dependence of the codes (as when
    exactly k are active) adds a multiple of the identity, which must not count.
    """
    values, vectors = torch.linalg.eigh(fourth)
    order = torch.argsort(values - values.median(), descending=True)
    return vectors[:, order[:n]]


def _even(tensor: Tensor, order: int) -> Tensor:
    """Return the order's contribution to the span of pairs, a matrix (P, P)."""
    if order == 4:
        return tensor
    flat = tensor.reshape(tensor.shape[0], -1)
    return flat @ flat.T


def stacked_span(moments: Cumulants, n: int, n_iter: int = 6) -> Tensor:
    """Return ``n`` directions (P, n) spanning the pairs by all orders at once.

    Each order is weighted by signal over noise: the noise from two halves of the samples, the
    signal, with its sign, from the current span. Orders whose cumulant vanishes or changes sign
    at the unknown density thus find their own weight.
    """
    whole = {r: _even(tensor, r) for r, tensor in moments.tensors.items()}
    noise = {}
    for r in whole:
        difference = _even(moments.half(0, r), r) - _even(moments.half(1, r), r)
        noise[r] = (difference / 2).square().mean().clamp_min(1e-300)
    size = whole[4].shape[0]
    n = min(n, size - 1)
    identity = torch.eye(size, dtype=torch.float64, device=whole[4].device)
    mixed = sum(whole[r] / noise[r].sqrt() for r in whole if r != 4) + 0 * identity
    if n > moments.white.rank and 5 not in whole:
        mixed = mixed + whole[4] / noise[4].sqrt()
    for _ in range(n_iter + 1):
        span = torch.linalg.eigh(mixed).eigenvectors[:, -n:]
        mixed = 0 * identity
        for r, matrix in whole.items():
            inside = torch.einsum("pn,pq,qn->", span, matrix, span)
            outside = (matrix.trace() - inside) / (size - n)
            centred = matrix - outside * identity
            mixed = mixed + (inside / n - outside) / noise[r] * centred
    return span


def rank_one_points(
    span: Tensor, d: int, n_starts: int, generator: torch.Generator, n_iter: int = 150
) -> tuple[Tensor, Tensor]:
    """Climb from random starts to the unit vectors whose square lies nearest to ``span``.

    Parameters
    ----------
    span : Tensor of shape (P, n)
        Orthonormal columns in the pair basis.
    d : int
    n_starts : int
    generator : torch.Generator
        On the CPU, so that starts do not depend on the device.
    n_iter : int

    Returns
    -------
    points : Tensor of shape (n_starts, d)
        Unit vectors.
    values : Tensor of shape (n_starts,)
        Share of each square inside the span, 1 at best.
    """
    x = torch.randn(n_starts, d, generator=generator, dtype=torch.float32)
    x = unit(x.to(span.device))
    basis = span.float()
    active = torch.arange(n_starts, device=span.device)
    for _ in range(n_iter):
        current = x[active]
        f = (pair_coordinates(current) @ basis) @ basis.T
        stepped = unit((pair_matrices(f, d) @ current[:, :, None])[:, :, 0] + 0.3 * current)
        x[active] = stepped
        moved = (stepped - current).abs().amax(1) > 1e-5
        active = active[moved]
        if not len(active):
            break
    exact = unit(x.double())
    for _ in range(3):
        f = (pair_coordinates(exact) @ span) @ span.T
        exact = unit((pair_matrices(f, d) @ exact[:, :, None])[:, :, 0] + 0.3 * exact)
    return exact, (pair_coordinates(exact) @ span).square().sum(1)


def distinct(points: Tensor, values: Tensor, coherence: float = 0.95) -> Tensor:
    """Return positions of points, best value first, that no better one is parallel to."""
    kept: list[int] = []
    near = (points @ points.T).abs() > coherence
    gone = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    for index in torch.argsort(values, descending=True).tolist():
        if not gone[index]:
            kept.append(index)
            gone |= near[index]
    return torch.tensor(kept, dtype=torch.int64, device=points.device)


def oriented(A: Tensor, third: Tensor) -> Tensor:
    """Return rows turned to where the data are skewed: non-negative sources point there."""
    skewness = ((pair_coordinates(A) @ third) * A).sum(1)
    return A * torch.where(skewness < 0, -1.0, 1.0)[:, None].to(A.dtype)
