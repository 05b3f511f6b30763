"""Hessians of the log-characteristic function: symmetric matrices that directions span.

With independent sources, ``log E exp(i t.x)`` is a sum over sources of functions of ``a_j.t``, so
its Hessian at any ``t`` is a combination of the ``a_j a_j'``, whatever the sources' moments.
"""

import torch
from torch import Tensor

from unfold.directions.moments import chunks, pair_coordinates


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
        n = max(1, int((values > 1.5 * values[0].abs()).sum()))
    return vectors[:, order[:n]]
