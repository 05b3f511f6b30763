"""Rank-one points of the space that cumulants span, by batched power iterations.

The flattening of an even cumulant is ``sum_i c_i vec(a_i a_i') vec(a_i a_i')'``: its leading
eigenspace is spanned by the ``a_i a_i'``, and these are the only rank-one matrices in it while
their number stays below about half of d (d + 1) / 2. A power iteration projected on the space
climbs to one of them from every start (Kileel and Pereira 2019).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unfold.arrays import unit_rows
from unfold.deadline import check_time
from unfold.methods.base import MethodCard
from unfold.methods.ica.cumulants import Cumulants, cumulants, pair_coordinates, pair_matrices
from unfold.methods.ica.sources import IndependentSources, skewed
from unfold.same_direction import APART, distinct, mutual

#: Most dimensions: pairs and their matrices take d^4 / 4 numbers.
MOST_DIMENSIONS = 80
#: Largest change of a coordinate from which a climb goes on: single precision tells no smaller one.
SETTLED = 1e-5
#: Share of the old point in the new one: makes the climb monotone.
SHIFT = 0.3


def flattening_rank(d: int) -> int:
    """Return how many directions the span of pairs still determines in dimension ``d``."""
    return max(1, d * (d + 1) // 2 - d)


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
    x = unit_rows(x.to(span.device))
    basis = span.float()
    active = torch.arange(n_starts, device=span.device)
    for _ in range(n_iter):
        check_time()
        current = x[active]
        f = (pair_coordinates(current) @ basis) @ basis.T
        stepped = unit_rows((pair_matrices(f, d) @ current[:, :, None])[:, :, 0] + SHIFT * current)
        x[active] = stepped
        moved = (stepped - current).abs().amax(1) > SETTLED
        active = active[moved]
        if not len(active):
            break
    exact = unit_rows(x.double())
    for _ in range(3):
        f = (pair_coordinates(exact) @ span) @ span.T
        exact = unit_rows((pair_matrices(f, d) @ exact[:, :, None])[:, :, 0] + SHIFT * exact)
    return exact, (pair_coordinates(exact) @ span).square().sum(1)


def oriented(A: Tensor, third: Tensor) -> Tensor:
    """Return rows turned to where the data are skewed: non-negative sources point there."""
    skewness = ((pair_coordinates(A) @ third) * A).sum(1)
    return A * torch.where(skewness < 0, -1.0, 1.0)[:, None].to(A.dtype)


def replicated(
    moments: Cumulants, generator: torch.Generator, n_starts: int = 6, least: float = APART
) -> Tensor:
    """Return whitened directions that both halves of the samples find, however many there are.

    The span is taken wide, just over half of all pairs; what a half finds beyond its directions
    is noise, which the other half does not find again. Directions come from all samples where
    these find them too.

    Parameters
    ----------
    moments : Cumulants
    generator : torch.Generator
    n_starts : int
        Random starts for each dimension of the span.
    least : float
        Least cosine between the two halves' directions.

    Returns
    -------
    Tensor of shape (n, d)
    """
    d = moments.white.rank
    wide = max(1, min(int(0.55 * d * (d + 1) / 2), 8 * d))
    found = []
    for tensor in (moments.tensors[4], moments.half(0, 4), moments.half(1, 4)):
        span = fourth_order_span(tensor, wide)
        points, values = rank_one_points(span, d, max(n_starts * wide, 64), generator)
        found.append(points[distinct(points, values, positive=False)][: 2 * wide])
    whole, first, second = found
    kept = first[mutual(first, second, least)]
    if not len(kept):
        return whole[:1]
    cosine = (kept @ whole.T).abs()
    better = torch.unique(cosine.argmax(1)[cosine.amax(1) >= least])
    return whole[better] if len(better) else kept


@dataclass(eq=False, repr=False, kw_only=True)
class SubspacePower(IndependentSources):
    """Subspace power method on the whitened fourth cumulant.

    Whitens the data, finds the space that the fourth cumulant spans among symmetric matrices,
    and climbs from many random starts to the rank-one matrices in it. Every one is a direction;
    the third cumulant tells its sign. Needs no sparsity of single samples, no initial guess, and
    one pass over the data.

    Parameters
    ----------
    n_components : int, optional
        How many directions; unless given, those found again in both halves of the samples.
    n_starts : int
        Random starts a direction.
    stacked : bool
        Add orders 3 and 5 (to dimension 32), each weighted by what it carries; order 4 alone is
        cheaper and as good at densities to .1, but vanishes near density .4.

    References
    ----------
    Kileel and Pereira (2019), Subspace power method for symmetric tensor decomposition.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="ica",
        solves="rank-one points of the span of the fourth cumulant of white data",
        paper="Kileel and Pereira 2019, Subspace power method for symmetric tensor decomposition",
        cost="O(N d^4 / 24) for the moments, once; O(k d^2) a start and iteration",
        fails="k > d (d + 1) / 4, d > 64 (memory d^4), density near .4 unless stacked",
        enumerates=True,
    )
    backend: ClassVar = "torch"

    n_starts: int = 12
    stacked: bool = True

    def _fit(self, X: torch.Tensor) -> None:
        if X.shape[1] > MOST_DIMENSIONS:
            raise ValueError(
                f"SubspacePower holds a matrix of d^4 / 4 numbers; d = {X.shape[1]} is beyond "
                f"{MOST_DIMENSIONS}. Use TailPower."
            )
        generator = torch.Generator().manual_seed(int(self._rng().randint(2**31)))
        moments = cumulants(X, top=None if self.stacked else 4)
        d = moments.white.rank
        most = flattening_rank(d)
        if self.n_components is None:
            points = replicated(moments, generator)
        else:
            n = min(self.n_components, most)
            span = (
                stacked_span(moments, n)
                if self.stacked
                else fourth_order_span(moments.tensors[4], n)
            )
            found, values = rank_one_points(span, d, max(self.n_starts * n, 64), generator)
            points = found[distinct(found, values, positive=False)[: self.n_components]]
        self.components_ = moments.white.directions(oriented(points, moments.tensors[3]))
        self.positive_ = skewed(X, moments.white, points)
