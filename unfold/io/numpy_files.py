"""Files that NumPy writes: ``.npy``, and ``.npz``, whose uncompressed members are mapped."""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from unfold.io.checks import FileError, refuse_what_exceeds_memory
from unfold.io.shard import Shard

#: Where the lengths of a member's name and extra field stand in its local header, and its size.
_NAME_AT, _HEADER = 26, 30


def read_npy(path: Path) -> dict[str, Shard]:
    """Return the array of a file, mapped.

    Raises
    ------
    FileError
        If it holds Python objects.
    """
    with path.open("rb") as file:
        shape, _, dtype = _header(file)
        _refuse_objects(dtype, repr(path.name))
        if math.prod(shape) == 0:
            return {"": Shard(np.zeros(shape, dtype), repr(path.name))}
    return {"": Shard(np.load(path, mmap_mode="r", allow_pickle=False), repr(path.name))}


def read_npz(path: Path) -> dict[str, Shard]:
    """Return the arrays of a file, mapped where they are not compressed.

    Raises
    ------
    FileError
        If one holds Python objects, does not fit into memory, or does not match its header.
    """
    with zipfile.ZipFile(path) as archive:
        return {
            member.filename.removesuffix(".npy"): _member(path, archive, member)
            for member in archive.infolist()
        }


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Shard:
    what = f"{path.name!r}[{member.filename.removesuffix('.npy')!r}]"
    with archive.open(member) as stream:
        shape, fortran, dtype = _header(stream)
        begin = stream.tell()
    _refuse_objects(dtype, what)
    size = math.prod(shape) * dtype.itemsize
    if size != member.file_size - begin:
        raise FileError(
            f"{what} is damaged: shape {shape} of {dtype} takes {size} bytes, and it has "
            f"{member.file_size - begin}."
        )
    order: Any = "F" if fortran else "C"
    if member.compress_type == zipfile.ZIP_STORED and size:
        with path.open("rb") as file:
            file.seek(member.header_offset + _NAME_AT)
            name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
        start = member.header_offset + _HEADER + name + extra + begin
        return Shard(np.memmap(path, dtype, "r", start, tuple(shape), order), what)
    refuse_what_exceeds_memory(size, what, "save it with np.savez, which is read in parts")
    with archive.open(member) as stream:
        data = stream.read()[begin:]
    return Shard(np.frombuffer(data, dtype).reshape(shape, order=order), what)


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version[0] == 1:
        return np.lib.format.read_array_header_1_0(stream)
    # Format 3.0 is 2.0 with names in UTF-8, which arrays of numbers do not have.
    return np.lib.format.read_array_header_2_0(stream)


def _refuse_objects(dtype: np.dtype, what: str) -> None:
    if dtype.hasobject:
        raise FileError(
            f"{what} holds Python objects, not numbers, and loading it could run code; save a "
            f"numeric array, as `np.save(path, np.stack(rows).astype('float32'))`."
        )
