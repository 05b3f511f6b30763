"""Events and their fans: what the samples of one event span.

Where a child is active only with its parent, the sparsest code has one atom for each whole path
from root to leaf (an event). The magnitudes along the path vary from sample to sample, so that
the samples of one event fill a fan, a subspace spanned by the features of the path.
"""

from dataclasses import dataclass

import numpy as np

from unfold.directions.crowds import Crowds


@dataclass(frozen=True, eq=False)
class Event:
    """Samples that differ only in magnitudes.

    Attributes
    ----------
    mean : ndarray of shape (d,)
        Mean sample, of any norm.
    basis : ndarray of shape (rank, d)
        Orthonormal directions that its samples span above the noise.
    count : int
    """

    mean: np.ndarray
    basis: np.ndarray
    count: int

    @property
    def rank(self) -> int:
        """Number of magnitudes that vary."""
        return len(self.basis)


def fan(X: np.ndarray, most: int = 5, floor: float = 2e-3) -> np.ndarray:
    """Return an orthonormal basis of what samples of one event span, above noise and floor.

    The noise is that of the trailing singular values, and its edge the one of Marchenko and
    Pastur (1967); samples far from the fan are trimmed first.
    """
    n, d = X.shape
    weight = np.ones(n)
    for _ in range(6):
        basis = _right_vectors(X * weight[:, None])[1][: min(most, n, d)]
        left = ((X - (X @ basis.T) @ basis) ** 2).sum(axis=1)
        scale = max(float(np.quantile(left, 0.4)), 1e-12 * float((X**2).sum(axis=1).mean()))
        weight = 1.0 / (1.0 + left / scale)
    kept = left <= max(4.0 * float(np.median(left)), 16.0 * scale)
    kept &= left <= np.quantile(left, 0.7)
    values, basis = _right_vectors(X[kept])
    count = int(kept.sum())
    tail = values[most:]
    noise = float(np.mean(tail**2)) / count if len(tail) else 0.0
    noise *= d / max(d - most, 1)
    edge = np.sqrt(count * noise * 1.3) * (1 + np.sqrt(d / count))
    rank = int(((values > edge) & (values > floor * values[0]))[:most].sum())
    return np.asarray(basis[: max(rank, 1)])


def _right_vectors(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the singular values and right singular vectors of a matrix, largest first."""
    n, d = X.shape
    if n <= d:
        _, values, right = np.linalg.svd(X, full_matrices=False)
        return values, right
    squares, vectors = np.linalg.eigh(X.T @ X)
    return np.sqrt(np.maximum(squares[::-1], 0)), vectors.T[::-1]


def measure_events(
    X: np.ndarray, crowds: Crowds, *, near: float = 0.985, least: int = 5, most: int = 4000
) -> list[Event]:
    """Return the events of crowds: mean, fan and count of the samples near each centre.

    Where noise widens the crowds, samples need only be as near as one of two to the other.
    """
    near = min(near, float(np.sqrt(max(crowds.turned, 0.0))))
    order = np.argsort(crowds.owner, kind="stable")
    bounds = np.searchsorted(crowds.owner[order], np.arange(len(crowds.centres) + 1))
    events = []
    for centre, start, end in zip(crowds.centres, bounds[:-1], bounds[1:], strict=True):
        members = np.asarray(X[order[start:end]], np.float64)
        members = members[members @ centre > near * np.linalg.norm(members, axis=1)]
        if len(members) >= least:
            events.append(Event(members.mean(0), fan(members[:most]), len(members)))
    return events
