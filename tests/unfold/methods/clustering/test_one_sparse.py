"""One-sparse samples, tails, clusters: directions read off samples."""

import numpy as np
import pytest

from unfold.methods.clustering.hierarchy import SubspaceIntersection
from unfold.methods.clustering.mean_shift import MeanShift
from unfold.methods.clustering.one_sparse import (
    OneSparse,
    density_peaks,
    frequent,
    parallel_groups,
    repeated_point,
)
from unfold.methods.ica.tail_power import TailPower
from unfold.testing import check_method


def tree_world(seed=0, n=12_000, d=30, sigma=0.0):
    """Four roots of three children each, always with one child; twelve flat features."""
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((28, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    magnitude = np.abs(4 + 0.6 * rng.standard_normal((n, 28)))
    Z = np.zeros((n, 28))
    for root in range(4):
        on = rng.random(n) < 0.15
        child = 4 + 3 * root + rng.integers(0, 3, n)
        Z[on, root] = magnitude[on, root]
        Z[on, child[on]] = magnitude[on, child[on]]
    flat = rng.random((n, 12)) < 0.04
    Z[:, 16:] = flat * magnitude[:, 16:]
    parents = np.r_[np.full(4, -1), np.repeat(np.arange(4), 3), np.full(12, -1)]
    return Z @ D + sigma * rng.standard_normal((n, d)), D, parents


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rays_are_exact_and_count_features(dtype, planted, worst_cosine):
    """Twelve times overcomplete, to rounding, the number included."""
    X, D, _ = planted(8, 96, 0.015, 20_000)
    found = OneSparse().fit(X.astype(dtype))
    assert found.n_components_ == 96
    assert worst_cosine(D, found.components_.astype(np.float64)) > 1 - 1e-6
    assert (found.counts_ >= 3).all()


def test_bias_is_the_point_that_repeats(planted, worst_cosine):
    X, D, _ = planted(6, 12, 0.05, 8000)
    bias = np.arange(6.0)
    assert np.array_equal(repeated_point(X + bias), bias)
    found = OneSparse().fit(X + bias)
    assert np.allclose(found.mean_, bias)
    assert worst_cosine(D, found.components_) > 1 - 1e-6
    assert repeated_point(X[(X != 0).any(axis=1)]) is None


def test_groups_do_not_depend_on_order_and_join_only_parallel_rows():
    rng = np.random.RandomState(0)
    centres = rng.standard_normal((5, 4))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    member = rng.permutation(np.repeat(np.arange(5), 6))
    labels = parallel_groups(centres[member], 1e-9, rng)
    assert len(np.unique(labels)) == 5
    assert all(len(np.unique(labels[member == m])) == 1 for m in range(5))


def test_widest_gap_of_counts_separates_features_from_chance():
    D = np.eye(5)
    kept, counts = frequent(D, np.array([900, 800, 700, 4, 3]))
    assert len(kept) == 3
    assert counts.min() == 700
    assert len(frequent(D, np.array([9, 7, 5, 4, 3]))[0]) == 5


def test_noisy_rays_are_density_peaks(planted):
    X, D, _ = planted(16, 40, 0.02, 20_000)
    X = X + 0.01 * np.random.default_rng(1).standard_normal(X.shape)
    found = OneSparse(noise=0.02).fit(X)
    assert np.mean((D @ found.components_.T).max(axis=1) > 0.98) > 0.9


def test_a_crowd_in_the_shadow_of_a_larger_one_is_found(worst_cosine):
    """Siblings in a tree share most of their path: cosine .8, and one is ten times as frequent."""
    rng = np.random.default_rng(0)
    first, second = np.eye(24)[0], np.r_[0.8, 0.6, np.zeros(22)]
    X = np.concatenate([np.tile(first, (2000, 1)), np.tile(second, (200, 1))])
    X = (X + 0.02 * rng.standard_normal(X.shape)) * rng.uniform(1, 2, (2200, 1))
    draw = np.random.RandomState(0)
    peaks, counts = density_peaks(X, draw, cosine=0.93, apart=0.93)
    assert len(peaks) == 2
    assert worst_cosine(np.stack([first, second]), peaks) > 0.999
    assert counts.tolist() == [2000, 200]


def test_tails_find_every_direction_in_many_dimensions(planted, worst_cosine):
    """No number given: climbed, reseeded from residuals, refined to rounding."""
    X, D, _ = planted(32, 64, 0.03, 10_000)
    found = TailPower().fit(X)
    assert found.n_components_ == 64
    assert worst_cosine(D, found.components_) > 1 - 1e-6


def test_clusters_are_paths_and_intersections_are_features():
    """Parents never occur alone: clusters miss them, intersections do not."""
    X, D, parents = tree_world()
    paths, tree = MeanShift().fit(X), SubspaceIntersection().fit(X)
    cosine = D @ tree.components_.T
    assert (D[:4] @ paths.components_.T).max() < 0.9
    assert (cosine.max(axis=1) > 0.9).mean() > 0.95
    assert abs(tree.n_components_ - 28) <= 2
    match = cosine.argmax(axis=1)
    right = [tree.parents_[match[i]] == match[parents[i]] for i in range(4, 16)]
    assert np.mean(right) > 0.9


def test_local_subspaces_do_no_harm_in_a_flat_world(worst_cosine):
    """Every subspace is a line: the features of the clusters come back."""
    rng = np.random.default_rng(0)
    D = rng.standard_normal((40, 32))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((8_000, 40)) < 0.03) * np.abs(4 + 0.6 * rng.standard_normal((8_000, 40)))
    found = SubspaceIntersection().fit(Z @ D)
    assert worst_cosine(D, found.components_) > 0.999
    assert abs(found.n_components_ - 40) <= 1


@pytest.mark.parametrize("method", [OneSparse, TailPower, MeanShift, SubspaceIntersection])
def test_conforms(method):
    report = check_method(method())
    assert report.ok, str(report)


@pytest.mark.parametrize("method", [OneSparse, TailPower])
def test_rotation_order_and_scale_do_not_matter(method, planted, worst_cosine):
    X, D, _ = planted(24, 40, 0.04, 12_000)
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((24, 24)))[0]
    found = method().fit(1e3 * X[rng.permutation(len(X))] @ Q)
    assert worst_cosine(D @ Q, found.components_) > 0.9999
