"""Folders of activations, told apart by their lists: ours, Arrow, saev, or shards of one kind."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from unfold.io.checks import FileError, inside, listed, one_line, read_json
from unfold.io.files import SUFFIXES, read_array
from unfold.io.shard import Shard
from unfold.io.tables import read_arrow_stream

#: The list of a store of our own, and the version of its layout.
LIST, FORMAT, VERSION = "activations.json", "unfold-activations", 1
#: The only type of number that saev writes.
_SAEV_DTYPE = "<f4"


def read_folder(folder: Path, key: str | None = None) -> list[Shard]:
    """Return the shards of a folder of activations, in order.

    Parameters
    ----------
    folder : Path
    key : str, optional
        Which array or column, where each shard holds several; of saev, the layer.

    Raises
    ------
    FileError
        If a list and the files beside it disagree, or there are no shards.
    """
    names = {path.name for path in folder.iterdir()}
    if LIST in names:
        return _own(folder)
    if {"state.json", "dataset_info.json"} <= names:
        return _arrow(folder, key)
    if {"metadata.json", "shards.json"} <= names:
        return _saev(folder, key)
    files = sorted((p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES), key=_natural)
    kinds = {path.suffix.lower() for path in files}
    if len(kinds) != 1:
        raise FileError(
            f"{folder.name!r} holds {listed(sorted(names))}: expected {LIST}, an Arrow data set, "
            f"saev's shards, or files that all end in one of {', '.join(SUFFIXES)}."
        )
    return [read_array(path, key) for path in files]


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key that puts shard 9 before shard 10."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", path.name)]


def _own(folder: Path) -> list[Shard]:
    facts = read_json(folder / LIST)
    if facts.get("format") != FORMAT or facts.get("version") != VERSION:
        raise FileError(
            f"{folder.name!r} is of format {facts.get('format')!r}, version "
            f"{facts.get('version')!r}; this program reads {FORMAT!r}, version {VERSION}."
        )
    shards = []
    for entry in _entries(facts, "shards", folder):
        path = inside(folder, entry.get("file"))
        shard = read_array(path)
        if shard.raw.shape != (entry.get("rows"), facts.get("d")):
            raise FileError(
                f"{path.name!r} has shape {shard.raw.shape}, its list says "
                f"({entry.get('rows')}, {facts.get('d')})."
            )
        tokens = None
        if entry.get("tokens"):
            tokens = read_array(inside(folder, entry["tokens"])).raw
            if tokens.shape != shard.raw.shape[:1]:
                raise FileError(f"{entry['tokens']!r} has {len(tokens)} tokens, not one a row.")
        bfloat16 = facts.get("dtype") == "bfloat16"
        if bfloat16 and shard.raw.dtype != np.uint16:
            raise FileError(f"{path.name!r} holds {shard.raw.dtype}, its list says bfloat16.")
        shards.append(Shard(shard.raw, shard.name, bfloat16, tokens))
    return shards


def _entries(facts: dict[str, Any], name: str, folder: Path) -> list[dict[str, Any]]:
    entries = facts.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FileError(f"{folder.name!r}: {name} of its list is no list of files.")
    return entries


def _arrow(folder: Path, key: str | None) -> list[Shard]:
    files = _entries(read_json(folder / "state.json"), "_data_files", folder)
    shards = []
    for entry in files:
        path = inside(folder, entry.get("filename"))
        try:
            shards.append(read_arrow_stream(path, key))
        except FileError:
            raise
        except Exception as error:  # pyarrow raises what it likes
            raise FileError(f"{path.name!r} is damaged ({one_line(error)}).") from error
    return shards


def _saev(folder: Path, key: str | None) -> list[Shard]:
    """Return one layer of saev's shards: (example, layer, token, d), C order, float32."""
    import json

    facts = read_json(folder / "metadata.json")
    try:
        entries = json.loads((folder / "shards.json").read_text(encoding="utf-8"))
        layers = [str(layer) for layer in facts["layers"]]
        tokens = int(facts["patches_per_ex"]) + bool(facts["cls_token"])
        d = int(facts["d_model"])
        named = [(inside(folder, entry["name"]), int(entry["n_examples"])) for entry in entries]
    except FileError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise FileError(f"{folder.name!r} is no saev store ({one_line(error)}).") from error
    if facts.get("dtype") != "float32" or min(tokens, d, *(n for _, n in named), 1) < 1:
        raise FileError(f"{folder.name!r}: saev's metadata give no shape of float32 numbers.")
    if key is None and len(layers) != 1:
        raise FileError(f"{folder.name!r} holds layers {listed(layers)}: name one as key.")
    if key is not None and key not in layers:
        raise FileError(f"{folder.name!r} has no layer {key!r}: it has {listed(layers)}.")
    layer = 0 if key is None else layers.index(key)
    shards = []
    for path, examples in named:
        shape = (examples, len(layers), tokens, d)
        if path.stat().st_size != 4 * int(np.prod([float(n) for n in shape])):
            raise FileError(f"{path.name!r} has {path.stat().st_size} bytes, not those of {shape}.")
        whole = np.memmap(path, _SAEV_DTYPE, "r", shape=shape)
        shards.append(Shard(whole[:, layer], repr(path.name)))
    return shards
