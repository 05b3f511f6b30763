"""Overcomplete ICA by generalised covariance matrices."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unfold.methods.base import MethodCard
from unfold.methods.ica.cumulants import pair_coordinates
from unfold.methods.ica.sources import IndependentSources, skewed
from unfold.methods.ica.subspace_power import MOST_DIMENSIONS, flattening_rank, rank_one_points
from unfold.methods.ica.whitening import chunks, whitening
from unfold.same_direction import distinct

#: Eigenvalue, in the largest that chance makes, from which a direction is part of the span.
BEYOND_CHANCE = 1.5


@dataclass(eq=False, repr=False, kw_only=True)
class GeneralisedCovariance(IndependentSources):
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

    References
    ----------
    Podosinnikova, Perry, Wein, Bach, d'Aspremont and Sontag (2019), Overcomplete independent
    component analysis via SDP.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="ica",
        solves="rank-one points of the span of Hessians of the log-characteristic function",
        paper="Podosinnikova et al. 2019, Overcomplete independent component analysis via SDP",
        cost="O(N m d^2 / 2) for m Hessians, once; O(k d^2) a start and iteration",
        fails="k > d (d + 1) / 2 - d, d > 80, dependent features, fewer than about 30,000 samples",
        enumerates=True,
    )
    backend: ClassVar = "torch"

    n_points: int | None = None
    length: float = 1.5
    n_starts: int = 12

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
        points = found[distinct(found, values, positive=False)[:n]]
        # non-negative sources are skewed to where they point
        thirds = [((block.double() @ points.T) ** 3).sum(0) for block in chunks(Z)]
        skewness = torch.stack(thirds).sum(0)
        self.positive_ = skewed(X, white, points)
        self.components_ = white.directions(points * torch.where(skewness < 0, -1.0, 1.0)[:, None])


def frequencies(d: int, count: int, length: float, generator: torch.Generator) -> Tensor:
    """Return ``count`` points (count, d) of a length, on the sphere."""
    t = torch.randn(count, d, generator=generator, dtype=torch.float64)
    return length * t / t.norm(dim=1, keepdim=True)


def generalised_covariances(Z: Tensor, t: Tensor) -> Tensor:
    """Return minus the Hessians of ``log E exp(i t.z)``, real parts above imaginary ones.

    Parameters
    ----------
    Z : Tensor of shape (n, d)
    t : Tensor of shape (m, d)

    Returns
    -------
    Tensor of shape (2 m, P)
        In the pair basis, float64. At ``t = 0`` the real part is the covariance.

    References
    ----------
    Yeredor 2000, Blind source separation via the second characteristic function; Podosinnikova,
    Perry, Wein, Bach, d'Aspremont and Sontag 2019, Overcomplete independent component analysis
    via SDP.
    """
    t = t.to(Z.device)
    d, size = Z.shape[1], Z.shape[1] * (Z.shape[1] + 1) // 2
    zero = torch.zeros(2, len(t), dtype=torch.float64, device=Z.device)
    phi, first, second = zero, zero.new_zeros(2, len(t), d), zero.new_zeros(2, len(t), size)
    for block in chunks(Z):
        angle = block.double() @ t.T
        weights = torch.stack([angle.cos(), angle.sin()])
        pairs = pair_coordinates(block)
        phi = phi + weights.sum(1)
        first += weights.mT @ block.double()
        second += (weights.mT.to(block.dtype) @ pairs).double()
    phi, first, second = (torch.complex(part[0], part[1]) for part in (phi, first, second))
    mean = first / phi[:, None]
    hessian = second / phi[:, None] - _squares(mean)
    return torch.cat([hessian.real, hessian.imag])


def _squares(mean: Tensor) -> Tensor:
    """Return ``m m'`` of complex rows in the pair basis."""
    above, below = pair_coordinates(mean.real), pair_coordinates(mean.imag)
    mixed = pair_coordinates(mean.real + mean.imag) - above - below
    return torch.complex(above - below, mixed)


def spanned(first: Tensor, second: Tensor, n: int | None) -> Tensor:
    """Return an orthonormal basis (P, n) of what both halves of the samples span.

    The product of independent estimates has no bias from their noise: its negative eigenvalues
    tell how large chance ones are, and without ``n`` those that stand out are kept.
    """
    shared = first.T @ second
    values, vectors = torch.linalg.eigh((shared + shared.T) / 2)
    order = torch.argsort(values, descending=True)
    if n is None:
        n = max(1, int((values > BEYOND_CHANCE * values[0].abs()).sum()))
    return vectors[:, order[:n]]
