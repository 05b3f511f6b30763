"""One's own activations: every format is read alike, and hostile files get clear words."""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from evaluation.own_activations.fit import fit_file
from unfold.io.activations import FileError, load_activations

X = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)


def _save(path: Path, array: np.ndarray = X, name: str = "x") -> Path:
    tensor = torch.from_numpy(array.copy())
    match path.suffix:
        case ".npy":
            np.save(path, array)
        case ".npz":
            np.savez(path, **{name: array})
        case ".safetensors":
            save_file({name: tensor}, path)
        case _:
            torch.save(tensor, path)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".pt", ".pth"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int16])
def test_every_format_gives_the_same_matrix(tmp_path: Path, suffix: str, dtype: Any) -> None:
    array = (10 * X).astype(dtype)
    loaded = load_activations(_save(tmp_path / f"a{suffix}", array))
    assert loaded.dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_array_equal(loaded, array)


def test_bfloat16_is_read(tmp_path: Path) -> None:
    tensor = torch.from_numpy(X).to(torch.bfloat16)
    save_file({"x": tensor}, tmp_path / "a.safetensors")
    loaded = load_activations(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(loaded, tensor.float().numpy())


def test_one_of_several_arrays_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=X, two=2 * X)
    torch.save({"one": torch.from_numpy(X), "note": "text"}, tmp_path / "a.pt")
    with pytest.raises(FileError, match=r"2 arrays \('one' .*'two' .*\): name one with --key"):
        load_activations(tmp_path / "a.npz")
    with pytest.raises(FileError, match="has no array 'three'"):
        load_activations(tmp_path / "a.npz", "three")
    np.testing.assert_array_equal(load_activations(tmp_path / "a.npz", "two"), 2 * X)
    np.testing.assert_array_equal(load_activations(tmp_path / "a.pt"), X)
    with pytest.raises(FileError, match="leave out --key"):
        load_activations(_save(tmp_path / "b.npy"), "one")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".pt"])
def test_a_file_cut_short_is_damaged(tmp_path: Path, suffix: str) -> None:
    path = _save(tmp_path / f"a{suffix}")
    data = path.read_bytes()
    for size in (0, 5, len(data) // 2):
        path.write_bytes(data[:size])
        with pytest.raises(FileError, match=r"Cannot read|holds more than|cut short"):
            load_activations(path)


class Bomb:
    """Leaves a trace if ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def test_no_file_can_run_code(tmp_path: Path) -> None:
    trace, bomb = tmp_path / "trace", Bomb(tmp_path / "trace")
    objects = np.empty((2, 2), dtype=object)
    objects[:] = bomb
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=objects)
    torch.save(bomb, tmp_path / "a.pt")
    (tmp_path / "b.npy").write_bytes(pickle.dumps(bomb))
    for name in ("a.npy", "a.npz", "a.pt", "b.npy"):
        with pytest.raises(FileError, match=r"could run code|Cannot read"):
            load_activations(tmp_path / name)
    assert not trace.exists()


def test_a_header_that_lies_about_the_size_is_damaged(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.npy")
    path.write_bytes(path.read_bytes().replace(b"(50, 4)", b"(90000000, 4)"[:7]))
    lying = path.read_bytes().replace(b"(50, 4), }", b"(5000000000, 4), }")
    path.write_bytes(lying[: len(lying)])
    with pytest.raises(FileError, match="Cannot read"):
        load_activations(path)


def test_an_archive_that_unpacks_to_more_than_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((250_000, 1), np.float32))
    free = type("Memory", (), {"available": 1000})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(FileError, match="are free"):
        load_activations(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (X[0], r"shape \(4,\), expected a matrix"),
        (X[:1], "at least two samples"),
        (X[:, :0], "at least two samples"),
        (X.astype(np.complex64), "complex64, not real numbers"),
        (X > 0, "bool, not real numbers"),
        (np.where(X > 2, np.nan, X), r"NaN or infinity in \d+ of 50 rows \(first: row \d+\)"),
        (np.where(np.arange(50)[:, None] == 7, np.inf, X), r"1 of 50 rows \(first: row 7\)"),
    ],
)
def test_what_is_no_activations_is_told(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(FileError, match=message):
        load_activations(_save(tmp_path / "a.npy", array))


def test_other_suffixes_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1,2")
    with pytest.raises(FileError, match=r"\.npy, \.npz"):
        load_activations(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match="No file"):
        load_activations(tmp_path / "a.npy")


def test_what_fit_writes_is_what_the_method_found(tmp_path: Path) -> None:
    from unfold import get_method

    out = tmp_path / "out"
    path = _save(tmp_path / "my <b>activations</b>.npy".replace("/", "_"))
    fitted = fit_file(path, out, method="pca", n_components=3, codes=True)
    assert {p.name for p in fitted.paths} == {
        "dictionary.safetensors",
        "codes.safetensors",
        "summary.json",
        "summary.html",
        "features.html",
    }
    arrays = load_file(out / "dictionary.safetensors")
    estimator = get_method("pca")(n_components=3).fit(X)
    np.testing.assert_allclose(arrays["dictionary"], estimator.components_, atol=1e-6)
    codes = load_file(out / "codes.safetensors")["codes"]
    np.testing.assert_allclose(codes, estimator.transform(X), atol=1e-5)
    summary = json.loads((out / "summary.json").read_text())
    assert summary == fitted.summary
    rebuilt = codes @ arrays["dictionary"] + arrays["mean"]
    explained = 1 - ((X - rebuilt) ** 2).sum() / ((X - X.mean(0)) ** 2).sum()
    assert summary["explained_variance"] == pytest.approx(explained, abs=1e-5)
    assert (summary["n_samples"], summary["d"], summary["n_features"]) == (50, 4, 3)
    page = (out / "summary.html").read_text()
    assert "<b>" not in page
    assert re.search(r"tallest bar: \d+ of 3 features", page)
    assert re.search(r"tallest bar: \d+ of 50 samples", page)
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page


def test_methods_and_their_parameters_are_checked(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.npy")
    for method, message in (
        ("pac", "Unknown method 'pac'"),
        ("pca[nope=1]", "it takes n_components"),
        ("pca[n_components=[1,2]]", "stands for 2 methods"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_file(path, tmp_path / "out", method=method)
    assert not (tmp_path / "out").exists()
