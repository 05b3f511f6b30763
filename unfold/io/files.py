"""The arrays of a file, by its ending; whatever a parser stumbles over is told in one line."""

from pathlib import Path
from typing import Any

from unfold.io.checks import FileError, listed, one_line
from unfold.io.numpy_files import read_npy, read_npz
from unfold.io.safetensors_file import read_safetensors
from unfold.io.shard import Shard, checked
from unfold.io.tables import read_csv, read_parquet
from unfold.io.torch_file import read_torch

#: Endings of files that are read.
SUFFIXES = (".npy", ".npz", ".safetensors", ".pt", ".pth", ".parquet", ".csv")


def read_arrays(path: Path) -> tuple[dict[str, Shard], dict[str, Any]]:
    """Return the arrays of a file by name, and plain values that stand beside them.

    Parameters
    ----------
    path : Path
        A file that ends in one of `SUFFIXES`.

    Returns
    -------
    arrays : dict of str to Shard
        One array without a name has the name "". Mapped, where the format allows it.
    notes : dict

    Raises
    ------
    FileError
        If the file is of another kind, damaged, or holds objects rather than numbers.
    """
    plain = {".npy": read_npy, ".npz": read_npz, ".parquet": read_parquet, ".csv": read_csv}
    noted = {".safetensors": read_safetensors, ".pt": read_torch, ".pth": read_torch}
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise FileError(
            f"Cannot read {path.name!r}: expected a file that ends in {', '.join(SUFFIXES)}."
        )
    try:
        return (plain[kind](path), {}) if kind in plain else noted[kind](path)
    except FileError:
        raise
    except MemoryError as error:
        raise FileError(f"{path.name!r} does not fit into memory: {one_line(error)}") from error
    except Exception as error:  # parsers of foreign bytes raise what they like
        raise FileError(
            f"Cannot read {path.name!r}: it is damaged, cut short or no {kind} file "
            f"({one_line(error)})."
        ) from error


def read_array(path: Path, key: str | None = None) -> Shard:
    """Return one array of a file.

    Parameters
    ----------
    path : Path
    key : str, optional
        Which, where the file holds several.

    Raises
    ------
    FileError
        As `read_arrays`; or if there are several and no ``key``, or it holds no real numbers.
    """
    arrays, notes = read_arrays(path)
    if key is None and set(arrays) == {"activation", "tokens"}:
        tokens = arrays["tokens"].raw
        found = checked(arrays["activation"])
        fits = tokens.shape == found.shape[:-1]
        return Shard(found.raw, found.name, found.bfloat16, tokens if fits else None)
    if list(arrays) == [""]:
        if key is not None:
            raise FileError(f"{path.name!r} holds a single array without a name: leave out --key.")
        return checked(arrays[""])
    if key is not None and key not in arrays:
        raise FileError(f"{path.name!r} has no array {key!r}: it has {listed(arrays)}.")
    if not arrays and notes:
        raise FileError(f"{path.name!r} holds no tensor, only {listed(notes)}.")
    if key is None and len(arrays) != 1:
        shapes = ", ".join(f"{name!r} {array.shape}" for name, array in list(arrays.items())[:8])
        raise FileError(
            f"{path.name!r} holds {len(arrays)} arrays ({shapes or 'none'}): name one with --key."
        )
    return checked(arrays[key if key is not None else next(iter(arrays))])
