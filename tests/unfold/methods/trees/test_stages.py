"""Each stage of the tree dictionary on worlds whose answer is known in closed form."""

import numpy as np
import pytest
from scipy import sparse

from unfold.methods.trees.growth import clusters, with_companions
from unfold.methods.trees.supports import weighted_step, without_ancestors
from unfold.methods.trees.topology import tree_of
from unfold.sparse_coding.block_pursuit import block_pursuit
from unfold.sparse_coding.trees import Tree, closed, codes_on


def orthonormal(k, d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, k)))[0].T


def two_level():
    """Return paths and parents of two trees of a root, two children and two leaves a child."""
    Q = orthonormal(14, 400)
    paths = [
        Q[7 * t] + Q[7 * t + 1 + c] + Q[7 * t + 3 + 2 * c + leaf]
        for t in range(2)
        for c in range(2)
        for leaf in range(2)
    ]
    return np.array(paths) / np.sqrt(3), Q


def test_block_pursuit_finds_the_codes_that_made_the_samples():
    rng = np.random.default_rng(0)
    D = rng.standard_normal((600, 100))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((200, 600)) < 5 / 600) * rng.uniform(1, 2, (200, 600))
    found = block_pursuit(Z @ D, D).toarray()
    right = np.abs(found - Z).max(axis=1) < 1e-8
    assert right.mean() > 0.97
    assert (found >= 0).all()


@pytest.mark.parametrize("positive", [True, False])
def test_block_pursuit_leaves_a_residual_orthogonal_to_its_support(positive):
    rng = np.random.default_rng(1)
    D = rng.standard_normal((80, 30))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = rng.standard_normal((50, 30))
    Z = block_pursuit(X, D, chance=0.5, positive=positive)
    slope = (X - Z @ D) @ D.T
    assert Z.nnz > 50
    assert np.abs(slope[Z.toarray() != 0]).max() < 1e-8


def test_no_atom_is_taken_below_its_least_correlation():
    D = np.eye(4)
    X = np.array([[3.0, 0.4, 0.0, 0.0]])
    least = np.array([1.0, 1.0, 1.0, 1.0])
    assert block_pursuit(X, D, chance=0.0, least=least).toarray().tolist() == [[3, 0, 0, 0]]
    assert block_pursuit(X, D, chance=0.0).toarray() == pytest.approx(X)


def test_the_tree_is_read_off_cosines_whatever_its_depth():
    paths, _ = two_level()
    tree = tree_of(np.concatenate([paths, orthonormal(15, 400)[14:]]))
    depths = tree.depths()
    assert (depths[:8] == 2).all()
    assert depths[8] == 0
    roots = tree.parents[tree.parents[:8]]
    assert len(set(roots[:4])) == len(set(roots[4:])) == 1
    assert roots[0] != roots[4]


def test_orthogonal_events_have_no_parents():
    assert (tree_of(np.eye(30)).parents == -1).all()


def test_supports_are_closed_under_ancestors():
    tree = Tree(np.array([2, 2, 3, -1]), 2)
    support = closed(sparse.csr_array([[0, 1.0], [0, 0]]), tree).toarray()
    assert support.tolist() == [[0, 1, 1, 1], [0, 0, 0, 0]]


def test_a_child_comes_out_orthogonal_to_all_ancestors():
    D = np.random.default_rng(0).standard_normal((4, 9))
    D = without_ancestors(D, Tree(np.array([2, 2, 3, -1]), 2))
    products = D @ D.T
    assert products[0, 2] == pytest.approx(0, abs=1e-12)
    assert products[0, 3] == pytest.approx(0, abs=1e-12)
    assert products[2, 3] == pytest.approx(0, abs=1e-12)
    assert products.diagonal() == pytest.approx(1)


def test_magnitudes_that_vary_separate_parent_from_children():
    """Two leaves of one root, never alone: means do not tell the root from a shared part."""
    rng = np.random.default_rng(0)
    root, a, b = orthonormal(3, 12)
    leaf = rng.integers(0, 2, 4000)
    which = np.where(leaf[:, None] == 0, a, b)
    X = rng.normal(5, 0.5, (4000, 1)) * root + rng.normal(4, 0.5, (4000, 1)) * which + 0.3
    tree = Tree(np.array([2, 2, -1]), 2)
    support = closed(sparse.csr_array(np.eye(2)[leaf]), tree)
    middle = (a + b) / 2
    D = np.array([a - middle, b - middle, root + 0.8 * middle])
    D, mean = without_ancestors(D, tree), np.full(12, 0.3)
    before = D[2] @ root
    for _ in range(30):
        D, mean = weighted_step(X, D, mean, support, tree)
    assert before < 0.9
    assert D[2] @ root > 0.99
    left = X - mean - codes_on(X - mean, D, support) @ D
    assert np.abs(left).max() < 0.1


def test_two_halves_of_one_gaussian_stay_one_and_two_of_them_are_two():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((300, 2))
    assert len(clusters(points)) == 1
    assert len(clusters(np.concatenate([points, points + np.array([9, 0])]))) == 2


def test_companions_become_one_event():
    Z = sparse.csr_array(np.array([[2.0, 1, 0], [2, 1, 0], [2, 0, 0], [0, 0, 3]]))
    events = with_companions(np.eye(3), Z)
    assert events[1] == pytest.approx(np.array([2, 1, 0]) / np.sqrt(5))
    assert events[0] == pytest.approx([1, 0, 0])
