"""Gemma Scope 1 (``params.npz``) and 2 (``params.safetensors``): JumpReLU, no offset before."""

import numpy as np

from unfold.io.checks import FileError
from unfold.io.formats.contents import Contents
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import JumpRelu, Linear

NAME = "gemma_scope"
_NAMES = {"w_enc", "w_dec", "b_enc", "b_dec", "threshold"}


def matches(found: Contents) -> bool:
    """Tell whether the five arrays are there, in either case of letters, and no other library's."""
    lower = {name.lower() for name in found.arrays}
    foreign = {"trainer", "d_sae"} & set(found.config)
    return lower >= _NAMES and not foreign and "group_sizes" not in lower


def read(found: Contents) -> Dictionary:
    """Return the dictionary.

    Raises
    ------
    FileError
        If it is a transcoder.
    """
    by_lower = {name.lower(): name for name in found.arrays}
    weights, atoms, bias, offset, threshold = (
        found.array(by_lower[name]) for name in ("w_enc", "w_dec", "b_enc", "b_dec", "threshold")
    )
    if atoms.ndim != 2 or "affine_skip_connection" in by_lower or weights.shape != atoms.T.shape:
        raise FileError(f"{found.path.name!r} is a transcoder: {found.described()}.")
    encoder = Linear(weights, bias, np.zeros_like(offset), JumpRelu(threshold))
    return Dictionary(atoms, offset, encoder, NAME)
