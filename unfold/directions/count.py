"""How many features: what two halves of the data agree on."""

import torch
from torch import Tensor

from unfold.directions.moments import Cumulants
from unfold.directions.subspace_power import distinct, fourth_order_span, rank_one_points


def agreeing(A: Tensor, B: Tensor, least: float = 0.9) -> Tensor:
    """Return positions of rows of ``A`` whose mutual nearest row of ``B`` is within a cosine.

    Parameters
    ----------
    A, B : Tensor of shape (n, d), (m, d)
        Unit rows, each up to sign.
    least : float
        Least absolute cosine.
    """
    cosine = (A @ B.T).abs()
    there = cosine.argmax(1)
    back = cosine.argmax(0)
    mutual = back[there] == torch.arange(len(A), device=A.device)
    return torch.nonzero(mutual & (cosine.amax(1) >= least))[:, 0]


def replicated(
    moments: Cumulants, generator: torch.Generator, n_starts: int = 6, least: float = 0.9
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
        found.append(points[distinct(points, values)][: 2 * wide])
    whole, first, second = found
    kept = first[agreeing(first, second, least)]
    if not len(kept):
        return whole[:1]
    cosine = (kept @ whole.T).abs()
    better = torch.unique(cosine.argmax(1)[cosine.amax(1) >= least])
    return whole[better] if len(better) else kept
