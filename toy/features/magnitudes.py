"""Magnitudes: how strongly an active feature is active."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr


class Magnitude(ABC):
    """A law of the value of an active feature."""

    @property
    @abstractmethod
    def positive(self) -> bool:
        """Whether values are never negative."""

    @property
    @abstractmethod
    def positive_share(self) -> np.ndarray | float:
        """Probability that a value is positive."""

    @abstractmethod
    def draw(self, cols: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a float32 value for each active cell, given its feature."""

    @abstractmethod
    def mean(self, k: int) -> np.ndarray:
        """Return the mean value of each of ``k`` features, before any scaling."""


@dataclass(frozen=True)
class UniformMagnitude(Magnitude):
    """Uniform on [low, high); never exactly zero, so that active means non-zero."""

    low: float = 0.0
    high: float = 1.0

    @property
    def positive(self) -> bool:
        """Whether ``low`` is."""
        return self.low >= 0

    @property
    def positive_share(self) -> float:
        """Share of the interval above zero."""
        return min(1.0, max(0.0, self.high / (self.high - self.low)))

    def draw(self, cols: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw whatever the feature."""
        values = rng.random(len(cols), dtype=np.float32)
        values += np.float32(2.0**-25)  # centres the grid of random(), which holds 0
        if (self.low, self.high) != (0.0, 1.0):
            values *= np.float32(self.high - self.low)
            values += np.float32(self.low)
        return values

    def mean(self, k: int) -> np.ndarray:
        """Return the middle of the interval."""
        return np.full(k, (self.low + self.high) / 2)


@dataclass(frozen=True, eq=False)
class NormalMagnitude(Magnitude):
    """Normal with a mean and a spread for each feature; its absolute value where ``folded``."""

    centre: np.ndarray
    spread: np.ndarray
    folded: bool

    @property
    def positive(self) -> bool:
        """Whether ``folded``."""
        return self.folded

    @property
    def positive_share(self) -> np.ndarray | float:
        """One where folded, else the normal probability."""
        if self.folded:
            return 1.0
        return np.asarray(ndtr(self.centre / np.maximum(self.spread, 1e-12)))

    def draw(self, cols: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw by each feature's mean and spread."""
        values = rng.standard_normal(len(cols), dtype=np.float32)
        values *= self.spread[cols].astype(np.float32)
        values += self.centre[cols].astype(np.float32)
        return np.abs(values, out=values) if self.folded else values

    def mean(self, k: int) -> np.ndarray:
        """Return the mean of the normal or folded normal law."""
        if not self.folded:
            return self.centre
        z = self.centre / np.maximum(self.spread, 1e-12)
        tail = self.spread * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2)
        return np.asarray(tail + self.centre * (1 - 2 * ndtr(-z)))


@dataclass(frozen=True)
class LogNormalMagnitude(Magnitude):
    """Log-normal of median 1: a heavy tail, whatever the feature."""

    sigma: float

    @property
    def positive(self) -> bool:
        """Always."""
        return True

    @property
    def positive_share(self) -> float:
        """All of it."""
        return 1.0

    def draw(self, cols: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw whatever the feature."""
        values = rng.standard_normal(len(cols), dtype=np.float32)
        return np.asarray(np.exp(values * np.float32(self.sigma)))

    def mean(self, k: int) -> np.ndarray:
        """Return ``exp(sigma ** 2 / 2)`` for each."""
        return np.full(k, np.exp(self.sigma**2 / 2))
