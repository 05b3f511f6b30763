"""Codes of independent sources: non-negative where these are skewed, else of both signs."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from unfold.arrays import unit_rows
from unfold.io.formats.encoder import Encoder
from unfold.io.formats.solved import Sparsest
from unfold.methods.codes import Encoded
from unfold.methods.ica.whitening import Whitening, chunks

#: Third standardised moment below which a source counts as symmetric, and standard deviations of
#: chance that it must exceed. Features that are off most of the time have 1 and more.
SYMMETRIC, CHANCE = 0.1, 3.0


@dataclass(eq=False, repr=False, kw_only=True)
class IndependentSources(Encoded):
    """Abstract method that finds directions of independent sources, sparse or not.

    Attributes
    ----------
    positive_ : bool
        Whether codes are non-negative, as the skewness of the sources tells.
    """

    positive_: bool = field(init=False)

    def _encoder(self) -> Encoder:
        return Sparsest(0.0, positive=self.positive_)


def skewed(X: Tensor, white: Whitening, points: Tensor) -> bool:
    """Tell whether sources have one sign, by the third moments of samples along their directions.

    Parameters
    ----------
    X : Tensor of shape (n, d)
    white : Whitening
    points : Tensor of shape (k, rank)
        Directions in whitened space.
    """
    A = unit_rows(points.double())
    third, sixth = torch.zeros(2, len(A), dtype=torch.float64, device=X.device)
    for block in chunks(X):
        cubes = (white.apply(block).double() @ A.T) ** 3
        third += cubes.sum(0)
        sixth += cubes.square().sum(0)
    least = (CHANCE * sixth.sqrt()).clamp_min(SYMMETRIC * len(X))
    return bool((third.abs() / least).median() > 1)
