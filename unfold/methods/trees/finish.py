"""The finish: what no sample needs goes, what says the same twice is said once.

Nothing is added and nothing is fitted freely: a node leaves its samples to its parent, and
weighted least squares on the smaller supports follows. A node is judged by its codes on samples
that its direction was not fitted to.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from unfold.methods.trees.growth import HALF, LEAST, SPREAD
from unfold.methods.trees.supports import weighted_step
from unfold.same_direction import APART
from unfold.sparse_coding.trees import Tree, closed, codes_on

#: Cosine from which two children of one parent are one feature: half of the energy that differs is
#: more than what varying magnitudes leave.
SIBLING = APART
#: Rounds of dropping and merging; the tests' last ones change nothing.
ROUNDS = 3


def finished(
    X: np.ndarray,
    held: np.ndarray,
    D: np.ndarray,
    mean: np.ndarray,
    tree: Tree,
    active: sparse.csr_array,
    active_held: sparse.csr_array,
) -> tuple[np.ndarray, np.ndarray, Tree, np.ndarray]:
    """Return directions, offset and tree without the nodes that samples do not need.

    Parameters
    ----------
    X, held : ndarray of shape (n, d) and (m, d)
        Samples that directions are fitted to, and others that judge them.
    D : ndarray of shape (n_nodes, d)
    mean : ndarray of shape (d,)
    tree : Tree
    active, active_held : csr_array of shape (n, n_events) and (m, n_events)

    Returns
    -------
    directions : ndarray of shape (k, d)
    mean : ndarray of shape (d,)
    tree : Tree
        Of which every node may be an event.
    place : ndarray of shape (n_events,)
        The node that each event now is, -1 where it is none.
    """
    place = np.arange(tree.n_events)
    for turn in range(2 * ROUNDS):
        then = moved_to(active_held, place, len(D))
        whole = Tree(tree.parents, len(D))
        if turn % 2:
            target = doubles(D, whole, closed(then, whole))
        else:
            target = superfluous(held - mean, D, whole, closed(then, whole))
        if (target == np.arange(len(D))).all():
            continue
        D, tree, moved = merged(D, whole, target)
        place = np.where(place >= 0, moved[place], -1)
        support = closed(moved_to(active, place, len(D)), tree)
        D, mean = weighted_step(X, D, mean, support, tree)
    return D, mean, tree, place


def moved_to(active: sparse.csr_array, place: np.ndarray, n_nodes: int) -> sparse.csr_array:
    """Return codes over events as codes over the nodes that they are."""
    kept = np.flatnonzero(place >= 0)
    to = sparse.csr_array(
        (np.ones(len(kept), active.dtype), (kept, place[kept])), shape=(len(place), n_nodes)
    )
    return sparse.csr_array(active @ to)


def superfluous(X: np.ndarray, D: np.ndarray, tree: Tree, support: sparse.csr_array) -> np.ndarray:
    """Return for each node itself, or its parent where samples do not need it.

    Codes of a feature are positive and of a usual size. A direction that only mends magnitudes
    has codes of both signs, and one that mends a double's has small ones.
    """
    Z = codes_on(X, D, support).tocsc()
    count = np.maximum(np.diff(Z.indptr), 1)
    level = np.asarray(Z.sum(axis=0)) / count
    power = np.sqrt(np.asarray(Z.multiply(Z).sum(axis=0)) / count)
    known = np.diff(Z.indptr) >= LEAST
    usual = np.median(level[known]) if known.any() else 0.0
    needless = known & ((level < HALF * power) | (level < SPREAD * usual))
    nodes = np.arange(len(D))
    return np.where(needless, tree.parents, nodes)


def doubles(D: np.ndarray, tree: Tree, support: sparse.csr_array) -> np.ndarray:
    """Return for each node itself, or the most used sibling with its direction."""
    usage = np.bincount(support.indices, minlength=len(D))
    target = np.arange(len(D))
    order = np.argsort(tree.parents, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(tree.parents[order])) + 1):
        if len(group) < 2:
            continue
        close = sparse.csr_array(D[group] @ D[group].T > SIBLING)
        _, label = csgraph.connected_components(close, directed=False)
        best = group[np.lexsort((-usage[group], label))]
        _, first = np.unique(np.sort(label), return_index=True)
        target[group] = best[first][label]
    return target


def merged(D: np.ndarray, tree: Tree, target: np.ndarray) -> tuple[np.ndarray, Tree, np.ndarray]:
    """Return the tree in which each node has become its target, and where each node now is."""
    nodes = np.arange(len(D))
    end = np.append(target, -1)
    while (end[end] != end).any():  # chains: a node whose target goes too
        end = end[end]
    kept = np.flatnonzero(end[:-1] == nodes)
    new = np.full(len(D) + 1, -1)
    new[kept] = np.arange(len(kept))
    moved = new[end]
    up = tree.parents[kept]
    return D[kept], Tree(np.where(up >= 0, moved[up], -1), len(kept)), moved[:-1]
