"""Clusters of nearly parallel samples, however many and however rare.

Samples of one feature, or of one path of a hierarchy, differ in magnitudes only and cluster around
its direction; samples of several at once hardly ever do. The frequent clusters are found in a small
draw and set aside,
so that the rare ones stand out of what is left.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from unfold.arrays import unit_rows
from unfold.deadline import check_time
from unfold.io.formats.encoder import Encoder
from unfold.io.formats.solved import Sparsest
from unfold.methods.active_samples import CLUSTERED, active_samples, noise_norm
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import Encoded
from unfold.same_direction import distinct, new

#: Samples of the draws.
DRAWS = (8_000, 25_000, 100_000)
#: Dimensions that cosines are first looked at in.
SKETCH = 128
#: Samples that tell which norms have neighbours.
PROBES = 1_000
#: Rows of a block of cosines.
BLOCK = 1_000
#: Cosine with a centre from which a sample belongs to its cluster, 22 degrees, and fewest samples
#: that make one: random directions come that near, and so often, in few dimensions only.
NEAR, LEAST = 0.93, 4
#: Distance of a centre from a combination of others, in radii of the sphere, below which it is one:
#: the width of a cluster, sine of 21 degrees.
SUM_ERROR = 0.35
#: Share of new clusters that must be no sums, for another and larger draw to be worth its while.
MOSTLY = 0.5
#: Quantile of the norms of samples with neighbours, all longer ones left out, and fewest of them
#: that tell it.
SOCIAL, FEWEST_SOCIAL = 0.95, 20
#: Ridge of the combinations, and least correlation that one may gain from: rounding.
RIDGE = 1e-6


@dataclass(frozen=True, eq=False)
class Neighbours:
    """For every point of a draw, the points within an angle of it.

    Attributes
    ----------
    start : ndarray of shape (n + 1,)
        Where the neighbours of each point begin in ``index``.
    index : ndarray
    """

    start: np.ndarray
    index: np.ndarray

    @classmethod
    def within(cls, U: np.ndarray, cosine: float, rng: np.random.RandomState) -> "Neighbours":
        """Return the neighbours of unit rows, themselves left out.

        In many dimensions pairs are first looked at in a random projection, whose cosines err by
        about ``(1 - cosine**2) / sqrt(SKETCH)``.
        """
        n, d = U.shape
        S, loose = U, cosine
        if d > SKETCH:
            S = np.asarray(unit_rows(U @ rng.standard_normal((d, SKETCH)).astype(U.dtype)))
            loose = cosine - 3 * (1 - cosine**2) / SKETCH**0.5
        pairs = []
        for first in range(0, n, BLOCK):
            check_time()
            width = n - first
            flat = np.flatnonzero(S[first : first + BLOCK] @ S[first:].T > loose)
            row, column = flat // width, flat % width
            upper = column > row
            pairs.append(np.stack([row[upper], column[upper]]).astype(np.int32) + first)
        i, j = np.concatenate(pairs, axis=1)
        if d > SKETCH:
            near = np.concatenate(
                [
                    np.einsum("nd,nd->n", U[i[s : s + 50_000]], U[j[s : s + 50_000]]) > cosine
                    for s in range(0, max(len(i), 1), 50_000)
                ]
            )
            i, j = i[near], j[near]
        rows, columns = np.concatenate([i, j]), np.concatenate([j, i])
        graph = csr_array((np.ones(len(rows), bool), (rows, columns)), shape=(n, n))
        return cls(graph.indptr, graph.indices)

    @property
    def degree(self) -> np.ndarray:
        """Number of neighbours (n,) of each point."""
        return np.diff(self.start)

    def of(self, point: int) -> np.ndarray:
        """Return the neighbours of a point."""
        return self.index[self.start[point] : self.start[point + 1]]


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of parallel samples.

    Attributes
    ----------
    centres : ndarray of shape (m, d)
        Unit rows, the largest cluster first; no two within the angle of a cluster.
    counts : ndarray of shape (m,)
        Samples of each.
    owner : ndarray of shape (n,)
        The cluster that each sample belongs to, -1 for none.
    turned : float
        Cosine that noise leaves between samples of one cluster, 1 without noise.
    """

    centres: np.ndarray
    counts: np.ndarray
    owner: np.ndarray
    turned: float


def find_clusters(
    X: np.ndarray,
    rng: np.random.RandomState,
    *,
    near: float = NEAR,
    least: int = LEAST,
    noise: float = 0.0,
) -> Clusters:
    """Return the clusters of parallel samples that no few larger ones add up to.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples less their bias.
    rng : RandomState
    near : float
        Cosine with the centre from which a sample belongs to a cluster.
    least : int
        Fewest samples of a draw that make a cluster.
    noise : float
        Norm of samples of nothing but noise. Samples not much longer are left out.
    """
    n, d = X.shape
    norms = np.linalg.norm(X, axis=1)
    active = np.flatnonzero(active_samples(X, CLUSTERED, noise))
    centres, owner = np.empty((0, d), np.float32), np.full(len(active), -1)
    if len(active) < least:
        return Clusters(centres.astype(np.float64), np.empty(0, np.int64), np.full(n, -1), 1.0)
    turned = turned_by(noise, norms[active], d)
    near = min(near, turned)
    norms = norms[active].astype(np.float32)
    U = np.asarray(X[active], np.float32) / norms[:, None]
    longest = norm_of_clusters(U, norms, rng, near, least) if len(U) > DRAWS[0] else np.inf
    for size in DRAWS:
        pool = np.flatnonzero((owner < 0) & (norms <= longest))
        draw = np.sort(rng.permutation(pool)[:size])
        found = peaks(U[draw], near, least, rng)
        found = found[new(found, centres, near)]
        if not len(found):
            break
        mine = assigned(U, found, near, owner < 0)
        owner[mine >= 0] = mine[mine >= 0] + len(centres)
        fresh = np.arange(len(centres) + len(found)) >= len(centres)
        centres = np.concatenate([centres, found])
        single = irreducible(centres, np.bincount(owner[owner >= 0], minlength=len(centres)))
        centres, owner = centres[single], renumbered(owner, single)
        if single[fresh].mean() < MOSTLY or len(pool) <= size:
            break
    counts = np.bincount(owner[owner >= 0], minlength=len(centres))
    order = np.argsort(-counts, kind="stable")
    everyone = np.full(n, -1)
    everyone[active] = np.append(np.argsort(order), -1)[owner]
    centres = np.asarray(unit_rows(centres[order].astype(np.float64)))
    return Clusters(centres, counts[order], everyone, turned)


def turned_by(noise: float, norms: np.ndarray, d: int) -> float:
    """Return the cosine that noise of a norm leaves between nearly all samples of one cluster.

    Shorter samples suffer more; the shortest, of features at their weakest, are left to it.
    """
    turn = noise / float(np.quantile(norms, 0.2))
    return float(1 / (1 + turn**2) - 1.4 * turn / np.sqrt(d))


def renumbered(owner: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return owners counted among those that are kept; -2 where the owner is not."""
    place = np.where(kept, np.cumsum(kept) - 1, -2)
    return np.where(owner >= 0, place[owner], owner)


def norm_of_clusters(
    U: np.ndarray, norms: np.ndarray, rng: np.random.RandomState, near: float, least: int
) -> float:
    """Return the norm below which nearly all samples that have neighbours lie.

    Samples of many features at once are long, and would leave the others no room in a draw.
    """
    probes = rng.permutation(len(U))[:PROBES]
    degree = np.zeros(len(probes), np.int64)
    for first in range(0, len(U), 20 * BLOCK):
        degree += (U[first : first + 20 * BLOCK] @ U[probes].T > near).sum(axis=0)
    social = norms[probes[degree > least]]
    return float(np.quantile(social, SOCIAL)) if len(social) >= FEWEST_SOCIAL else np.inf


def peaks(U: np.ndarray, near: float, least: int, rng: np.random.RandomState) -> np.ndarray:
    """Return centres (m, d) of clusters of unit rows, the densest first."""
    neighbours = Neighbours.within(U, near, rng)
    free = neighbours.degree + 1 >= least
    found: list[np.ndarray] = []
    for point in np.argsort(-neighbours.degree, kind="stable"):
        if not free[point]:
            continue
        around = np.append(neighbours.of(point), point)
        wider = np.unique(np.concatenate([neighbours.of(i) for i in around[:50]]))
        centre = U[around].sum(axis=0)
        for _ in range(3):
            inside = U[wider] @ centre > near * np.linalg.norm(centre)
            centre = U[wider[inside]].sum(axis=0)
        members = wider[inside]
        free[members] = False
        free[point] = False
        if len(members) >= least:
            found.append(centre / np.linalg.norm(centre))
    centres = np.array(found, np.float32).reshape(-1, U.shape[1])
    return centres[distinct(centres, cosine=near)]


def assigned(
    U: np.ndarray, centres: np.ndarray, near: float, free: np.ndarray | None = None
) -> np.ndarray:
    """Return the nearest centre (n,) of every unit row within a cosine; -1 where there is none."""
    owner = np.full(len(U), -1)
    if not len(centres):
        return owner
    rows = np.arange(len(U)) if free is None else np.flatnonzero(free)
    centres = centres.astype(U.dtype)
    for first in range(0, len(rows), 5 * BLOCK):
        block = rows[first : first + 5 * BLOCK]
        cosine = U[block] @ centres.T
        best = cosine.argmax(axis=1)
        owner[block] = np.where(cosine[np.arange(len(block)), best] > near, best, -1)
    return owner


def irreducible(centres: np.ndarray, counts: np.ndarray, error: float = SUM_ERROR) -> np.ndarray:
    """Return a mask of centres that no three more frequent ones add up to.

    Two frequent features at once cluster too. Such sums are also near one another, and are dropped
    until what is left explains none of the rest.
    """
    order = np.argsort(-counts, kind="stable")
    while True:
        check_time()
        single = ~_sums_of_earlier(centres[order], error)
        if single.all():
            break
        order = order[single]
    kept = np.zeros(len(centres), bool)
    kept[order] = True
    return kept


def _sums_of_earlier(C: np.ndarray, error: float) -> np.ndarray:
    """Return a mask of unit rows that up to three earlier ones come within ``error`` of."""
    gram = C @ C.T
    earlier = np.tril(np.ones_like(gram, dtype=bool), -1)
    rows = np.arange(len(C))
    corr, support = gram.copy(), np.empty((len(C), 0), np.int64)
    sums = np.zeros(len(C), bool)
    for _ in range(3):
        best = np.where(earlier, corr, -np.inf).argmax(axis=1)
        usable = earlier[rows, best] & (corr[rows, best] > RIDGE)
        support = np.concatenate([support, best[:, None]], axis=1)
        G = gram[support[:, :, None], support[:, None, :]] + RIDGE * np.eye(support.shape[1])
        b = gram[rows[:, None], support]
        z = np.linalg.solve(G, b[:, :, None])[:, :, 0]
        left = 1 - (z * b).sum(axis=1)
        sums |= usable & (z > 0).all(axis=1) & (left < error**2)
        corr = gram - np.einsum("ns,nsk->nk", z, gram[support])
        earlier[rows, best] = False
    return sums


class ClusterMethod(Encoded):
    """Abstract method that reads directions off clusters of samples about their location."""

    def _encoder(self) -> Encoder:
        return Sparsest(0.0, positive=True)


class MeanShift(ClusterMethod):
    """Directions that samples cluster around: what the sparsest code of the data is made of.

    Clusters of nearly parallel samples are single features in a flat world, and whole paths from
    root to leaf where children are active only with their parents.

    Parameters
    ----------
    n_components : int, optional
        Most directions; unless given, all that enough samples cluster around.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="clustering",
        solves="peaks of the density of sample directions",
        paper="own; after Fukunaga and Hostetler 1975, mean shift",
        cost="O(M^2 d) for M = 100,000 samples at most",
        fails="more than about four features at once; reads paths, not features, in a hierarchy",
        enumerates=True,
    )

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        centres = find_clusters(X, rng, noise=noise_norm(X, rng)).centres
        if not len(centres):
            self.status_ = FitStatus.STALLED
            centres = X[np.linalg.norm(X, axis=1).argmax()][None]
        self.components_ = centres[: self.n_components]
