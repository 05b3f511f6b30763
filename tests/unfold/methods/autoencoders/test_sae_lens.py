"""The adapter of sae_lens: without the library a clear error, with it every architecture."""

import importlib.util

import numpy as np
import pytest

from unfold.arrays import unit_rows
from unfold.methods.autoencoders.sae_lens import SAELensAutoencoder
from unfold.testing import matched_cosine

INSTALLED = importlib.util.find_spec("sae_lens") is not None


def world():
    rng = np.random.default_rng(0)
    D = unit_rows(rng.standard_normal((8, 6)))
    return np.eye(8)[rng.integers(8, size=2000)] * (rng.random((2000, 1)) + 0.5) @ D, D


@pytest.mark.skipif(INSTALLED, reason="sae_lens is installed")
def test_the_error_names_the_extra():
    with pytest.raises(ImportError, match=r"pip install 'unfold-superposition\[sae\]'"):
        SAELensAutoencoder(8).fit(world()[0])


@pytest.mark.skipif(not INSTALLED, reason="needs the sae extra")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("architecture", ["topk", "standard", "batchtopk", "matching_pursuit"])
def test_architectures_learn_and_reconstruct(architecture):
    X, D = world()
    method = SAELensAutoencoder(
        12, architecture=architecture, n_active=1, n_steps=400, batch_size=256, lr=5e-3
    ).fit(X)
    error = np.linalg.norm(X - method.inverse_transform(method.transform(X)))
    assert error < 0.7 * np.linalg.norm(X)
    chance = matched_cosine(D, unit_rows(np.random.default_rng(1).standard_normal((12, 6))))
    assert matched_cosine(D, method.components_) > chance
    again = SAELensAutoencoder(**method.get_params()).fit(X)
    assert np.array_equal(again.components_, method.components_)


@pytest.mark.skipif(not INSTALLED, reason="needs the sae extra")
@pytest.mark.filterwarnings("default")
def test_unknown_architecture_lists_the_known():
    with pytest.raises(ValueError, match="matryoshka_batchtopk"):
        SAELensAutoencoder(8, architecture="none").fit(world()[0])
