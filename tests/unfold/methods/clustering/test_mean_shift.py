"""Clusters of parallel samples, what residuals cluster around, and who holds whose direction."""

import numpy as np
import pytest
from scipy import sparse

from unfold.methods.active_samples import noise_norm
from unfold.methods.clustering.ancestry import parents_of, without_parents
from unfold.methods.clustering.local_subspaces import LocalSubspace, linked_groups, subspace_basis
from unfold.methods.clustering.mean_shift import Neighbours, find_clusters, irreducible
from unfold.methods.clustering.residuals import Explained, grow_from_residuals, indispensable
from unfold.methods.dictionary_learning.refinement import anneal


def unit(A):
    return A / np.linalg.norm(A, axis=1, keepdims=True)


def directions(k, d, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((k, d)))


def planted(k=60, d=50, p=0.02, n=20_000, sigma=0.0, seed=0):
    rng = np.random.default_rng(seed)
    D = directions(k, d, seed)
    Z = (rng.random((n, k)) < p) * (0.5 + rng.random((n, k)))
    return Z @ D + sigma * rng.standard_normal((n, d)), D, Z


def rng():
    return np.random.RandomState(0)


@pytest.mark.parametrize("d", [40, 300])
def test_neighbours_are_those_of_all_pairs(d):
    """In many dimensions through a projection, with no pair lost or made up."""
    draw = np.random.default_rng(0)
    centres = directions(30, d)
    U = unit(np.repeat(centres, 20, axis=0) + 0.2 * draw.standard_normal((600, d)) / np.sqrt(d))
    U = U.astype(np.float32)
    found = Neighbours.within(U, 0.93, rng())
    cosine = U @ U.T
    np.fill_diagonal(cosine, 0)
    for point in range(0, 600, 50):
        assert np.array_equal(np.sort(found.of(point)), np.flatnonzero(cosine[point] > 0.93))


@pytest.mark.parametrize("sigma", [0.0, 0.02])
def test_clusters_are_the_single_features(sigma):
    X, D, Z = planted(sigma=sigma)
    clusters = find_clusters(X, rng(), noise=noise_norm(X, rng()))
    cosine = clusters.centres @ D.T
    assert len(clusters.centres) == len(D)
    assert cosine.max(axis=0).min() > 0.98
    alone = (Z > 0).sum(axis=1) == 1
    right = clusters.owner[alone] == cosine.argmax(axis=0)[Z[alone].argmax(axis=1)]
    assert right.mean() > 0.98
    assert (np.diff(clusters.counts) <= 0).all()


def test_clusters_turn_with_the_data():
    """Rotated data have rotated centres."""
    X, _, _ = planted(n=6000)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((50, 50)))[0]
    one, other = find_clusters(X, rng()).centres, find_clusters(X @ turn, rng()).centres
    assert len(one) == len(other)
    assert ((one @ turn) @ other.T).max(axis=1).min() > 0.999


@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_silence_is_the_norm_of_the_noise(sigma):
    X, _, _ = planted(sigma=sigma)
    assert noise_norm(X, rng()) == pytest.approx(sigma * np.sqrt(50), rel=0.1)


def test_there_is_no_silence_without_noise_or_silent_samples():
    X, D, _ = planted()
    assert noise_norm(X, rng()) == 0
    draw = np.random.default_rng(0)
    dense = (0.5 + draw.random((5000, 60))) @ D
    assert noise_norm(dense, rng()) == 0


def test_nothing_clusters_in_noise():
    X = np.random.default_rng(0).standard_normal((5000, 50))
    assert len(find_clusters(X, rng()).centres) == 0
    assert len(find_clusters(np.zeros((10, 50)), rng()).centres) == 0


def test_sums_of_more_frequent_centres_are_no_events():
    D = directions(12, 50)
    both = unit(D[[0, 2, 4]] + D[[1, 3, 5]])
    counts = np.r_[np.arange(100, 112), [30, 20, 10]]
    single = irreducible(np.concatenate([D, both]), counts)
    assert single[:12].all()
    assert not single[12:].any()
    assert irreducible(np.concatenate([D, both]), counts[::-1]).sum() > 9


@pytest.mark.parametrize("n", [12, 400])
def test_a_fan_is_what_its_samples_span(n):
    """Also with stray samples among them, and by either decomposition."""
    draw = np.random.default_rng(0)
    span = np.linalg.qr(draw.standard_normal((40, 3)))[0].T
    X = (5 + draw.standard_normal((n, 3))) @ span
    X[: n // 10] += draw.standard_normal((n // 10, 40))
    basis = subspace_basis(X)
    assert len(basis) == 3
    assert np.allclose(np.linalg.svd(basis @ span.T)[1], 1, atol=1e-6)


def test_families_are_linked_by_shared_directions():
    D = np.linalg.qr(np.random.default_rng(0).standard_normal((40, 40)))[0]
    spans = [D[[0, 1]], D[[0, 2]], D[[5, 6]], D[[6, 7]], D[[9]]]
    bases = [LocalSubspace(span.sum(axis=0), span, 10).basis for span in spans]
    assert [sorted(group) for group in linked_groups(bases, 0.9)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("sigma", [0.0, 0.01])
def test_residuals_name_the_directions_that_are_missing(sigma):
    X, D, _ = planted(d=200, p=0.03, sigma=sigma)
    found, seen = grow_from_residuals(X, D[:54], rng(), sigma * np.sqrt(200))
    assert len(found) <= 66
    assert (D @ found.T).max(axis=1).min() > 0.85
    assert seen.met.mean() > 0.97
    refined = anneal(X[:10_000], found, n_nonzero=12).dictionary
    assert (D @ refined.T).max(axis=1).min() > 0.99


def test_sums_and_copies_are_dispensable_and_rare_features_are_not():
    draw = np.random.default_rng(3)
    p = np.full(60, 0.03)
    p[50:] = 0.002
    D = directions(60, 50)
    X = ((draw.random((20_000, 60)) < p) * (0.5 + draw.random((20_000, 60)))) @ D
    X = X[np.linalg.norm(X, axis=1) > 0]
    extra = np.concatenate([D, unit(D[:3] + D[3:6])])
    kept = indispensable(extra, Explained.by(extra, X), X, 0.0, rng())
    assert kept[:60].all()
    assert not kept[60:].any()


def family(n=4000, seed=0):
    """Codes of a root, three exclusive children that are always with it, and two others."""
    draw = np.random.default_rng(seed)
    Z = np.zeros((n, 6))
    on = draw.random(n) < 0.3
    child = 1 + draw.integers(0, 3, n)
    Z[on, 0] = 4 + draw.random(on.sum())
    Z[on, child[on]] = 4.5
    Z[:, 4:] = (draw.random((n, 2)) < 0.1) * (1 + draw.random((n, 2)))
    return Z


def test_parents_are_read_off_codes():
    codes = sparse.csr_array(family())
    assert parents_of(codes).tolist() == [-1, 0, 0, 0, -1, -1]


def test_children_give_back_their_parents():
    """One direction stands for a child and its parent; both are found apart again."""
    D, Z = directions(6, 100), family()
    merged, codes = D.copy(), Z.copy()
    merged[1] = unit((4.5 * D[0] + 4.5 * D[1])[None])[0]
    with_it = Z[:, 1] > 0
    codes[with_it, 1] = np.linalg.norm(4.5 * D[0] + 4.5 * D[1])
    codes[with_it, 0] = 0
    fresh = without_parents(merged, sparse.csr_array(codes))
    assert merged[1] @ D[1] < 0.8
    assert fresh[1] @ D[1] > 0.98
    assert np.allclose(np.delete(fresh, 1, axis=0), np.delete(D, 1, axis=0))
    assert np.allclose(without_parents(D, sparse.csr_array(Z)), D)
