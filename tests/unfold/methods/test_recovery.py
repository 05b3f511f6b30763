"""Every classical method finds planted directions in its good regime, in any frame and order."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from unfold.arrays import unit_rows
from unfold.registry import get_method
from unfold.testing import matched_cosine

#: Method, parameters, and how well it must do on six sparse features in six dimensions.
COMPLETE = [
    ("fastica", {}, 0.999),
    ("picard", {}, 0.999),
    ("l4", {}, 0.995),
    ("er-spud", {}, 0.999999),
    ("reconstruction-ica", {}, 0.999),
    ("semi-nmf", {}, 0.99),
    ("spherical-k-means", {}, 0.8),
    ("ksvd", {"n_active": 2}, 0.99),
    ("ksvd", {"n_active": 2, "exact": True}, 0.99),
    ("mod", {"n_active": 2}, 0.99),
    ("itkrm", {"n_active": 2}, 0.95),
    ("alternating", {}, 0.9999),
    ("online-dictionary", {"n_steps": 100}, 0.98),
    ("sklearn-dictionary-learning", {}, 0.97),
]
IDS = [f"{name}{params or ''}" for name, params, _ in COMPLETE]


def planted(k, d, density, n_samples, seed=0):
    rng = np.random.default_rng(seed)
    D = unit_rows(rng.standard_normal((k, d)))
    return (rng.random((n_samples, k)) * (rng.random((n_samples, k)) < density)) @ D, D


def signed_cosine(truth, found):
    """Mean cosine of the best match of each true direction: signs count."""
    return float((truth @ found.T).max(axis=1).mean())


def fitted(name, params, X):
    return get_method(name)(**{"n_components": 6, **params}).fit(X)


@pytest.fixture(scope="module")
def world():
    """Six directions of moderate coherence, .7 active at a time."""
    rng = np.random.default_rng(0)
    D = unit_rows(ortho_group.rvs(6, random_state=0) + 0.15 * rng.standard_normal((6, 6)))
    return (rng.random((3000, 6)) * (rng.random((3000, 6)) < 0.12)) @ D, D


@pytest.mark.parametrize(("name", "params", "score"), COMPLETE, ids=IDS)
def test_planted_directions_are_found_with_their_signs(name, params, score, world):
    X, D = world
    found = fitted(name, params, X).components_
    assert matched_cosine(D, found) >= score
    assert signed_cosine(D, found) >= score


@pytest.mark.parametrize(("name", "params", "score"), COMPLETE, ids=IDS)
def test_rotated_and_reordered_data_give_rotated_directions(name, params, score, world):
    X, D = world
    Q = ortho_group.rvs(6, random_state=1)
    order = np.random.default_rng(2).permutation(len(X))
    found = fitted(name, params, X[order] @ Q).components_
    assert matched_cosine(D @ Q, found) >= score


@pytest.mark.parametrize(("name", "params", "score"), COMPLETE, ids=IDS)
def test_units_of_the_data_do_not_matter(name, params, score, world):
    X = world[0][:500]
    plain, scaled = fitted(name, params, X), fitted(name, params, 4096.0 * X)
    assert np.allclose(plain.components_, scaled.components_, atol=1e-6)
    assert np.allclose(4096.0 * plain.transform(X), scaled.transform(4096.0 * X), atol=0.05)


@pytest.mark.parametrize("seed", [0, 1])
def test_alternating_finds_an_overcomplete_dictionary_and_its_size(seed):
    X, D = planted(16, 8, 0.08, 6000, seed)
    found = get_method("alternating")(batch_size=2000, random_state=seed).fit(X).components_
    assert len(found) == 16
    assert matched_cosine(D, found) > 0.9999
    assert signed_cosine(D, found) > 0.9999


def test_alternating_finds_signed_codes():
    rng = np.random.default_rng(3)
    D = unit_rows(rng.standard_normal((10, 6)))
    X = (rng.standard_normal((4000, 10)) * (rng.random((4000, 10)) < 0.1)) @ D
    method = get_method("alternating")(10, positive=False, batch_size=2000)
    assert matched_cosine(D, method.fit(X).components_) > 0.99


@pytest.mark.parametrize("name", ["mod", "ksvd", "itkrm"])
@pytest.mark.parametrize("positive", [True, False])
def test_pursuit_learners_find_exactly_sparse_codes(name, positive):
    rng = np.random.default_rng(0)
    D = unit_rows(rng.standard_normal((24, 16)))
    codes = np.zeros((4000, 24))
    active = rng.permuted(np.tile(np.arange(24), (4000, 1)), axis=1)[:, :2]
    sizes = rng.random((4000, 2)) + 0.5
    signs = 1 if positive else rng.choice([-1, 1], (4000, 2))
    np.put_along_axis(codes, active, signs * sizes, axis=1)
    codes[:100] = 0  # silence tells the offset
    found = get_method(name)(24, n_active=2, positive=positive).fit(codes @ D).components_
    assert matched_cosine(D, found) > (0.96 if positive else 0.93)


def test_k_means_finds_features_that_are_active_one_at_a_time():
    X, D = planted(6, 6, 0.01, 4000)
    found = get_method("spherical-k-means")(6).fit(X).components_
    assert matched_cosine(D, found) > 0.97


def test_nmf_finds_separable_parts():
    rng = np.random.default_rng(0)
    D = unit_rows(np.kron(np.eye(4), rng.random((1, 3)) + 0.5) + 0.0)
    X = (rng.random((500, 4)) * (rng.random((500, 4)) < 0.5)) @ D
    assert matched_cosine(D, get_method("nmf")(4).fit(X).components_) > 0.999
    # A feature and its opposite are two parts of the split data.
    signed = np.concatenate([D, -D])
    X = (rng.random((800, 8)) * (rng.random((800, 8)) < 0.1)) @ signed
    assert signed_cosine(signed, get_method("nmf")(8).fit(X).components_) > 0.95


def test_neurons_reconstruct_exactly_and_pca_spans_the_variance():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3)) @ rng.standard_normal((3, 5)) + 2
    neurons = get_method("neurons")().fit(X)
    assert np.array_equal(neurons.inverse_transform(neurons.transform(X)), X)
    pca = get_method("pca")(3).fit(X)
    assert np.allclose(pca.inverse_transform(pca.transform(X)), X)
    assert np.allclose(pca.components_ @ pca.components_.T, np.eye(3))


def test_data_points_are_samples():
    X, _ = planted(5, 4, 0.3, 60)
    found = get_method("data-points")(7).fit(X).components_
    cosine = found @ unit_rows(X).T
    assert np.allclose(cosine.max(axis=1), 1)


@pytest.mark.parametrize("name", ["pca", "fastica", "picard", "l4", "er-spud"])
def test_complete_methods_refuse_more_directions_than_dimensions(name, world):
    with pytest.raises(ValueError, match="at most min"):
        get_method(name)(7).fit(world[0])


@pytest.mark.parametrize("name", ["fastica", "picard", "l4"])
def test_data_of_low_rank_warn_and_give_as_many_directions(name):
    X, D = planted(4, 4, 0.12, 2000)
    lift = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 4)))[0].T
    with pytest.warns(UserWarning, match="varies in 4 directions"):
        found = get_method(name)().fit(X @ lift).components_
    assert found.shape == (4, 6)
    assert matched_cosine(D @ lift, found) > 0.99
