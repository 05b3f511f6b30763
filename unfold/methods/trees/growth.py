"""Events: what occurs as one, a free feature or a whole path of a tree, by growth and splitting.

A search in residuals finds the loudest sums first: a root with the mean of its children.
Siblings are nearly parallel, so a new atom near an old one looks like a double. But where an atom
is active its children are anything but rare; so each atom is split by its own samples: residual
plus own part, in the few directions that vary more than all residuals do, falls into clusters.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from unfold.arrays import unit_rows
from unfold.methods.dictionary_learning.optimal_directions import optimal_directions
from unfold.methods.dictionary_learning.refinement import RIDGE
from unfold.same_direction import APART, LEARNING, distinct, new
from unfold.sparse_coding.block_pursuit import FEW, block_pursuit

#: Fewest samples that make a cluster: eight agree by chance in no world measured.
LEAST = 8
#: Most samples of an atom looked at, enough to tell five clusters apart.
SAMPLES = 500
#: Directions in which an atom's samples are clustered, and most clusters; repeated splits go on.
DIRECTIONS, CLUSTERS = 5, 5
#: Two halves of one Gaussian lie 2.7 standard deviations apart along their centres.
GAP = 3.5
#: Least spread, as a share of an atom's amplitude, that is not only the spread of magnitudes.
SPREAD = 0.17
#: Allowance on the edge of what noise alone would show as a principal direction.
ALLOWANCE = 1.15
#: Share of an atom's samples from which another one belongs to the same event.
ALWAYS = 0.85
#: Share of its usual code from which an atom counts as active.
HALF = 0.5
#: Shares of the largest cosine that any residual has with a direction: its tail, and its cluster.
TAIL, NEAR = 0.6, 0.7
#: Share of the median code of an atom from which a sample tells how the atom splits.
STRONG = 0.4
#: Cosine from which two events may be of one tree.
RELATED = 0.25
#: Share of a sample's norm from which its residual holds an event that is not known.
LOUD = 0.25


@dataclass(frozen=True)
class Events:
    """Directions of events and what is known of them.

    Attributes
    ----------
    directions : ndarray of shape (k, d)
    usage : ndarray of shape (k,)
        Share of samples in which each occurred.
    amplitudes : ndarray of shape (k,)
        Median code of each where it occurred.
    """

    directions: np.ndarray
    usage: np.ndarray
    amplitudes: np.ndarray


def grown(X: np.ndarray, events: Events, rng: np.random.RandomState) -> Events:
    """Return events after one round: split, fit, prune, and new ones from residuals.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples that no earlier round has seen, the offset subtracted.
    events : Events
        So far.
    rng : RandomState

    Returns
    -------
    Events
    """
    D, R = events.directions, X
    if len(D):
        Z = block_pursuit(X, D, least=HALF * events.amplitudes, exact=LOUD / 2)
        D = split(X, D, Z)
        events = fitted(X, Events(D, np.zeros(len(D)), np.zeros(len(D))))
        D = events.directions
        R = X - block_pursuit(X, D, least=HALF * events.amplitudes, exact=LOUD / 2) @ D
    found, size = repeated(R, X, rng)
    if len(D):
        loud = size > HALF * np.median(events.amplitudes)
        found, size = found[loud], size[loud]
        other = new(found, D)
        found, size = found[other], size[other]
    D = np.concatenate([D, found]).astype(X.dtype)
    size = np.concatenate([events.amplitudes, size])
    return fitted(X, Events(D, np.zeros(len(D)), size))


def fitted(X: np.ndarray, events: Events) -> Events:
    """Return events fitted to samples: with their companions, by least squares, without doubles."""
    D = events.directions
    Z = block_pursuit(X, D, least=HALF * events.amplitudes, exact=LOUD / 2)
    D = with_companions(moved(X, D, Z), Z)
    Z = block_pursuit(X, D, least=HALF * HALF * events.amplitudes, exact=LOUD / 2)
    return pruned(moved(X, D, Z), Z)


def moved(X: np.ndarray, D: np.ndarray, Z: sparse.csr_array) -> np.ndarray:
    """Return the atoms that codes call for; those that always occur together are held by RIDGE."""
    return optimal_directions(X, D, Z, ridge=RIDGE).astype(X.dtype)


def without_corrections(X: np.ndarray, events: Events) -> Events:
    """Return the events that are not mere corrections to how strong others are.

    A path occurs with magnitudes that vary; what this leaves is found as a small event that
    occurs beside larger ones of the same tree.
    """
    D, size = events.directions, events.amplitudes
    Z = block_pursuit(X, D, least=HALF * size, exact=LOUD / 2)
    active = sparse.csr_array((np.ones_like(Z.data), Z.indices, Z.indptr), shape=Z.shape)
    related = D @ D.T > RELATED
    related &= size[:, None] < HALF * size
    larger = sparse.csr_array(related.astype(D.dtype))
    beside = active.multiply((active @ larger.T) > 0).sum(axis=0)
    kept = beside <= HALF * np.maximum(active.sum(axis=0), 1)
    return Events(D[kept], events.usage[kept], size[kept])


def with_companions(D: np.ndarray, Z: sparse.csr_array) -> np.ndarray:
    """Return atoms together with those that (nearly) always occur where they do.

    A child found in the residuals of its parent occurs only with it: the two are one event.
    """
    active = sparse.csr_array((np.ones_like(Z.data), Z.indices, Z.indptr), shape=Z.shape)
    usage = np.maximum(np.diff(active.tocsc().indptr), 1)
    together = (active.T @ active).tocsr()
    mean = (active.T @ Z).tocsr()
    owner = np.repeat(np.arange(len(D)), np.diff(together.indptr))
    together.data = (together.data >= ALWAYS * usage[owner]).astype(Z.dtype)
    mean = mean.multiply(together).tocsr()
    unused = np.flatnonzero(np.diff(mean.indptr) == 0)
    events = mean @ D
    events[unused] = D[unused]
    return unit_rows(events).astype(D.dtype)


def pruned(D: np.ndarray, Z: sparse.csr_array) -> Events:
    """Return the atoms that samples use, each once."""
    usage = np.bincount(Z.indices, minlength=len(D))
    seen = np.flatnonzero(usage >= LEAST)
    order = seen[distinct(D[seen], usage[seen], cosine=LEARNING)]
    columns = Z.tocsc()
    size = [np.median(columns.data[columns.indptr[e] : columns.indptr[e + 1]]) for e in order]
    return Events(D[order], usage[order] / Z.shape[0], np.array(size, dtype=np.float64))


def repeated(
    R: np.ndarray, X: np.ndarray, rng: np.random.RandomState, most: int = 2_500
) -> tuple[np.ndarray, np.ndarray]:
    """Return directions that many residuals share, and their median length along each.

    A mean shift in which every start has a tail of its own.

    Parameters
    ----------
    R : ndarray of shape (n, d)
        Residuals.
    X : ndarray of shape (n, d)
        The samples they were left of.
    rng : RandomState
    most : int
        Most starts.
    """
    left = np.linalg.norm(R, axis=1)
    rows = np.flatnonzero(left > LOUD * np.linalg.norm(X, axis=1))
    if len(rows) < LEAST:
        return np.empty((0, X.shape[1]), X.dtype), np.empty(0)
    rows = rng.permutation(rows)[:20_000]
    U = unit_rows(R[rows])
    V = U[:most].copy()
    edge = min(FEW, float(np.sqrt(2 * np.log(len(U)) / X.shape[1])))
    for turn in range(7):
        C = U @ V.T
        bar = edge if turn < 2 else np.maximum(edge, TAIL * C.max(axis=0))
        C -= bar
        np.maximum(C, 0, out=C)
        V = unit_rows(C.T @ U)
    C = U @ V.T
    near = np.maximum(edge, NEAR * C.max(axis=0)) < C
    counts = near.sum(axis=0)
    size = (near * C * left[rows, None]).sum(axis=0) / np.maximum(counts, 1)
    seen = np.flatnonzero(counts >= LEAST)
    order = seen[distinct(V[seen], counts[seen], cosine=APART)]
    return V[order], size[order]


def split(X: np.ndarray, D: np.ndarray, Z: sparse.csr_array) -> np.ndarray:
    """Return the atoms, each replaced by the clusters that its own samples fall into."""
    R = X - Z @ D
    noise = np.cov(R.T) if len(R) > 2 * R.shape[1] else np.eye(R.shape[1]) * R.var()
    values, vectors = np.linalg.eigh(noise)
    values = np.maximum(values, 1e-6 * X.var())
    white = (vectors / np.sqrt(values)) @ vectors.T
    whitened = R @ white.astype(R.dtype)
    back = ((vectors * np.sqrt(values)) @ vectors.T).astype(R.dtype)
    columns = Z.tocsc()
    parts = []
    for e in range(len(D)):
        own = slice(columns.indptr[e], columns.indptr[e + 1])
        rows, z = columns.indices[own], columns.data[own]
        if len(rows) < 2 * LEAST:
            parts.append(D[e : e + 1])
            continue
        strong = np.flatnonzero(z > STRONG * np.median(z))[:SAMPLES]
        parts.append(split_one(D[e], R[rows[strong]], whitened[rows[strong]], z[strong], back))
    return np.concatenate(parts)


def split_one(
    atom: np.ndarray, R: np.ndarray, whitened: np.ndarray, z: np.ndarray, back: np.ndarray
) -> np.ndarray:
    """Return the directions of one atom's clusters, itself where there is only one."""
    n, d = R.shape
    edge = ALLOWANCE * (1 + np.sqrt(d / n)) ** 2
    size = float(np.median(z))
    values, left = linalg.eigh(
        (whitened @ whitened.T).astype(np.float64), subset_by_index=[max(0, n - DIRECTIONS), n - 1]
    )
    keep = values / n > edge
    if not keep.any():
        return atom[None]
    axes = (whitened.T @ left[:, keep]).T.astype(R.dtype) @ back
    axes = linalg.orth(axes.T).T
    along = R @ axes.T
    strong = along.std(axis=0) > SPREAD * size
    axes = axes[(along**2).mean(axis=0) > (SPREAD * size) ** 2] if strong.any() else axes[:0]
    if not len(axes):
        return atom[None]
    basis = linalg.orth(np.concatenate([atom[None], axes]).T).T.astype(R.dtype)
    points = R @ basis.T + z[:, None] * (basis @ atom)
    centres = clusters(points)
    if len(centres) < 2:
        return atom[None]
    return unit_rows(centres @ basis).astype(atom.dtype)


def clusters(points: np.ndarray) -> np.ndarray:
    """Return centres of clusters that stay apart: k-means, then merging what one Gaussian is."""
    centre = points.mean(axis=0)
    centres = centre[None]
    for _ in range(CLUSTERS - 1):
        far = ((points[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1)
        # not the farthest, which is an outlier, but one that a twentieth lie beyond
        pick = np.argsort(far)[int(0.95 * (len(far) - 1))]
        centres = np.concatenate([centres, points[pick : pick + 1]])
        centres, owner = lloyd(points, centres, 4)
    centres, owner = lloyd(points, centres, 8)
    while len(centres) > 1:
        counts = np.bincount(owner, minlength=len(centres))
        if counts.min() < LEAST:
            centres, owner = lloyd(points, np.delete(centres, counts.argmin(), axis=0), 3)
            continue
        gaps = separation(points, centres, owner)
        a, b = np.unravel_index(gaps.argmin(), gaps.shape)
        if gaps[a, b] >= GAP:
            break
        both = (counts[a] * centres[a] + counts[b] * centres[b]) / (counts[a] + counts[b])
        rest = np.delete(centres, [a, b], axis=0)
        place = np.empty(len(counts), int)
        place[np.delete(np.arange(len(counts)), [a, b])] = np.arange(len(rest))
        place[[a, b]] = len(rest)
        owner = place[owner]
        centres = np.concatenate([rest, both[None]])
    return centres


def lloyd(points: np.ndarray, centres: np.ndarray, turns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return centres and owners after some turns of k-means; empty centres stay."""
    owner = np.zeros(len(points), int)
    for _ in range(turns):
        owner = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        counts = np.bincount(owner, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, owner, points)
        centres = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
    return centres, owner


def separation(points: np.ndarray, centres: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Return the gap of each two clusters over their spread along it, infinite on the diagonal."""
    k = len(centres)
    gaps = np.full((k, k), np.inf)
    for a in range(k):
        for b in range(a):
            along = centres[a] - centres[b]
            gap = float(np.linalg.norm(along))
            line = along / (gap or 1.0)
            spread = [((points[owner == c] - centres[c]) @ line).var() for c in (a, b)]
            gaps[a, b] = gap / (np.sqrt(np.mean(spread)) or 1e-12)
    return gaps
