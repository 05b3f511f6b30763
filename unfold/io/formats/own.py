"""Our own dictionaries, and directions alone: one matrix by a usual name."""

import json

import numpy as np

from unfold.io.checks import FileError, listed, one_line
from unfold.io.formats.contents import Contents
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import Encoder, unpack

NAME, PLAIN = "unfold", "arrays"
#: Key of our notes in a file's metadata, and the version of what they say.
NOTES, VERSION = "unfold", 1
#: Names that files of dictionaries and of autoencoders give to the directions.
USUAL = (
    "dictionary",
    "components",
    "directions",
    "W_dec",
    "w_dec",
    "decoder.weight",
    "decoder",
    "dictionary._weights",
)
#: Names of the offset that may stand beside.
_OFFSETS = ("mean", "offset", "b_dec")


def matches(found: Contents) -> bool:
    """Tell whether the file has our notes."""
    return found.has("dictionary") and NOTES in found.notes


def read(found: Contents) -> Dictionary:
    """Return the dictionary, as it was saved.

    Raises
    ------
    FileError
        If it is of another version, or its notes do not agree with its arrays.
    """
    try:
        notes = json.loads(found.notes[NOTES])
        version = notes["version"]
        if version != VERSION:
            raise FileError(
                f"{found.path.name!r} is of version {version!r}; this program reads {VERSION}."
            )
        arrays = {n: found.stored(n) for n in found.arrays if n.startswith("encoder.")}
        encoder: Encoder | None = None
        if notes["encoder"] is not None:
            encoder = unpack(arrays, notes["encoder"], "encoder.")
        atoms, offset = found.array("dictionary"), found.array("mean")
        normalise, facts = notes["normalise"], dict(notes["facts"])
    except FileError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        raise FileError(
            f"The notes of {found.path.name!r} are damaged: {one_line(error)}."
        ) from error
    return Dictionary(atoms, offset, encoder, NAME, normalise, facts)


def read_plain(found: Contents, key: str | None = None) -> Dictionary:
    """Return the one matrix of a file, or that of a usual name, as directions alone.

    Raises
    ------
    FileError
        If there is none, or several and no ``key``.
    """
    matrices = [name for name, shard in found.arrays.items() if len(shard.shape) == 2]
    if key is None:
        candidates = [name for name in USUAL if name in matrices][:1] or matrices
        if len(candidates) != 1:
            raise FileError(
                f"{found.path.name!r} holds {len(candidates)} matrices: give key, one of "
                f"{listed(sorted(matrices))}."
            )
        key = candidates[0]
    if key not in matrices:
        raise FileError(f"{found.path.name!r} has no matrix {key!r}: {found.described()}.")
    atoms = found.array(key)
    offset = np.zeros(atoms.shape[1], atoms.dtype)
    for name in _OFFSETS:
        if found.has(name) and found.arrays[name].shape == offset.shape:
            offset = found.array(name)
            break
    return Dictionary(atoms, offset, None, PLAIN)
