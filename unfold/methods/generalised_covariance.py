"""Overcomplete ICA by generalised covariance matrices."""

from typing import Any, ClassVar

import torch

from unfold.directions.codes import sharp_codes
from unfold.directions.generalised_covariance import (
    frequencies,
    generalised_covariances,
    spanned,
)
from unfold.directions.moments import chunks, whitening
from unfold.directions.subspace_power import distinct, flattening_rank, rank_one_points
from unfold.methods.base import MethodCard, Recovery

#: Most dimensions: pairs and their matrices take d^4 / 4 numbers.
MOST_DIMENSIONS = 80


class GeneralisedCovariance(Recovery):
    """Overcomplete ICA: rank-one points of the span of generalised covariance matrices.

    Hessians of the log-characteristic function at several points span the squares of all
    directions, whatever cumulants the sources have. Where the original solves semidefinite programs
    with deflation, the subspace power method climbs to all rank-one matrices of the span at once.

    Parameters
    ----------
    n_components : int, optional
        How many directions; unless given, those whose span both halves of the samples agree on.
    n_points : int, optional
        Points at which Hessians are taken; by default three a direction sought.
    length : float
        Norm of those points, for white data: larger ones tell sources apart better, smaller ones
        are less noisy.
    n_starts : int
        Random starts a direction.
    random_state : int, RandomState or None

    References
    ----------
    Podosinnikova, Perry, Wein, Bach, d'Aspremont and Sontag (2019), Overcomplete independent
    component analysis via SDP.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="moments",
        solves="rank-one points of the span of Hessians of the log-characteristic function",
        paper="Podosinnikova et al. 2019, Overcomplete independent component analysis via SDP",
        cost="O(N m d^2 / 2) for m Hessians, once; O(k d^2) a start and iteration",
        fails="k > d (d + 1) / 2 - d, d > 80, dependent features, fewer than about 30,000 samples",
        enumerates=True,
    )
    backend: ClassVar = "torch"

    def __init__(
        self,
        n_components: int | None = None,
        *,
        n_points: int | None = None,
        length: float = 1.5,
        n_starts: int = 12,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.n_points = n_points
        self.length = length
        self.n_starts = n_starts
        self.random_state = random_state

    def _fit(self, X: torch.Tensor) -> None:
        if X.shape[1] > MOST_DIMENSIONS:
            raise ValueError(
                f"GeneralisedCovariance holds d^4 / 4 numbers; d = {X.shape[1]} is beyond "
                f"{MOST_DIMENSIONS}. Use TailPower."
            )
        generator = torch.Generator().manual_seed(int(self._rng().randint(2**31)))
        white = whitening(X)
        Z, d = white.apply(X), white.rank
        most = flattening_rank(d)
        wanted = None if self.n_components is None else min(self.n_components, most)
        t = frequencies(d, self.n_points or 3 * (wanted or most), self.length, generator)
        half = len(Z) // 2
        span = spanned(
            generalised_covariances(Z[:half], t), generalised_covariances(Z[half:], t), wanted
        )
        n = min(span.shape[1], most)
        found, values = rank_one_points(span[:, :n], d, max(self.n_starts * n, 64), generator)
        points = found[distinct(found, values)[:n]]
        # non-negative sources are skewed to where they point
        thirds = [((block.double() @ points.T) ** 3).sum(0) for block in chunks(Z)]
        skewness = torch.stack(thirds).sum(0)
        self.components_ = white.directions(points * torch.where(skewness < 0, -1.0, 1.0)[:, None])

    def _encode(self, X: torch.Tensor) -> torch.Tensor:
        return sharp_codes(X, self.components_, self.mean_)
