"""Batches instead of an array: the same contract, and runs that survive interruption."""

import numpy as np
import pytest
import torch

from unfold.arrays import to_numpy, unit_rows
from unfold.methods.autoencoders.estimators import MatryoshkaAutoencoder, TopKAutoencoder
from unfold.methods.dictionary_learning.online import OnlineDictionary
from unfold.methods.streaming import rows_of
from unfold.testing import matched_cosine

METHODS = [
    OnlineDictionary(12, n_steps=30, batch_size=64),
    TopKAutoencoder(12, n_active=2, n_steps=30, batch_size=64),
    MatryoshkaAutoencoder(None, n_active=2, n_steps=30, batch_size=64, n_models=2),
]
NAMES = [type(method).__name__ for method in METHODS]


def world(n_samples, seed=0):
    rng = np.random.default_rng(seed)
    D = unit_rows(np.random.default_rng(0).standard_normal((12, 6)))
    return (rng.random((n_samples, 12)) * (rng.random((n_samples, 12)) < 0.08)) @ D, D


def fresh(method, **params):
    return type(method)(**{**method.get_params(), **params})


def test_rows_of_a_memory_map_read_only_what_they_need(tmp_path):
    X, _ = world(500)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    source = rows_of(mapped, 40, seed=3)
    assert np.array_equal(source(7), source(7))
    assert not np.array_equal(source(7), source(8))
    assert len({tuple(row) for row in np.round(source(7), 12)} - {tuple(np.zeros(6))}) <= 40
    assert source(0).shape == (40, 6)
    assert rows_of(X[:9], 40)(0).shape == (9, 6)


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_an_interrupted_run_ends_with_the_same_bits(method, tmp_path):
    source = rows_of(world(2000)[0], 64)
    straight = fresh(method).fit_stream(source)
    path = tmp_path / "run.safetensors"

    class Power(Exception):
        pass

    def cut(step):
        if step == 17:
            raise Power

    with pytest.raises(Power):
        fresh(method).fit_stream(source, checkpoint=path, every=5, on_step=cut)
    steps = []
    resumed = fresh(method).fit_stream(source, checkpoint=path, every=5, on_step=steps.append)
    assert steps[0] == 16  # 15 were saved
    assert np.array_equal(resumed.components_, straight.components_)
    finished = fresh(method).fit_stream(source, checkpoint=path, on_step=steps.append)
    assert steps[-1] == 30 and len(steps) == 15
    assert np.array_equal(finished.components_, straight.components_)


def test_a_foreign_or_damaged_checkpoint_is_refused(tmp_path):
    source = rows_of(world(200)[0], 64)
    path = tmp_path / "run.safetensors"
    OnlineDictionary(12, n_steps=2).fit_stream(source, checkpoint=path)
    with pytest.raises(ValueError, match="this run is of"):
        OnlineDictionary(11, n_steps=2).fit_stream(source, checkpoint=path)
    with pytest.raises(ValueError, match="method OnlineDictionary"):
        TopKAutoencoder(12, n_steps=2).fit_stream(source, checkpoint=path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match="damaged"):
        OnlineDictionary(12, n_steps=2).fit_stream(source, checkpoint=path)


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_streaming_keeps_the_kind_of_array(method):
    X = torch.tensor(world(200)[0], dtype=torch.float32)
    fitted = fresh(method, n_steps=3).fit_stream(lambda step: X)
    assert isinstance(fitted.components_, torch.Tensor)
    assert fitted.transform(X).dtype == torch.float32
    assert torch.allclose(fitted.components_.norm(dim=1), torch.ones(1))


def test_partial_fits_learn_what_one_stream_learns():
    X, D = world(6000)
    source = rows_of(X, 1024)
    streamed = OnlineDictionary(12, n_steps=100).fit_stream(source)
    piecewise = OnlineDictionary(12, n_steps=100)
    for step in range(100):
        piecewise.partial_fit(source(step))
    assert np.array_equal(streamed.components_, piecewise.components_)
    assert matched_cosine(D, to_numpy(streamed.components_)) > 0.95


def test_a_batch_of_another_width_is_refused():
    method = OnlineDictionary(4).partial_fit(world(50)[0])
    with pytest.raises(ValueError, match="expecting 6 features"):
        method.partial_fit(world(50)[0][:, :3])
