"""What the samples of one cluster span, and the directions that such subspaces share.

Where a child is active only with its parent, the sparsest code has one atom for each whole path
from root to leaf, and so has a cluster of its own. The magnitudes along the path vary from sample
to sample, so that the samples of one cluster fill the subspace that the features of the path span.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from unfold.arrays import unit_rows
from unfold.deadline import check_time
from unfold.methods.clustering.mean_shift import Clusters

#: Cosine at which the nearest directions of two subspaces are one, and the length of a direction's
#: projection at which a subspace holds it: both estimates err, the second by more.
SHARED, HELD = 0.92, 0.85
#: Pairs of subspaces looked at for a shared direction at a time.
MOST_PAIRS = 2_000
#: Share of all subspaces, and how many at least, that share a root no more than by a wrong offset,
#: if they have nearly all of the samples.
MANY, FEWEST_MANY, NEARLY_ALL = 0.5, 8, 0.9
#: Share of a mean, or of a basis vector, below which nothing is left of it but error.
LEFT = 0.05
#: Residuals, in units of their middle and of the bulk's, from which a sample is not of the cluster;
#: quantiles of residuals that are the bulk, and that are kept at most.
FAR, FAR_OF_BULK, BULK, KEPT = 4.0, 16.0, 0.4, 0.7
#: Allowance on the edge of what noise alone shows, for its level being estimated.
ALLOWANCE = 1.3


@dataclass(frozen=True, eq=False)
class LocalSubspace:
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


def subspace_basis(X: np.ndarray, most: int = 5, floor: float = 2e-3) -> np.ndarray:
    """Return an orthonormal basis of what samples of one cluster span, above noise and floor.

    The noise is that of the trailing singular values, and its edge the one of Marchenko and
    Pastur (1967); samples far from the subspace are trimmed first.
    """
    n, d = X.shape
    weight = np.ones(n)
    for _ in range(6):
        basis = _right_vectors(X * weight[:, None])[1][: min(most, n, d)]
        left = ((X - (X @ basis.T) @ basis) ** 2).sum(axis=1)
        scale = max(float(np.quantile(left, BULK)), 1e-12 * float((X**2).sum(axis=1).mean()))
        weight = 1.0 / (1.0 + left / scale)
    kept = left <= max(FAR * float(np.median(left)), FAR_OF_BULK * scale)
    kept &= left <= np.quantile(left, KEPT)
    values, basis = _right_vectors(X[kept])
    count = int(kept.sum())
    tail = values[most:]
    noise = float(np.mean(tail**2)) / count if len(tail) else 0.0
    noise *= d / max(d - most, 1)
    edge = np.sqrt(count * noise * ALLOWANCE) * (1 + np.sqrt(d / count))
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


def local_subspaces(
    X: np.ndarray, clusters: Clusters, *, near: float = 0.985, least: int = 5, most: int = 4000
) -> list[LocalSubspace]:
    """Return mean, subspace and count of the samples near the centre of each cluster.

    Where noise widens the clusters, samples need only be as near as one of two to the other.
    """
    near = min(near, float(np.sqrt(max(clusters.turned, 0.0))))
    order = np.argsort(clusters.owner, kind="stable")
    bounds = np.searchsorted(clusters.owner[order], np.arange(len(clusters.centres) + 1))
    found = []
    for centre, start, end in zip(clusters.centres, bounds[:-1], bounds[1:], strict=True):
        members = np.asarray(X[order[start:end]], np.float64)
        members = members[members @ centre > near * np.linalg.norm(members, axis=1)]
        if len(members) >= least:
            basis = subspace_basis(members[:most])
            found.append(LocalSubspace(members.mean(0), basis, len(members)))
    return found


@dataclass(frozen=True, eq=False)
class Node:
    """A feature read off the subspaces.

    Attributes
    ----------
    direction : ndarray of shape (d,)
    parent : int
        Position of the parent node, -1 at a root.
    weight : int
        Samples of the clusters whose subspaces hold it.
    """

    direction: np.ndarray
    parent: int
    weight: int


def intersections(
    subspaces: list[LocalSubspace], *, shared: float = SHARED, holds: float = HELD
) -> list[Node]:
    """Return the directions that subspaces share, most shared first, then what is left of each.

    Parameters
    ----------
    subspaces : list of LocalSubspace
    shared : float
        Cosine between two subspaces at which their nearest directions are taken for one.
    holds : float
        Length of a direction's projection at which a subspace holds it.
    """
    nodes: list[Node] = []
    if not subspaces:
        return nodes
    bases = [one.basis.copy() for one in subspaces]
    for group in linked_groups(bases, shared):
        _descend(subspaces, bases, group, -1, nodes, shared, holds)
    return nodes


def linked_groups(bases: list[np.ndarray], shared: float) -> list[list[int]]:
    """Return groups of subspaces that directions shared within a cosine link, largest first."""
    i, j = _close_pairs(bases, shared)
    graph = coo_array((np.ones(len(i), bool), (i, j)), shape=(len(bases), len(bases)))
    label = connected_components(graph, directed=False)[1]
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return [group.tolist() for group in sorted(groups, key=len, reverse=True)]


def _close_pairs(bases: list[np.ndarray], shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs i < j of subspaces whose product is large enough for a shared direction."""
    stack, first = _stacked(bases)
    rows, columns = [], []
    for i, basis in enumerate(bases):
        later = stack[first[i] :]
        squares = ((basis.astype(np.float32) @ later.T) ** 2).sum(axis=0)
        held = np.add.reduceat(squares, first[i:] - first[i])
        close = np.flatnonzero(held[1:] > shared**2) + i + 1
        rows.append(np.full(len(close), i))
        columns.append(close)
    return np.concatenate(rows), np.concatenate(columns)


def _stacked(bases: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return all basis vectors as single-precision rows, and where each basis begins."""
    ranks = np.array([len(basis) for basis in bases])
    return np.concatenate(bases).astype(np.float32), np.cumsum(ranks) - ranks


def _descend(
    subspaces: list[LocalSubspace],
    bases: list[np.ndarray],
    group: list[int],
    parent: int,
    nodes: list[Node],
    shared: float,
    holds: float,
) -> None:
    """Peel the directions that most of a group share, and recurse into those that hold them."""
    group = list(group)
    total = sum(one.count for one in subspaces)
    while True:
        check_time()
        held = _widest(subspaces, bases, group, shared, holds)
        if held is None:
            break
        x, members = held
        many = parent == -1 and len(members) > max(MANY * len(subspaces), FEWEST_MANY)
        if many and sum(subspaces[e].count for e in members) > NEARLY_ALL * total:
            break  # what nearly all share is a wrong bias
        mean = sum(subspaces[e].mean for e in members)
        x = x if float(x @ np.asarray(mean)) > 0 else -x
        for e in members:
            bases[e] = _without(bases[e], x)
        nodes.append(Node(x, parent, sum(subspaces[e].count for e in members)))
        _descend(subspaces, bases, members, len(nodes) - 1, nodes, shared, holds)
        group = [e for e in group if e not in set(members)]
    for e in group:
        if len(bases[e]):
            left = bases[e].T @ (bases[e] @ subspaces[e].mean)
            if np.linalg.norm(left) > LEFT * np.linalg.norm(subspaces[e].mean):
                nodes.append(Node(left / np.linalg.norm(left), parent, subspaces[e].count))


def _widest(
    subspaces: list[LocalSubspace],
    bases: list[np.ndarray],
    group: list[int],
    shared: float,
    holds: float,
) -> tuple[np.ndarray, list[int]] | None:
    """Return the direction shared by the subspaces of most samples, and which hold it."""
    group = [e for e in group if len(bases[e])]
    if len(group) < 2:
        return None
    mine = [bases[e] for e in group]
    candidates = _shared_directions(mine, shared)
    if not len(candidates):
        return None
    counts = np.array([subspaces[e].count for e in group])
    stack, first = _stacked(mine)
    inside = np.add.reduceat((candidates @ stack.T) ** 2, first, axis=1) > holds**2
    best = int((inside * counts).sum(axis=1).argmax())
    held = np.concatenate([mine[m] for m in np.flatnonzero(inside[best])])
    x = np.linalg.svd(held, full_matrices=False)[2][0]
    members = [e for e in group if np.linalg.norm(bases[e] @ x) > holds]
    return (x, members) if len(members) > 1 else None


def _shared_directions(bases: list[np.ndarray], shared: float) -> np.ndarray:
    """Return directions that two subspaces have within a cosine in common, from some of the pairs.

    A direction that many share comes from very many pairs: a regular part of them will do.
    """
    i, j = _close_pairs(bases, shared)
    step = max(1, -(-len(i) // MOST_PAIRS))
    i, j = i[::step], j[::step]
    rank = max(len(basis) for basis in bases)
    padded = np.zeros((len(bases), rank, bases[0].shape[1]), np.float32)
    for row, basis in zip(padded, bases, strict=True):
        row[: len(basis)] = basis
    left, values, _ = np.linalg.svd(padded[i] @ padded[j].transpose(0, 2, 1))
    close = values[:, 0] > shared
    found = np.einsum("pr,prd->pd", left[close, :, 0], padded[i[close]])
    return np.asarray(unit_rows(found))


def _without(basis: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return a basis of what is orthogonal to ``x``, one dimension less."""
    rest = basis - np.outer(basis @ x, x)
    _, values, right = np.linalg.svd(rest, full_matrices=False)
    return np.asarray(right[: len(basis) - 1][values[: len(basis) - 1] > LEFT])
