"""Whitening and the third to sixth cumulants of whitened data, streamed in chunks.

A sum of independent sources has cumulant tensors ``T_r = sum_i c_ri a_i^(x r)``: every direction
is a rank-one term of every order, however many directions there are. Tensors are kept in the
orthonormal basis of symmetric matrices ("pairs", P = d (d + 1) / 2 entries), where order 4 is a
matrix (P, P) and order 5 an array (P, P, d).
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

#: Samples summed at once, which bounds the memory.
CHUNK = 4096
#: Variance, as a share of the largest for each dimension, at which an axis holds rounding alone;
#: and the least that double precision tells from none.
ROUNDING, NOTHING = 1e-12, 1e-300


@dataclass(frozen=True, eq=False)
class Whitening:
    """The affine map that makes data white in the space its samples span.

    Attributes
    ----------
    mean : Tensor of shape (d,)
    forward : Tensor of shape (d, rank)
        ``Z = (X - mean) @ forward`` has identity covariance.
    backward : Tensor of shape (rank, d)
        Directions of whitened space go back as ``A @ backward``.
    covariance : Tensor of shape (d, d)
    """

    mean: Tensor
    forward: Tensor
    backward: Tensor
    covariance: Tensor

    @property
    def rank(self) -> int:
        """Dimension of the space that the centred samples span."""
        return int(self.forward.shape[1])

    def apply(self, X: Tensor) -> Tensor:
        """Return whitened float32 samples (n, rank)."""
        return ((X.double() - self.mean) @ self.forward).float()

    def directions(self, A: Tensor) -> Tensor:
        """Return unit-norm directions (n, d) of activation space for rows of whitened space."""
        D = A.double() @ self.backward
        return D / D.norm(dim=1, keepdim=True).clamp_min(1e-300)


def chunks(X: Tensor, rows: int = CHUNK) -> Iterator[Tensor]:
    """Yield consecutive blocks of rows."""
    for start in range(0, X.shape[0], rows):
        yield X[start : start + rows]


def whitening(X: Tensor) -> Whitening:
    """Return the whitening of the samples' row space, summed in float64.

    Raises
    ------
    ValueError
        If all samples are equal, so that there is nothing to whiten.
    """
    n, d = X.shape
    mean = sum((block.double().sum(0) for block in chunks(X)), X.new_zeros(d).double()) / n
    scatter = X.new_zeros(d, d).double()
    for block in chunks(X):
        centred = block.double() - mean
        scatter += centred.T @ centred
    covariance = scatter / n
    values, vectors = torch.linalg.eigh(covariance)
    floor = float(values[-1].clamp_min(0)) * d * max(torch.finfo(X.dtype).eps, ROUNDING)
    kept = values > max(floor, NOTHING)
    if not bool(kept.any()):
        raise ValueError("All samples are equal: there is no direction to find in constant data.")
    values, vectors = values[kept], vectors[:, kept]
    return Whitening(
        mean, vectors / values.sqrt(), (vectors * values.sqrt()).T.contiguous(), covariance
    )


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Coordinates in which data have zero mean and unit covariance.

    Attributes
    ----------
    mean : ndarray of shape (d,)
    forward : ndarray of shape (d, k)
        ``(X - mean) @ forward`` is white.
    backward : ndarray of shape (k, d)
        ``forward @ backward`` projects onto the space that the data span.
    """

    mean: np.ndarray
    forward: np.ndarray
    backward: np.ndarray


def principal_whitening(X: np.ndarray, k: int) -> PrincipalAxes:
    """Return the whitening of the ``k`` strongest principal directions of ``X``.

    Directions in which the data do not vary beyond rounding are left out, with a warning.
    """
    mean = X.mean(axis=0, dtype=np.float64)
    centred = X - mean
    energy, axes = np.linalg.eigh(centred.T @ centred / len(X))
    energy, axes = energy[::-1], axes[:, ::-1]
    d = X.shape[1]
    rounding = d * np.finfo(np.float64).eps + (d * np.finfo(X.dtype).eps) ** 2
    rank = min(k, int(np.count_nonzero(energy > rounding * energy[0])))
    if rank < k:
        warnings.warn(
            f"X varies in {rank} directions only, {k} were asked for: returning {rank}.",
            stacklevel=4,
        )
    spread = np.sqrt(energy[:rank])
    return PrincipalAxes(mean, axes[:, :rank] / spread, spread[:, None] * axes[:, :rank].T)
