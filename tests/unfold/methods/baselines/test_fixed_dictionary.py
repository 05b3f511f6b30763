"""Dictionaries from files, and files that are not dictionaries."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from unfold.arrays import unit_rows
from unfold.methods.baselines.fixed_dictionary import FixedDictionary


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    D = unit_rows(rng.standard_normal((7, 4)))
    return rng.random((30, 7)) @ D, D


def test_every_format_gives_the_same_directions(world, tmp_path):
    X, D = world
    np.save(tmp_path / "D.npy", 3 * D)
    np.savez(tmp_path / "D.npz", dictionary=D, other=np.ones((2, 2)))
    save_file({"W_dec": D, "W_enc": D.T.copy()}, tmp_path / "sae.safetensors")
    save_file({"decoder.weight": D.T.copy(), "b": np.ones(4)}, tmp_path / "linear.safetensors")
    for path in tmp_path.iterdir():
        fitted = FixedDictionary(str(path), encoder="l1").fit(X)
        assert np.allclose(fitted.components_, D)
        assert fitted.transform(X).shape == (30, 7)


def test_dead_directions_are_left_out(world, tmp_path):
    X, D = world
    np.save(tmp_path / "D.npy", np.concatenate([D, np.zeros((2, 4))]))
    assert len(FixedDictionary(str(tmp_path / "D.npy")).fit(X).components_) == 7


def test_bad_files_are_named(world, tmp_path):
    X, D = world
    with pytest.raises(ValueError, match="needs path"):
        FixedDictionary().fit(X)
    with pytest.raises(FileNotFoundError, match=r"none\.npy"):
        FixedDictionary(str(tmp_path / "none.npy")).fit(X)
    np.save(tmp_path / "wide.npy", np.ones((3, 9)))
    with pytest.raises(ValueError, match="4 dimensions"):
        FixedDictionary(str(tmp_path / "wide.npy")).fit(X)
    np.save(tmp_path / "nan.npy", np.full((3, 4), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        FixedDictionary(str(tmp_path / "nan.npy")).fit(X)
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        FixedDictionary(str(tmp_path / "object.npy")).fit(X)
    (tmp_path / "cut.safetensors").write_bytes(b"\x10")
    with pytest.raises(ValueError, match="cut short"):
        FixedDictionary(str(tmp_path / "cut.safetensors")).fit(X)
    np.savez(tmp_path / "two.npz", a=D, b=D)
    with pytest.raises(ValueError, match="give key"):
        FixedDictionary(str(tmp_path / "two.npz")).fit(X)
    assert FixedDictionary(str(tmp_path / "two.npz"), key="b").fit(X).n_components_ == 7
    (tmp_path / "D.txt").write_text("1 2")
    with pytest.raises(ValueError, match="expected a"):
        FixedDictionary(str(tmp_path / "D.txt")).fit(X)
