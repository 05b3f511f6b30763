"""The finish and closed codes on forests whose answer is known in closed form."""

import numpy as np
import pytest
from scipy import sparse

from unfold.methods.trees.finish import doubles, finished, merged, superfluous
from unfold.sparse_coding.trees import Tree, closed, closed_codes


def orthonormal(k, d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, k)))[0].T


def indicators(which, k):
    return sparse.csr_array(np.eye(k)[which])


def test_a_node_that_goes_leaves_its_children_to_where_it_went():
    tree = Tree(np.array([2, 2, 3, -1, -1]), 5)
    D, smaller, moved = merged(np.eye(5), tree, np.array([0, 1, 3, 3, -1]))
    assert smaller.parents.tolist() == [2, 2, -1]
    assert moved.tolist() == [0, 1, 2, 2, -1]
    assert D.tolist() == np.eye(5)[[0, 1, 3]].tolist()


def test_chains_of_nodes_that_go_end_at_one_that_stays():
    tree = Tree(np.array([1, 2, 3, -1]), 4)
    _, smaller, moved = merged(np.eye(4), tree, np.array([1, 2, 3, 3]))
    assert smaller.parents.tolist() == [-1]
    assert moved.tolist() == [0, 0, 0, 0]


def test_what_only_mends_magnitudes_is_not_needed():
    rng = np.random.default_rng(0)
    root, child, mending, small = orthonormal(4, 10)
    n = 400
    X = (
        rng.normal(5, 0.5, (n, 1)) * root
        + rng.normal(4, 0.5, (n, 1)) * child
        + rng.normal(0, 0.5, (n, 1)) * mending
        + rng.normal(0.2, 0.02, (n, 1)) * small
    )
    tree = Tree(np.array([-1, 0, 1, 1]), 4)
    support = sparse.csr_array(np.ones((n, 4)))
    target = superfluous(X, np.array([root, child, mending, small]), tree, support)
    assert target.tolist() == [0, 1, 1, 1]


def test_siblings_of_one_direction_are_one_and_cousins_are_not():
    a, b = orthonormal(2, 6)
    near = (a + 0.1 * b) / np.sqrt(1.01)
    tree = Tree(np.array([-1, -1, 0, 0, 1]), 5)
    D = np.array([b, -b, a, near, a])
    support = sparse.csr_array(np.array([[1, 1, 0, 1, 1], [1, 1, 1, 1, 1]]))
    assert doubles(D, tree, support).tolist() == [0, 1, 3, 3, 4]


def test_a_parent_alone_is_its_own_event_and_comes_once():
    """Root alone in a third of its samples: the event it makes beside its leaves is the root."""
    rng = np.random.default_rng(0)
    root, a, b, stray = orthonormal(4, 30)
    which = rng.integers(0, 3, 6000)
    parts = np.array([np.zeros(30), a, b])[which]
    X = rng.normal(5, 0.5, (6000, 1)) * root + rng.normal(4, 0.5, (6000, 1)) * parts
    tree = Tree(np.array([3, 3, 3, -1]), 3)
    D = np.array([stray, a, b, root])
    active = indicators(which, 3)
    train, held = slice(0, 4000), slice(4000, None)
    D, mean, tree, place = finished(
        X[train], X[held], D, np.zeros(30), tree, active[train], active[held]
    )
    assert sorted(tree.parents.tolist()) == [-1, tree.parents.argmin(), tree.parents.argmin()]
    assert place[0] == tree.parents.argmin()
    assert (D[place] * [root, a, b]).sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert np.abs(mean).max() < 0.05


def test_closed_codes_are_non_negative_least_squares_on_closed_supports():
    rng = np.random.default_rng(1)
    D = rng.standard_normal((12, 8))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    tree = Tree(np.array([4, 4, 5, 5, 6, 6, -1, -1, -1, 7, 7, 8]), 12)
    chosen = sparse.csr_array((rng.random((60, 12)) < 0.1).astype(float))
    X = rng.standard_normal((60, 8)) + 3 * (chosen @ D)
    Z = closed_codes(X, D, chosen, tree)
    assert Z.nnz and Z.data.min() > 0
    allowed = closed(chosen, tree).toarray() > 0
    assert not Z.toarray()[~allowed].any()
    slope = (X - Z @ D) @ D.T
    assert np.abs(slope[Z.toarray() > 0]).max() < 1e-8


def test_codes_of_true_features_come_back_with_their_ancestors():
    D = orthonormal(5, 9)
    tree = Tree(np.array([1, 2, -1, -1, 3]), 5)
    true = np.array([[2.0, 3, 4, 0, 0], [0, 1, 2, 0, 0], [0, 0, 0, 1, 5]])
    leaves = sparse.csr_array(np.array([[1.0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]))
    assert closed_codes(true @ D, D, leaves, tree).toarray() == pytest.approx(true)
