"""Hostile files: one line, nothing run, nothing allocated before it is checked."""

import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from unfold import load_dictionary, open_activations

X = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)


class Bomb:
    """Leaves a trace if ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def _safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _npy_header(shape: str, dtype: str = "'<f4'") -> bytes:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def torch_bomb(folder: Path) -> Path:
    torch.save({"x": Bomb(folder / "trace")}, folder / "ae.pt")
    (folder / "config.json").write_text(json.dumps({"trainer": {}}))
    return folder / "ae.pt"


def bare_pickle(folder: Path) -> Path:
    (folder / "a.pt").write_bytes(pickle.dumps(Bomb(folder / "trace")))
    return folder / "a.pt"


def objects_in_npz(folder: Path) -> Path:
    np.savez(folder / "a.npz", x=np.array([Bomb(folder / "trace")] * 3, dtype=object))
    return folder / "a.npz"


def saev_pickle(folder: Path) -> Path:
    import base64

    store = folder / "store"
    store.mkdir()
    facts = {"data": base64.b64encode(pickle.dumps(Bomb(folder / "trace"))).decode()}
    (store / "metadata.json").write_text(json.dumps(facts))
    (store / "shards.json").write_text("[]")
    return store


def huge_shape_npy(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(_npy_header(f"({2**63}, {2**63})"))
    return folder / "a.npy"


def huge_shape_npz(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", _npy_header("(1000000000000, 4)"))
    return folder / "a.npz"


def huge_shape_safetensors(folder: Path) -> Path:
    entry = {"dtype": "F32", "shape": [2**63, 2**63], "data_offsets": [0, 16]}
    (folder / "a.safetensors").write_bytes(_safetensors({"x": entry}, bytes(16)))
    return folder / "a.safetensors"


def overlong_header(folder: Path) -> Path:
    (folder / "a.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    return folder / "a.safetensors"


def offsets_beyond_the_end(folder: Path) -> Path:
    entry = {"dtype": "F32", "shape": [100, 4], "data_offsets": [0, 1600]}
    (folder / "a.safetensors").write_bytes(_safetensors({"x": entry}, bytes(64)))
    return folder / "a.safetensors"


def negative_offsets(folder: Path) -> Path:
    entry = {"dtype": "F32", "shape": [4, 4], "data_offsets": [-64, 0]}
    (folder / "a.safetensors").write_bytes(_safetensors({"x": entry}, bytes(64)))
    return folder / "a.safetensors"


def unknown_dtype(folder: Path) -> Path:
    entry = {"dtype": "F8_E4M3", "shape": [4, 4], "data_offsets": [0, 16]}
    (folder / "a.safetensors").write_bytes(_safetensors({"x": entry}, bytes(16)))
    return folder / "a.safetensors"


def deep_json(folder: Path) -> Path:
    (folder / "a.safetensors").write_bytes(_safetensors(b'{"a":' + b"[" * 100_000))
    return folder / "a.safetensors"


def newline_in_a_name(folder: Path) -> Path:
    save_file({"a\nb": X, "c\rd": X}, folder / "a.safetensors")
    return folder / "a.safetensors"


def newline_in_a_file_name(folder: Path) -> Path:
    (folder / "a\nb.npy").write_bytes(b"nonsense")
    return folder / "a\nb.npy"


def link_to_itself(folder: Path) -> Path:
    (folder / "a.npy").symlink_to("a.npy")
    return folder / "a.npy"


def list_that_climbs_out(folder: Path) -> Path:
    store = folder / "store"
    store.mkdir()
    np.save(folder / "secret.npy", X)
    (store / "dataset_info.json").write_text("{}")
    (store / "state.json").write_text('{"_data_files": [{"filename": "../secret.npy"}]}')
    return store


def text_as_numbers(folder: Path) -> Path:
    np.save(folder / "a.npy", np.array([["a", "b"], ["c", "d"]]))
    return folder / "a.npy"


def fields_as_numbers(folder: Path) -> Path:
    np.save(folder / "a.npy", np.zeros((5, 2), [("x", "f4"), ("y", "O")]).astype("f4,f4"))
    return folder / "a.npy"


def csv_of_words(folder: Path) -> Path:
    (folder / "a.csv").write_text("a,b\n1,=cmd\n2,\x00\n")
    return folder / "a.csv"


def not_arrow(folder: Path) -> Path:
    store = folder / "store"
    store.mkdir()
    (store / "dataset_info.json").write_text("{}")
    (store / "state.json").write_text('{"_data_files": [{"filename": "a.arrow"}]}')
    (store / "a.arrow").write_bytes(os.urandom(100))
    return store


HOSTILE = (
    torch_bomb, bare_pickle, objects_in_npz, saev_pickle, huge_shape_npy, huge_shape_npz,
    huge_shape_safetensors, overlong_header, offsets_beyond_the_end, negative_offsets,
    unknown_dtype, deep_json, newline_in_a_name, newline_in_a_file_name, link_to_itself,
    list_that_climbs_out, text_as_numbers, fields_as_numbers, csv_of_words, not_arrow,
)  # fmt: skip


@pytest.mark.parametrize("opened", [open_activations, load_dictionary])
@pytest.mark.parametrize("write", HOSTILE)
def test_refused_in_one_line(
    tmp_path: Path, write: Callable[[Path], Path], opened: Callable[[Path], Any]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError)) as told:
        opened(path)
    assert "\n" not in str(told.value) and "\r" not in str(told.value)
    assert len(str(told.value)) < 1000
    assert not (tmp_path / "trace").exists()


def test_an_empty_file_of_200_gb_is_mapped_or_refused(tmp_path: Path) -> None:
    """A sparse file takes no disk: reading rows of it must take no memory, all of it is refused."""
    header = _npy_header("(50000000, 1000)")
    try:
        with (tmp_path / "a.npy").open("wb") as file:
            file.write(header)
            file.truncate(len(header) + 200 * 10**9)
        np.save(tmp_path / "b.npy", np.zeros((2, 1000), np.float32))
    except OSError as error:
        pytest.skip(f"the file system has no sparse files of that size: {error}")
    opened = open_activations(tmp_path)
    assert opened.shape == (50_000_002, 1000)
    assert not opened[49_999_990:].any() and not opened[[0, 25_000_000, -1]].any()
    assert next(iter(opened.batches(64, seed=0))).shape == (64, 1000)
    with pytest.raises(ValueError, match=r"takes 200\.0 GB of memory"):
        np.asarray(opened)
    with pytest.raises(ValueError, match="GB are free"):
        (tmp_path / "a.npy").rename(tmp_path / "a.csv")
        open_activations(tmp_path / "a.csv")


def _seeds(folder: Path) -> list[bytes]:
    np.save(folder / "s.npy", X)
    np.savez(folder / "s.npz", x=X)
    np.savez_compressed(folder / "c.npz", x=X)
    save_file({"W_dec": X, "b_dec": X[0]}, folder / "s.safetensors")
    torch.save({"x": torch.from_numpy(X)}, folder / "s.pt")
    names = ("s.npy", "s.npz", "c.npz", "s.safetensors", "s.pt")
    return [(folder / name).read_bytes() for name in names]


@pytest.mark.slow
def test_mutated_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    seeds = _seeds(tmp_path)
    suffixes = (".npy", ".npz", ".npz", ".safetensors", ".pt", ".csv", ".parquet")
    changes = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=4)

    @hypothesis.settings(max_examples=1500, deadline=None, database=None, derandomize=True)
    @hypothesis.given(
        st.integers(0, len(seeds) - 1), st.sampled_from((*suffixes, "")), changes, st.floats(0, 1.2)
    )
    def check(which: int, suffix: str, changes: Any, cut: float) -> None:
        data = bytearray(seeds[which])
        for place, new in changes:
            at = int(place * len(data))
            data[at : at + len(new)] = new
        path = tmp_path / f"fuzz{suffix or suffixes[which]}"
        path.write_bytes(bytes(data[: int(cut * len(data))] if cut < 1 else data))
        for opened in (open_activations, load_dictionary):
            try:
                found = opened(path)
            except (ValueError, FileNotFoundError) as error:
                assert "\n" not in str(error)
            else:
                assert np.asarray(found).ndim == 2 if opened is open_activations else found

    check()


def test_parents_in_a_circle_are_refused_not_followed(tmp_path: Path) -> None:
    from unfold.io.formats.dictionary import Dictionary
    from unfold.io.formats.solved import TreePursuit
    from unfold.io.save import write_dictionary

    for parents in ([1, 2, 3, 0], [-1, 0, 1, 9], [-5, 0, 1, 2]):
        found = Dictionary(X[:4], X[0], TreePursuit(np.array(parents), np.ones(4)), "unfold")
        path = write_dictionary(found, tmp_path / "a.safetensors")[0]
        with pytest.raises(ValueError, match="make no forest"):
            load_dictionary(path)
