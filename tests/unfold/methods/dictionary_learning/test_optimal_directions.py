"""The dictionary that codes call for: exact, weighted, and still where nothing is known."""

import numpy as np
import pytest
from scipy import sparse

from unfold.methods.dictionary_learning.optimal_directions import (
    directions_and_offset,
    optimal_directions,
)


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    D = rng.standard_normal((30, 12))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((2000, 30)) < 0.1) * rng.random((2000, 30))
    start = D + 0.1 * rng.standard_normal(D.shape)
    return Z @ D, D, Z, start / np.linalg.norm(start, axis=1, keepdims=True)


@pytest.mark.parametrize("share_of", ["mean", "own"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_true_codes_give_the_true_dictionary(world, share_of, kind):
    X, D, Z, start = world
    found = optimal_directions(X, start, kind(Z), ridge=1e-9, share_of=share_of)
    assert np.abs(found - D).max() < 1e-6


def test_an_unused_atom_stays_where_it_is(world):
    X, D, Z, start = world
    Z[:, 3] = 0
    for share_of in ("mean", "own"):
        found = optimal_directions(Z @ D, start, Z, share_of=share_of)
        assert found[3] == pytest.approx(start[3], abs=1e-9)
    assert optimal_directions(X, start, np.zeros_like(Z)) == pytest.approx(start)


def test_samples_without_weight_have_no_say(world):
    X, D, Z, start = world
    spoilt = X.copy()
    spoilt[:500] += 5
    weights = (np.arange(2000) >= 500).astype(float)
    for kind in (np.asarray, sparse.csr_array):
        found = optimal_directions(spoilt, start, kind(Z), weights, ridge=1e-9)
        assert np.abs(found - D).max() < 1e-6


def test_the_offset_is_fitted_with_the_directions(world):
    X, D, Z, start = world
    offset = np.linspace(-1, 1, D.shape[1])
    found, shift = directions_and_offset(X + offset, start, Z, np.zeros_like(offset), ridge=1e-9)
    assert np.abs(found - D).max() < 1e-6
    assert shift == pytest.approx(offset, abs=1e-6)
    still, shift = directions_and_offset(X, start, np.zeros_like(Z), offset)
    assert still == pytest.approx(start)
    assert shift == pytest.approx(X.mean(axis=0), abs=1e-6)
