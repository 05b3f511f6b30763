"""Measures of geometry: published fractions, invariances, the capacity budget."""

import numpy as np
import pytest
import torch

from toy.geometry import dimensionality as geometry
from toy.geometry.polytopes import vertices

FRACTIONS = {
    "digon": 1 / 2,
    "triangle": 2 / 3,
    "tetrahedron": 3 / 4,
    "pentagon": 2 / 5,
    "square antiprism": 3 / 8,
    "octahedron": 1 / 2,
    "cube": 3 / 8,
    "icosahedron": 1 / 4,
}


def rotation(d: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


@pytest.mark.parametrize(("name", "fraction"), FRACTIONS.items())
def test_dimensionality_of_a_polytope_is_its_published_fraction(name, fraction):
    W = vertices(name)
    D = geometry.feature_dimensionality(W @ rotation(W.shape[1]) * 1.3)
    np.testing.assert_allclose(D, fraction, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("triangular bipyramid", {2 / 3: 3, 1 / 2: 2}),
        ("pentagonal bipyramid", {2 / 5: 5, 1 / 2: 2}),
    ],
)
def test_bipyramids_split_as_tegum_products(name, split):
    D = geometry.feature_dimensionality(vertices(name))
    for fraction, count in split.items():
        assert np.isclose(D, fraction, atol=1e-9).sum() == count


def test_dimensionality_ignores_rotation_order_and_global_scale():
    rng = np.random.default_rng(1)
    W = rng.normal(size=(12, 5))
    order = rng.permutation(12)
    np.testing.assert_allclose(
        geometry.feature_dimensionality(3 * W[order] @ rotation(5)),
        geometry.feature_dimensionality(W)[order],
    )


@pytest.mark.parametrize("seed", range(5))
def test_capacity_never_exceeds_the_rank(seed):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(15, 4)) @ rng.normal(size=(4, 7)) * rng.exponential(size=(15, 1))
    budget = geometry.capacity(W)
    assert budget.rank == 4
    assert budget.used < budget.rank
    assert budget.frame_error > 0.01


def test_direct_sums_of_tight_frames_spend_the_whole_budget():
    parts = [1.3 * vertices("pentagon"), 0.7 * vertices("tetrahedron"), 2 * vertices("digon")]
    W = np.zeros((11, 6))
    W[:5, :2], W[5:9, 2:5], W[9:, 5:] = parts
    budget = geometry.capacity(W @ rotation(6))
    assert budget.used == pytest.approx(budget.rank, abs=1e-9)
    assert budget.efficiency == pytest.approx(1)
    assert budget.frame_error < 1e-9


def test_dimensions_per_feature_counts_frobenius_mass():
    assert geometry.dimensions_per_feature(vertices("octahedron")) == pytest.approx(1 / 2)
    assert geometry.dimensions_per_feature(np.eye(4)) == pytest.approx(1)
    assert np.isinf(geometry.dimensions_per_feature(np.zeros((3, 2))))


def test_superposition_is_zero_for_orthogonal_and_one_for_an_equal_antipode():
    np.testing.assert_allclose(geometry.superposition(np.eye(3)), 0)
    np.testing.assert_allclose(geometry.superposition(vertices("digon")), 1)
    W = np.array([[1.0, 0], [-0.5, 0], [0, 0]])
    np.testing.assert_allclose(geometry.superposition(W), [0.25, 1.0, 0])


def test_measures_batch_and_keep_the_kind_of_array():
    W = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 6, 4))).float()
    for measure in (
        geometry.feature_dimensionality,
        geometry.superposition,
        geometry.represented,
    ):
        batched = measure(W)
        assert isinstance(batched, torch.Tensor)
        assert batched.shape == (2, 3, 6)
        np.testing.assert_allclose(batched[1, 2], measure(W[1, 2].numpy()), rtol=1e-5)
    assert geometry.dimensions_per_feature(W).shape == (2, 3)


def test_blocks_are_the_orthogonal_groups_largest_first():
    W = np.zeros((9, 4))
    W[[0, 4], 3] = 1, -1.1
    W[[1, 2, 3, 5, 7], :2] = vertices("pentagon")
    W[6, 2] = 0.9
    W[8] = 0.01
    blocks = geometry.connected_blocks(W @ rotation(4))
    assert [block.tolist() for block in blocks] == [[1, 2, 3, 5, 7], [0, 4], [6]]
    edges = geometry.interference_graph(W)
    assert edges.sum() == 5 * 4 + 2
    assert (edges == edges.T).all()


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((0, 2)), np.array([[1.0, np.nan]])])
def test_bad_matrices_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        geometry.feature_dimensionality(bad)
    with pytest.raises(ValueError, match="expected"):
        geometry.capacity(bad)
    with pytest.raises(ValueError, match="n_features, n_hidden"):
        geometry.interference_graph(np.ones((2, 3, 4)))
