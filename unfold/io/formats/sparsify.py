"""sparsify: ``cfg.json`` and ``sae.safetensors`` of a hook point."""

import numpy as np

from unfold.io.checks import FileError
from unfold.io.formats.contents import Contents
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import Activation, GroupMax, Linear, TopK

NAME = "sparsify"


def matches(found: Contents) -> bool:
    """Tell whether the encoder is torch's, the decoder a matrix of atoms, and k configured."""
    return found.has("encoder.weight", "W_dec") and "k" in found.config


def read(found: Contents) -> Dictionary:
    """Return the dictionary.

    Raises
    ------
    FileError
        If it is a transcoder, or of an activation that is not read.
    """
    config = found.config
    if config.get("transcode") or config.get("skip_connection") or found.has("W_skip"):
        raise FileError(f"{found.path.name!r} is a transcoder: it maps one layer to another.")
    kind = config.get("activation", "topk")
    if config.get("signed") or kind not in ("topk", "groupmax"):
        raise FileError(
            f"{found.path.name!r} has the activation {'signed' if config.get('signed') else kind!r}"
            f", expected 'topk' or 'groupmax', not signed."
        )
    k = int(found.number("k", config))
    atoms, offset = found.array("W_dec"), found.array("b_dec")
    activation: Activation = TopK(k)
    if kind == "groupmax":
        if k < 1 or len(atoms) % k:
            raise FileError(f"{found.path.name!r}: {len(atoms)} latents are not {k} equal groups.")
        activation = GroupMax(k)
    weights = np.ascontiguousarray(found.array("encoder.weight").T)
    encoder = Linear(weights, found.array("encoder.bias"), offset, activation)
    return Dictionary(atoms, offset, encoder, NAME, "none", {"k": k, "activation": kind})
