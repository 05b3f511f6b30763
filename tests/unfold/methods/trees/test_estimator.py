"""The tree dictionary told nothing: hierarchies, flat worlds, too few samples."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import ConvergenceWarning

from toy.make import make_sampler
from toy.zoo.planted import planted, tree
from unfold.methods.trees.estimator import TreeDictionary


def matched(found, true):
    cosine = found @ true.T
    rows, columns = linear_sum_assignment(-cosine)
    return rows, columns, cosine[rows, columns]


def drawn(spec, n, seed=3):
    sampler = make_sampler(spec, seed=seed)
    rays = sampler.world.rays
    X, Z = sampler.sample(n)
    return X, Z, rays / np.linalg.norm(rays, axis=1, keepdims=True)


@pytest.mark.slow
def test_a_hierarchy_is_found_with_its_edges():
    X, _, true = drawn(tree(1024, 256, 8, 3, 0.4, 0.0005), 120_000, seed=13)
    est = TreeDictionary(rounds=4, random_state=1).fit(X)
    rows, columns, cosine = matched(est.components_, true)
    hits = cosine > 0.9
    assert hits.sum() / 1024 > 0.92
    assert 2 * hits.sum() / (1024 + est.n_components_) > 0.92
    found = np.full(1024, -1)
    found[columns[hits]] = rows[hits]
    parents = np.full(1024, -1)
    parents[8:680] = (np.arange(8, 680) - 8) // 4
    both = [j for j in range(8, 680) if found[j] >= 0 and found[parents[j]] >= 0]
    right = [est.parents_[found[j]] == found[parents[j]] for j in both]
    assert np.mean(right) > 0.95
    assert ((est.confidence_ > 0) & (est.confidence_ <= 1)).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_flat_world_has_no_parents():
    X, _, true = drawn(planted(96, 64, 0.02, 0.0, False), 12_000)
    est = TreeDictionary(rounds=3).fit(X)
    _, _, cosine = matched(est.components_, true)
    assert (cosine > 0.9).mean() > 0.9
    assert (est.parents_ == -1).all()


def test_too_few_samples_of_a_hierarchy_do_not_converge():
    X, _, _ = drawn(tree(1024, 256, 8, 3, 0.4, 0.0005), 2_000)
    with pytest.warns(ConvergenceWarning):
        est = TreeDictionary(rounds=2).fit(X)
    assert est.explained_ < 0.9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_same_seed_gives_the_same_dictionary_and_children_follow_parents():
    X, _, _ = drawn(tree(512, 192, 4, 3, 0.4, 0.002), 3_000)
    first, second = (TreeDictionary(rounds=2, random_state=5).fit(X) for _ in range(2))
    assert np.array_equal(first.components_, second.components_)
    assert (first.parents_ < first.n_components_).all()
    children = np.flatnonzero(first.parents_ >= 0)
    products = first.components_[children] * first.components_[first.parents_[children]]
    assert np.abs(products.sum(axis=1)).max(initial=0) < 1e-4


def test_rounds_out_of_range_are_refused():
    with pytest.raises(ValueError, match="rounds and n_steps must be at least 1, got 0 and 3"):
        TreeDictionary(rounds=0).fit(np.eye(5))
