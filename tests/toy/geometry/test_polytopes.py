"""Naming arrangements: exact, rotated, perturbed ones, and things that are none of these."""

import numpy as np
import pytest

from toy.geometry.polytopes import IRREGULAR, recognise, vertices

CONNECTED = [
    "single",
    "digon",
    "triangle",
    "pentagon",
    "hexagon",
    "heptagon",
    "octagon",
    "tetrahedron",
    "square antiprism",
    "triangular prism",
    "cube",
    "icosahedron",
    "cuboctahedron",
    "dodecahedron",
]
PRODUCTS = [
    "square",
    "octahedron",
    "16-cell",
    "triangular bipyramid",
    "pentagonal bipyramid",
    "hexagonal bipyramid",
]


def embed(W: np.ndarray, d: int, seed: int, noise: float = 0.0) -> np.ndarray:
    """Shuffle, rotate into d dimensions, and move every vertex by `noise`."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(d, d)))[0][: W.shape[1]]
    shift = rng.normal(size=(len(W), d))
    shift *= noise / np.linalg.norm(shift, axis=1, keepdims=True)
    return rng.permutation(W, axis=0) @ axes + shift


@pytest.mark.parametrize("noise", [0.0, 0.03])
@pytest.mark.parametrize("name", CONNECTED + PRODUCTS)
def test_every_named_shape_is_recognised_rotated_scaled_and_perturbed(name, noise):
    for seed in range(3):
        W = 1.2 * embed(vertices(name), vertices(name).shape[1] + 1, seed, noise)
        found = recognise(W)
        assert found.name == name
        assert max(block.deviation for block in found.blocks) < 2.5 * noise + 1e-7
        assert sum(block.dimension for block in found.blocks) == vertices(name).shape[1]


@pytest.mark.parametrize("k", [5, 9])
def test_larger_polygons_and_simplices_are_named_by_their_size(k):
    angle = np.pi * np.arange(2 * k) / k
    assert recognise(np.column_stack([np.cos(angle), np.sin(angle)])).name == f"{2 * k}-gon"
    simplex = np.eye(k) - 1 / k
    assert recognise(simplex / np.linalg.norm(simplex[0])).name == f"{k - 1}-simplex"


@pytest.mark.parametrize("name", [n for n in CONNECTED if len(vertices(n)) > 2])
def test_one_displaced_vertex_spoils_the_name(name):
    W = vertices(name).copy()
    if len(W) == W.shape[1] + 1:
        W[0] *= 1.5
    else:
        W[0] = W[0] + 0.5 * W[1]
    assert name not in recognise(W).counts


@pytest.mark.parametrize("seed", range(4))
def test_random_points_have_no_name(seed):
    W = np.random.default_rng(seed).normal(size=(8, 3))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    found = recognise(W)
    assert found.name == IRREGULAR
    assert np.isinf(found.blocks[0].deviation)


def test_lookalikes_keep_their_own_names():
    flat = vertices("square antiprism") * [1, 1, 0.3]
    assert recognise(flat).name == IRREGULAR
    assert recognise(vertices("cube")).name == "cube"
    assert recognise(np.array([[1.0, 0], [1.0, 0]])).name == IRREGULAR
    assert recognise(np.array([[1.0, 0], [0.5, np.sqrt(0.75)]])).name == IRREGULAR
    assert recognise(np.eye(4)).name == "orthogonal basis"
    assert recognise(np.zeros((3, 2))).name == "nothing"


def test_a_product_without_a_name_lists_its_factors():
    W = np.zeros((11, 5))
    W[:3, :2], W[3:5, 2:3], W[5:7, 3:4], W[7:8, 4:] = (
        vertices("triangle"),
        vertices("digon"),
        vertices("digon"),
        vertices("single"),
    )
    found = recognise(W)
    assert found.name == "triangle + 2 × digon + single"
    assert found.counts == {"triangle": 1, "digon": 2, "single": 1}
    assert found.blocks[0].dimensions_per_feature == pytest.approx(2 / 3)


def test_equal_norms_are_part_of_being_regular():
    pentagon = vertices("pentagon").copy()
    pentagon[2] *= 0.7
    assert recognise(pentagon).name == IRREGULAR
    assert recognise(pentagon, tolerance=0.35).name == "pentagon"


def test_an_unknown_shape_is_refused_by_name():
    with pytest.raises(ValueError, match=r"hyperdiamond.*octahedron"):
        vertices("hyperdiamond")
