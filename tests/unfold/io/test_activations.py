"""One matrix, whatever it is stored as: every layout is written by hand, by its published rules."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save_file

from unfold.io.activations import FileError, load_activations, open_activations

RNG = np.random.default_rng(0)
SEQUENCES = RNG.standard_normal((6, 5, 4)).astype(np.float32)
X = SEQUENCES.reshape(-1, 4)


def _npy_shards(folder: Path) -> None:
    for number, part in enumerate(np.array_split(X, 11)):
        np.save(folder / f"shard-{number}.npy", part)


def _pt_shards(folder: Path) -> None:
    for number in range(3):
        torch.save(torch.from_numpy(SEQUENCES[2 * number : 2 * number + 2].copy()),
                   folder / f"{number}.pt")  # fmt: skip


def _chunks(folder: Path) -> None:
    for number in range(2):
        some = slice(3 * number, 3 * number + 3)
        tokens = torch.arange(30, dtype=torch.int32).reshape(6, 5)[some].clone()
        save_file({"activation": torch.from_numpy(SEQUENCES[some].copy()), "tokens": tokens},
                  folder / f"chunk-0000000{number}.safetensors")  # fmt: skip


def _arrow(folder: Path) -> None:
    kind = pa.list_(pa.list_(pa.float32()))
    tokens = np.arange(30, dtype=np.int32).reshape(6, 5)
    for number in range(2):
        some = slice(3 * number, 3 * number + 3)
        table = pa.table(
            {
                "blocks.0.hook_mlp_out": pa.array(SEQUENCES[some].tolist(), kind),
                "token_ids": pa.array(tokens[some].tolist(), pa.list_(pa.int32())),
            }
        )
        name = f"data-0000{number}-of-00002.arrow"
        with pa.ipc.new_stream(str(folder / name), table.schema) as stream:
            stream.write_table(table)
    files = [{"filename": f"data-0000{n}-of-00002.arrow"} for n in range(2)]
    (folder / "state.json").write_text(json.dumps({"_data_files": files}))
    (folder / "dataset_info.json").write_text("{}")


def _saev(folder: Path) -> None:
    facts = {
        "layers": [13], "patches_per_ex": 4, "cls_token": True, "d_model": 4, "n_examples": 6,
        "dtype": "float32", "protocol": "2.1", "data": "gASVCgAAAAAAAACMBnBpY2tsZZQu",
    }  # fmt: skip
    (folder / "metadata.json").write_text(json.dumps(facts))
    shards = [{"name": f"acts00000{n}.bin", "n_examples": 3} for n in range(2)]
    (folder / "shards.json").write_text(json.dumps(shards))
    for number in range(2):
        SEQUENCES[3 * number : 3 * number + 3].tofile(folder / f"acts00000{number}.bin")


LAYOUTS = (_npy_shards, _pt_shards, _chunks, _arrow, _saev)


@pytest.mark.parametrize("write", LAYOUTS)
def test_every_folder_is_one_matrix(tmp_path: Path, write: Any) -> None:
    write(tmp_path)
    opened = open_activations(tmp_path)
    assert opened.shape == X.shape and opened.dtype == np.float32 and len(opened) == len(X)
    np.testing.assert_array_equal(np.asarray(opened), X)
    np.testing.assert_array_equal(opened[7:23], X[7:23])
    np.testing.assert_array_equal(opened[[28, 0, -1, 13]], X[[28, 0, -1, 13]])
    np.testing.assert_array_equal(opened[X[:, 0] > 0, 1:], X[X[:, 0] > 0, 1:])
    np.testing.assert_array_equal(opened[4], X[4])
    np.testing.assert_array_equal(opened[20:2:-3], X[20:2:-3])
    np.testing.assert_array_equal(np.concatenate(list(opened.batches(7))), X)


@pytest.mark.parametrize("write", [_pt_shards, _chunks, _arrow, _saev])
def test_the_first_position_is_left_out_on_request(tmp_path: Path, write: Any) -> None:
    write(tmp_path)
    opened = open_activations(tmp_path, drop_first=True)
    expected = SEQUENCES[:, 1:].reshape(-1, 4)
    np.testing.assert_array_equal(np.asarray(opened), expected)
    np.testing.assert_array_equal(opened[3:20], expected[3:20])
    np.testing.assert_array_equal(opened[[5, 1]], expected[[5, 1]])


@pytest.mark.parametrize("write", [_chunks, _arrow])
def test_tokens_stand_beside_their_rows(tmp_path: Path, write: Any) -> None:
    write(tmp_path)
    np.testing.assert_array_equal(open_activations(tmp_path).tokens, np.arange(30))
    expected = np.arange(30).reshape(6, 5)[:, 1:].ravel()
    np.testing.assert_array_equal(open_activations(tmp_path, drop_first=True).tokens, expected)


def test_several_layers_of_saev_are_told_apart(tmp_path: Path) -> None:
    _saev(tmp_path)
    both = np.stack([SEQUENCES, 2 * SEQUENCES], axis=1)
    facts = json.loads((tmp_path / "metadata.json").read_text()) | {"layers": [13, 20]}
    (tmp_path / "metadata.json").write_text(json.dumps(facts))
    for number in range(2):
        both[3 * number : 3 * number + 3].tofile(tmp_path / f"acts00000{number}.bin")
    with pytest.raises(FileError, match=r"layers '13', '20': name one as key"):
        open_activations(tmp_path)
    np.testing.assert_array_equal(np.asarray(open_activations(tmp_path, "20")), 2 * X)


def test_sequences_become_rows_and_tables_are_matrices(tmp_path: Path) -> None:
    import pandas as pd

    np.save(tmp_path / "a.npy", SEQUENCES)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    np.savetxt(tmp_path / "bare.csv", X, delimiter=",")
    pd.DataFrame({"h": list(X)}).to_parquet(tmp_path / "lists.parquet")
    for name in ("a.npy", "a.parquet", "lists.parquet"):
        np.testing.assert_array_equal(load_activations(tmp_path / name), X)
    for name in ("a.csv", "bare.csv"):
        np.testing.assert_allclose(load_activations(tmp_path / name), X, rtol=1e-6)
    frame.assign(word="x").to_parquet(tmp_path / "text.parquet")
    with pytest.raises(FileError, match=r"hold no numbers: \['word'\]"):
        open_activations(tmp_path / "text.parquet")


@pytest.mark.parametrize("name", ["swapped.npy", "long.npy", "v3.npy", "coo.pt", "csr.pt"])
def test_what_numpy_and_torch_write_without_ado(tmp_path: Path, name: str) -> None:
    wide = X.astype(np.float64)
    path = tmp_path / name
    match name:
        case "swapped.npy":
            np.save(path, wide.astype(wide.dtype.newbyteorder()))
        case "long.npy":
            np.save(path, wide.astype(np.longdouble) * np.longdouble("1e300"))
            wide = wide * 1e300
        case "v3.npy":
            with path.open("wb") as file:
                np.lib.format.write_array(file, wide, version=(3, 0))
        case "coo.pt":
            torch.save(torch.tensor(wide).to_sparse(), path)
        case _:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sparse tensors being a prototype
                sparse = torch.tensor(wide).to_sparse_csr()
            torch.save(sparse, path)
    loaded = load_activations(path)
    assert loaded.dtype == np.float64
    np.testing.assert_allclose(loaded, wide, rtol=1e-15)


def test_one_file_in_working_precision_is_mapped_and_not_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", x=X)
    save_file({"x": torch.from_numpy(X.copy())}, tmp_path / "a.safetensors")
    for suffix in ("npy", "npz", "safetensors"):
        loaded = load_activations(tmp_path / f"a.{suffix}")
        while loaded.base is not None and not isinstance(loaded, np.memmap):
            loaded = loaded.base
        assert isinstance(loaded, np.memmap)


@pytest.mark.parametrize("n_shards", [1, 7])
def test_random_batches_hold_every_row_once(
    tmp_path: Path, n_shards: int, monkeypatch: Any
) -> None:
    rows = np.arange(3000, dtype=np.float32)[:, None].repeat(2, axis=1)
    for number, part in enumerate(np.array_split(rows, n_shards)):
        np.save(tmp_path / f"{number}.npy", part)
    monkeypatch.setattr("unfold.io.batches.POOL_BYTES", 500 * 8)
    opened = open_activations(tmp_path)
    batches = list(opened.batches(100, seed=3))
    assert [len(batch) for batch in batches] == [100] * 30
    drawn = np.concatenate(batches)[:, 0]
    np.testing.assert_array_equal(np.sort(drawn), rows[:, 0])
    again = np.concatenate(list(opened.batches(100, seed=3)))[:, 0]
    np.testing.assert_array_equal(drawn, again)
    assert (drawn != np.concatenate(list(opened.batches(100, seed=4)))[:, 0]).mean() > 0.9
    # Batches are of the whole store: their means scatter as those of 100 draws would.
    means = np.array([batch[:, 0].mean() for batch in batches])
    assert np.abs(means - 1499.5).max() < 5 * 3000 / np.sqrt(12 * 100)


def test_estimators_take_a_store_as_they_take_an_array(tmp_path: Path) -> None:
    from unfold import get_method

    _npy_shards(tmp_path)
    opened = open_activations(tmp_path)
    from_store = get_method("pca")(n_components=3).fit(opened)
    from_array = get_method("pca")(n_components=3).fit(X)
    np.testing.assert_array_equal(from_store.components_, from_array.components_)
    np.testing.assert_array_equal(from_store.transform(opened), from_array.transform(X))


def test_rows_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    _npy_shards(tmp_path)
    opened = open_activations(tmp_path)
    for rows in (30, [-31], np.ones(5, bool), "a", (0, 0, 0)):
        with pytest.raises(IndexError):
            opened[rows]
    for size in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="positive number of rows"):
            opened.batches(size)  # type: ignore[arg-type]


def test_a_folder_that_is_no_store_is_told_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds none"):
        open_activations(tmp_path)
    np.save(tmp_path / "a.npy", X)
    torch.save(torch.ones(3, 4), tmp_path / "a.pt")
    with pytest.raises(FileError, match=r"holds 'a.npy', 'a.pt'"):
        open_activations(tmp_path)
    (tmp_path / "a.pt").unlink()
    np.save(tmp_path / "b.npy", X[:, :3])
    with pytest.raises(FileError, match=r"rows of \[3, 4\] numbers"):
        open_activations(tmp_path)


@pytest.mark.slow
def test_four_gigabytes_are_read_with_300_megabytes_to_spare(tmp_path: Path) -> None:
    import subprocess
    import sys

    n, d = 1 << 20, 1024
    for number in range(2):
        stored = np.lib.format.open_memmap(
            tmp_path / f"{number}.npy", "w+", np.float16, (n, d)
        )  # sparse: takes no disk
        stored[::4096, 0] = number + 1
        del stored
    script = f"""
import resource
import unfold
X = unfold.open_activations({str(tmp_path)!r})
in_use = [line for line in open("/proc/self/status") if line.startswith("VmData")]
limit = int(in_use[0].split()[1]) * 1024 + 300 * 10**6
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
total = sum(float(batch[:, 0].sum()) for batch in X.batches(4096, seed=0))
assert X.shape == ({2 * n}, {d}) and total == 3 * {n} / 4096, total
try:
    X[:]
except MemoryError:
    print("bounded")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "bounded", done.stderr
