"""Files in safetensors format, mapped: eight bytes of length, a JSON header, then numbers."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from unfold.io.checks import FileError, one_line
from unfold.io.shard import Shard

#: Bytes of a header, by the format's definition.
LARGEST_HEADER = 100_000_000
_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}


def read_safetensors(path: Path) -> tuple[dict[str, Shard], dict[str, Any]]:
    """Return the arrays of a file, mapped, and its metadata.

    Raises
    ------
    FileError
        If the header does not agree with the size of the file, or a type is unknown.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, LARGEST_HEADER):
            raise FileError(f"{path.name!r} is cut short, or no safetensors file.")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise FileError(f"{path.name!r} is no safetensors file ({one_line(error)}).") from error
    if not isinstance(header, dict):
        raise FileError(f"{path.name!r} is no safetensors file: its header is no object.")
    notes = header.pop("__metadata__", None) or {}
    begin = 8 + length
    return {name: _mapped(path, name, entry, begin, size) for name, entry in header.items()}, notes


def _mapped(path: Path, name: str, entry: Any, begin: int, size: int) -> Shard:
    what = f"{path.name!r}[{name!r}]"
    try:
        kind, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
        sound = all(type(n) is int and n >= 0 for n in (*shape, start, stop))
    except (TypeError, KeyError, ValueError) as error:
        raise FileError(f"{what} is damaged: its entry reads {str(entry)[:80]!r}.") from error
    if kind not in _TYPES:
        raise FileError(f"{what} is of type {kind!r}, expected one of {', '.join(_TYPES)}.")
    dtype = np.dtype(_TYPES[kind])
    if not sound or math.prod(shape) * dtype.itemsize != stop - start or begin + stop > size:
        raise FileError(
            f"{what} is damaged or cut short: shape {shape} of {kind} at bytes {start} to {stop} "
            f"of {size - begin}."
        )
    if stop == start:
        raw = np.zeros(shape, dtype)
    else:
        raw = np.memmap(path, dtype, "r", begin + start, tuple(shape) or (1,))
    return Shard(raw.reshape(shape), what, kind == "BF16")
