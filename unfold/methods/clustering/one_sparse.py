"""Directions along which samples repeat: where one feature is active alone.

Two samples with the same single active feature are parallel, whatever its magnitude; two samples
of several active features almost never are. Groups of parallel samples therefore name features
one by one, and without noise exactly.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from unfold.arrays import row_keys, unit_rows
from unfold.io.formats.encoder import Encoder
from unfold.io.formats.solved import Sparsest
from unfold.methods.active_samples import REPEATING, active_samples
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import Encoded
from unfold.same_direction import new


def parallel_groups(
    U: np.ndarray, tolerance: float, rng: np.random.RandomState, window: int = 8
) -> np.ndarray:
    """Return a group label (n,) for every unit row, joining rows closer than ``tolerance``.

    Rows are sorted along a random line, where parallel ones are neighbours, and compared with
    the next few: O(n log n). Two lines are used, so that crowding on one does no harm.
    """
    n, d = U.shape
    links: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(2):
        order = np.argsort(U @ rng.standard_normal(d), kind="stable")
        ordered = U[order]
        for shift in range(1, min(window, n - 1) + 1):
            near = np.abs(ordered[shift:] - ordered[:-shift]).max(axis=1) < tolerance
            links.append((order[shift:][near], order[:-shift][near]))
    i = np.concatenate([a for a, _ in links])
    j = np.concatenate([b for _, b in links])
    graph = coo_array((np.ones(len(i), bool), (i, j)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1])


def ray_directions(
    X: np.ndarray,
    rng: np.random.RandomState,
    *,
    tolerance: float | None = None,
    least: int = 3,
) -> tuple[np.ndarray, np.ndarray]:
    """Return directions that at least ``least`` samples share, most frequent first.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples less their bias.
    rng : RandomState
    tolerance : float, optional
        Largest difference of a coordinate between parallel unit vectors; by default what
        rounding in the dtype of ``X`` leaves.
    least : int
        Fewest samples along a ray. Chance repeats are discounted where they are likely, as in
        two dimensions.

    Returns
    -------
    directions : ndarray of shape (m, d)
    counts : ndarray of shape (m,)
    """
    kept = np.flatnonzero(active_samples(X, REPEATING))
    if len(kept) < least:
        return np.empty((0, X.shape[1])), np.empty(0, np.int64)
    if tolerance is None:
        tolerance = 3e-6 if X.dtype == np.float32 else 1e-9
    U = np.asarray(X[kept], np.float64) / np.linalg.norm(X[kept], axis=1)[:, None]
    labels = parallel_groups(U, tolerance, rng)
    counts = np.bincount(labels)
    d = X.shape[1]
    # chance neighbours of a point if directions were spread evenly over the sphere
    chance = len(U) * (2 * tolerance) ** (d - 1) / 2.0
    enough = max(least, int(np.ceil(1 + 20 * chance + 10 * np.sqrt(chance))))
    chosen = np.flatnonzero(counts >= enough)
    if not len(chosen):
        return np.empty((0, d)), np.empty(0, np.int64)
    index = np.full(len(counts), -1)
    index[chosen] = np.arange(len(chosen))
    member = index[labels]
    inside = member >= 0
    sums = np.zeros((len(chosen), d))
    np.add.at(sums, member[inside], X[kept][inside])
    order = np.argsort(-counts[chosen], kind="stable")
    return np.asarray(unit_rows(sums[order])), counts[chosen][order]


def density_peaks(
    X: np.ndarray,
    rng: np.random.RandomState,
    *,
    cosine: float,
    least: int = 12,
    n_points: int = 6000,
    apart: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return directions around which unit samples cluster: those of one feature, blurred by noise.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    rng : RandomState
    cosine : float
        Cosine that noise leaves between two samples of one feature.
    least : int
        Fewest samples near a peak.
    n_points : int
        Samples drawn.
    apart : float, optional
        Cosine with a peak below which another is looked for; that of two clusters that do not
        overlap unless given.
    """
    apart = 2 * cosine**2 - 1 if apart is None else apart
    norms = np.linalg.norm(X, axis=1)
    draw = rng.permutation(np.flatnonzero(norms > 0))[:n_points]
    U = np.asarray(X[draw], np.float32) / norms[draw, None].astype(np.float32)
    near = np.concatenate([(U[s : s + 1000] @ U.T > cosine).sum(1) for s in range(0, len(U), 1000)])
    found: list[np.ndarray] = []
    counts: list[int] = []
    free = near >= least
    while free.any():
        index = int(np.where(free, near, -1).argmax())
        peak = U[index]
        free &= U @ peak < cosine
        for _ in range(4):
            peak = U[U @ peak > cosine].sum(0)
            peak = peak / np.linalg.norm(peak)
        aligned = U @ peak
        free &= aligned < apart
        if not found or new(peak[None], np.stack(found), cosine)[0]:
            found.append(peak)
            counts.append(int((aligned > cosine).sum()))
    if not found:
        return np.empty((0, X.shape[1])), np.empty(0, np.int64)
    return np.stack(found).astype(np.float64), np.array(counts)


def repeated_point(X: np.ndarray, least: int = 4) -> np.ndarray | None:
    """Return the sample that occurs most often, bit by bit, or None if none does: the bias.

    Where no feature is active the activation is the bias itself, again and again.
    """
    _, first, counts = np.unique(row_keys(X), return_index=True, return_counts=True)
    top = int(counts.argmax())
    return np.asarray(X[first[top]], np.float64) if counts[top] >= least else None


def frequent(
    directions: np.ndarray, counts: np.ndarray, gap: float = 8.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return rays above the widest gap of their sorted counts, where it is ``gap``-fold or more.

    Features differ in density by far less than chance repeats differ from features.
    """
    if len(counts) < 2:
        return directions, counts
    ratios = counts[:-1] / counts[1:]
    widest = int(ratios.argmax())
    if ratios[widest] < gap:
        return directions, counts
    return directions[: widest + 1], counts[: widest + 1]


@dataclass(eq=False, repr=False, kw_only=True)
class OneSparse(Encoded):
    """Directions that several samples share exactly, or cluster around where there is noise.

    A sample with one active feature lies on that feature's ray, so that parallel samples name
    the feature, and their number grows with the square of nothing but luck: without noise this
    is exact and tells how many features there are.

    Parameters
    ----------
    n_components : int, optional
        Most directions to return; unless given, as many rays as stand out by their counts.
    noise : float
        Noise per coordinate relative to the typical sample's norm; 0 looks for exact repeats.

    Attributes
    ----------
    counts_ : ndarray of shape (n_components_,)
        Samples along each ray.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="clustering",
        solves="directions of samples in which a single feature is active",
        paper="own; after Arora, Ge and Moitra 2014, New algorithms for learning incoherent and "
        "overcomplete dictionaries",
        cost="O(N log N + N d), once",
        fails="fewer than about 14 samples with a feature alone: mean active above about 5",
        enumerates=True,
    )

    noise: float = 0.0

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        directions, counts = np.empty((0, X.shape[1])), np.empty(0, np.int64)
        if self.noise == 0:
            directions, counts = frequent(*ray_directions(X, rng))
        if not len(directions):
            spread = X.shape[1] * max(self.noise, 0.02) ** 2
            directions, counts = density_peaks(X, rng, cosine=1 - min(2 * spread, 0.3))
        if not len(directions):
            largest = np.linalg.norm(X, axis=1).argmax()
            directions, counts = X[largest : largest + 1], np.ones(1, np.int64)
            self.status_ = FitStatus.STALLED
        self.components_ = directions[: self.n_components]
        self.counts_ = counts[: self.n_components]

    def _encoder(self) -> Encoder:
        return Sparsest(0.0, positive=True)
