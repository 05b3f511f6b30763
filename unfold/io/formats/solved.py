"""Codes that a search over the atoms finds, by name; `unfold.methods.codes` does the search."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class Solved:
    """What is searched for, of ``x - mean``; without the search itself."""

    def scaled(self, scale: float) -> Self:
        """Return the encoder of ``X`` whose codes are ``scale`` times those of ``X / scale``."""
        return self

    @property
    def signed(self) -> bool:
        """Whether codes may be negative."""
        return False

    def residual(self, d: int) -> float:
        """Return the length of a residual in ``d`` dimensions that codes leave, as far as known."""
        return 0.0


@dataclass(frozen=True, eq=False)
class Lasso(Solved):
    """L1 codes over the dictionary, ``1/2 |x - mean - z D|^2 + alpha |z|_1``."""

    alpha: float
    positive: bool

    def scaled(self, scale: float) -> Self:
        """Return the encoder of ``X`` whose codes are ``scale`` times those of ``X / scale``."""
        return replace(self, alpha=self.alpha * scale)

    @property
    def signed(self) -> bool:
        """Whether codes may be negative."""
        return not self.positive

    def residual(self, d: int) -> float:
        """Return about alpha."""
        return self.alpha


@dataclass(frozen=True, eq=False)
class Sparsest(Solved):
    """Codes of as few atoms as the noise, a standard deviation per coordinate, allows."""

    noise: float
    positive: bool

    def scaled(self, scale: float) -> Self:
        """Return the encoder of ``X`` whose codes are ``scale`` times those of ``X / scale``."""
        return replace(self, noise=self.noise * scale)

    @property
    def signed(self) -> bool:
        """Whether codes may be negative."""
        return not self.positive

    def residual(self, d: int) -> float:
        """Return the norm of the noise."""
        return self.noise * d**0.5


@dataclass(frozen=True, eq=False)
class AtMost(Solved):
    """Least-squares codes of ``n_nonzero`` atoms, by orthogonal matching pursuit."""

    n_nonzero: int
    positive: bool

    @property
    def signed(self) -> bool:
        """Whether codes may be negative."""
        return not self.positive


@dataclass(frozen=True, eq=False)
class SubspacePursuit(Solved):
    """Codes over few subspaces, ``groups`` (m,) saying which one each atom belongs to."""

    groups: np.ndarray
    max_active: int
    tolerance: float

    def scaled(self, scale: float) -> Self:
        """Return the encoder of ``X`` whose codes are ``scale`` times those of ``X / scale``."""
        return replace(self, tolerance=self.tolerance * scale)

    @property
    def signed(self) -> bool:
        """Always: coordinates in a plane have both signs."""
        return True

    def residual(self, d: int) -> float:
        """Return the tolerance."""
        return self.tolerance


@dataclass(frozen=True, eq=False)
class TreePursuit(Solved):
    """Codes on supports closed under ancestors: ``parents`` (m,), -1 for roots; ``least`` (m,)."""

    parents: np.ndarray
    least: np.ndarray

    def scaled(self, scale: float) -> Self:
        """Return the encoder of ``X`` whose codes are ``scale`` times those of ``X / scale``."""
        return replace(self, least=self.least * scale)
