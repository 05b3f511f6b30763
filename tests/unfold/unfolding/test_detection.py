"""Readings of which features are active."""

import numpy as np
import pytest
import torch

from unfold.unfolding.detection import read_features
from unfold.unfolding.known_directions import KnownDirections


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    D = rng.standard_normal((30, 15))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (0.2 + rng.random((300, 30))) * (rng.random((300, 30)) < 0.05)
    return Z @ D, D, Z


def test_cosines_and_projections_are_inner_products(world):
    X, D, _ = world
    projection = read_features(X, D, by="projection")
    np.testing.assert_allclose(projection, X @ D.T)
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(read_features(X, D, by="cosine") * norms, projection, atol=1e-12)


def test_codes_undo_the_interference(world):
    X, D, Z = world
    codes = read_features(X, D)
    assert np.mean(np.abs(codes - Z).max(axis=1) < 0.02) > 0.95
    off = Z == 0
    leaks = np.abs(read_features(X, D, by="projection"))[off].mean()
    assert np.abs(codes[off]).mean() < 0.02 * leaks


def test_lengths_of_directions_do_not_matter_and_kinds_are_kept(world):
    X, D, _ = world
    for by in ("codes", "cosine"):
        np.testing.assert_allclose(
            read_features(X, 5 * D, by=by), read_features(X, D, by=by), atol=1e-9
        )
    tensor = read_features(torch.tensor(X, dtype=torch.float32), torch.tensor(D), by="cosine")
    assert tensor.dtype == torch.float32


def test_a_fitted_method_reads_by_its_own_codes_and_mean(world):
    X, D, _ = world
    fitted = KnownDirections(D, mean=np.full(15, 2.0))
    np.testing.assert_array_equal(read_features(X + 2, fitted), fitted.transform(X + 2))
    np.testing.assert_allclose(
        read_features(X + 2, fitted, by="cosine"), read_features(X, D, by="cosine"), atol=1e-9
    )


def test_bad_input_is_named(world):
    X, D, _ = world
    with pytest.raises(ValueError, match="got 'cos'"):
        read_features(X, D, by="cos")
    with pytest.raises(ValueError, match="15 dimensions"):
        read_features(X[:, :4], D, by="cosine")
