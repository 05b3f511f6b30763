"""Directions as the rank-one points of the fourth cumulant's span."""

from typing import Any, ClassVar

import torch

from unfold.directions.codes import sharp_codes
from unfold.directions.count import replicated
from unfold.directions.moments import cumulants
from unfold.directions.subspace_power import (
    distinct,
    flattening_rank,
    fourth_order_span,
    oriented,
    rank_one_points,
    stacked_span,
)
from unfold.methods.base import MethodCard, Recovery


class SubspacePower(Recovery):
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
    random_state : int, RandomState or None

    References
    ----------
    Kileel and Pereira (2019), Subspace power method for symmetric tensor decomposition.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="moments",
        solves="rank-one points of the span of the fourth cumulant of white data",
        paper="Kileel and Pereira 2019, Subspace power method for symmetric tensor decomposition",
        cost="O(N d^4 / 24) for the moments, once; O(k d^2) a start and iteration",
        fails="k > d (d + 1) / 4, d > 64 (memory d^4), density near .4 unless stacked",
        enumerates=True,
    )
    backend: ClassVar = "torch"

    def __init__(
        self,
        n_components: int | None = None,
        *,
        n_starts: int = 12,
        stacked: bool = True,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.n_starts = n_starts
        self.stacked = stacked
        self.random_state = random_state

    def _fit(self, X: torch.Tensor) -> None:
        if X.shape[1] > 80:
            raise ValueError(
                f"SubspacePower holds a matrix of d^4 / 4 numbers; d = {X.shape[1]} is beyond 80. "
                f"Use TailPower."
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
            points = found[distinct(found, values)[: self.n_components]]
        self.components_ = moments.white.directions(oriented(points, moments.tensors[3]))

    def _encode(self, X: torch.Tensor) -> torch.Tensor:
        return sharp_codes(X, self.components_, self.mean_)
