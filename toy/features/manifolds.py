"""Features of several dimensions: a point on a shape, rather than a strength along a line."""

from dataclasses import dataclass

import numpy as np

from toy.features.magnitudes import Magnitude


@dataclass(frozen=True, eq=False)
class ManifoldMagnitude(Magnitude):
    """A point of a shape around the origin, for each set of coordinates that is on.

    Parameters
    ----------
    dimension : int
        Coordinates of a feature; a gate switches them on together.
    points : ndarray of shape (n_points, dimension), or None
        Unit vectors of which one is drawn; None for any point of the unit sphere.
    spread : float
        Lengths are uniform on [1 - spread, 1 + spread).
    """

    dimension: int
    points: np.ndarray | None
    spread: float

    @property
    def positive(self) -> bool:
        """Never: coordinates have no sign of their own."""
        return False

    @property
    def positive_share(self) -> float:
        """One half, as the shapes surround the origin."""
        return 0.5

    def draw(self, cols: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw a point for each run of ``dimension`` cells, which are one feature's."""
        n = len(cols) // self.dimension
        if self.points is None:
            points = rng.standard_normal((n, self.dimension), dtype=np.float32)
            points /= np.linalg.norm(points, axis=1, keepdims=True)
        else:
            chosen = rng.integers(len(self.points), size=n)
            points = self.points.astype(np.float32)[chosen]
        length = 1 + self.spread * (2 * rng.random((n, 1), dtype=np.float32) - 1)
        return np.asarray((points * length).ravel(), dtype=np.float32)

    def mean(self, k: int) -> np.ndarray:
        """Return zeros: the shapes have their centre at the origin."""
        return np.zeros(k)


def ring(n_points: int) -> np.ndarray:
    """Return the corners (n_points, 2) of a regular polygon, none of them on an axis."""
    angles = 2 * np.pi * (np.arange(n_points) + 0.25) / n_points
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def simplex(dimension: int) -> np.ndarray:
    """Return the corners (dimension + 1, dimension) of a regular simplex around the origin."""
    corners = np.eye(dimension + 1) - 1 / (dimension + 1)
    basis = np.linalg.svd(corners)[2][:dimension]
    points = corners @ basis.T
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))
