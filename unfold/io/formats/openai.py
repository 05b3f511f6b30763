"""OpenAI's sparse autoencoders: one ``.pt`` with the name of the activation beside the tensors."""

import numpy as np

from unfold.io.checks import FileError
from unfold.io.formats.contents import Contents
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import Activation, Linear, Relu, TopK

NAME = "openai"


def matches(found: Contents) -> bool:
    """Tell whether the two biases have the names that only this format gives them."""
    return found.has("pre_bias", "latent_bias", "encoder.weight", "decoder.weight")


def read(found: Contents) -> Dictionary:
    """Return the dictionary; top-k autoencoders normalise each sample, and undo it.

    Raises
    ------
    FileError
        If the activation is neither ReLU nor TopK.
    """
    kind = str(found.notes.get("activation", "ReLU"))
    activation: Activation
    if kind.startswith("TopK"):
        name = "activation_state_dict.k"
        k = found.array(name) if found.has(name) else found.number(name, found.notes)
        activation = TopK(int(k))
    elif kind == "ReLU":
        activation = Relu()
    else:
        raise FileError(f"{found.path.name!r} has the activation {kind!r}, not ReLU or TopK.")
    offset = found.array("pre_bias")
    weights = np.ascontiguousarray(found.array("encoder.weight").T)
    encoder = Linear(weights, found.array("latent_bias"), offset, activation)
    atoms = np.ascontiguousarray(found.array("decoder.weight").T)
    normalise = "layer_norm" if isinstance(activation, TopK) else "none"
    return Dictionary(atoms, offset, encoder, NAME, normalise, {"activation": kind})  # type: ignore[arg-type]
