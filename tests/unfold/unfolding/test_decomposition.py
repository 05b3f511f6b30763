"""Decompositions: amplitudes recomputed, words and pictures that say what they should."""

import numpy as np
import pytest
import torch

from unfold.unfolding.decomposition import explain
from unfold.unfolding.known_directions import KnownDirections


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    D = rng.standard_normal((40, 20))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (0.2 + rng.random((60, 40))) * (rng.random((60, 40)) < 0.06)
    return Z @ D, D, Z


def test_decompositions_are_the_codes_that_made_the_sample(world):
    X, D, Z = world
    for z, found in zip(Z, explain(X, D), strict=True):
        assert found.explained
        assert set(found.features) == set(np.flatnonzero(z))
        np.testing.assert_allclose(found.amplitudes, z[found.features], atol=1e-6)
        assert (np.diff(found.amplitudes) <= 0).all()


def test_parts_and_rest_add_up_to_the_sample(world):
    X, D, _ = world
    noisy = X + 0.02 * np.random.default_rng(1).standard_normal(X.shape)
    for x, found in zip(noisy, explain(noisy, D, tolerance=0.3), strict=True):
        rest = x - found.amplitudes @ D[found.features]
        assert np.linalg.norm(rest) == pytest.approx(found.residual * found.norm, abs=1e-9)
        assert found.explained == (found.residual <= 0.3 and found.chance <= 0.01)


def test_a_stranger_is_not_explained(world):
    _, D, _ = world
    stranger = np.random.default_rng(2).standard_normal(20)
    [found] = explain(stranger, D)
    assert not found.explained
    assert "not explained" in str(found)
    [with_stranger] = explain(stranger, np.vstack([D, stranger]))
    assert with_stranger.explained
    assert with_stranger.features.tolist() == [40]


def test_names_and_cosines_are_told(world):
    X, D, Z = world
    row = int(np.argmax((Z > 0).sum(axis=1)))
    names = [f"thing {j}" for j in range(40)]
    [found] = explain(X[row], D, names=names)
    text = str(found)
    assert all(f"thing {j}" in text for j in np.flatnonzero(Z[row]))
    np.testing.assert_allclose(found.similarity, D @ X[row] / np.linalg.norm(X[row]))


def test_the_picture_shows_what_is_held(world):
    X, D, Z = world
    row = int(np.argmax((Z > 0).sum(axis=1)))
    [found] = explain(X[row], D)
    left, right = found.draw().axes
    assert len(left.patches) == np.count_nonzero(Z[row])
    assert len(right.patches) == 40


def test_an_activation_of_zero_holds_nothing(world):
    _, D, _ = world
    [found] = explain(np.zeros(20), D)
    assert found.features.size == 0
    assert found.explained
    assert str(found)


def test_estimators_means_and_tensors(world):
    X, D, _ = world
    fitted = KnownDirections(3.0 * D, mean=np.ones(20))
    [plain], [shifted] = explain(X[3], D), explain(X[3] + 1.0, fitted)
    np.testing.assert_allclose(plain.amplitudes, shifted.amplitudes, atol=1e-9)
    [tensor] = explain(torch.tensor(X[3]), torch.tensor(D))
    np.testing.assert_array_equal(tensor.amplitudes, plain.amplitudes)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"names": ["a"]}, "1 names for 40"), ({"tolerance": 2.0}, "tolerance")],
)
def test_bad_input_is_named(world, options, message):
    X, D, _ = world
    with pytest.raises(ValueError, match=message):
        explain(X, D, **options)
    with pytest.raises(ValueError, match="20 dimensions"):
        explain(X[:, :5], D)
