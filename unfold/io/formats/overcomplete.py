"""Overcomplete: a state dict of its default encoder (linear, batch norm) and its dictionary."""

import numpy as np

from unfold.io.checks import FileError
from unfold.io.formats.contents import Contents
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import Activation, JumpRelu, Linear, Relu

NAME = "overcomplete"
#: Added to the variance that batch norm divides by: torch's default.
BATCH_NORM_EPSILON = 1e-5
#: Added to the norm of atoms by the library.
NORM_EPSILON = 1e-10


def matches(found: Contents) -> bool:
    """Tell whether the dictionary has the name of the library's layer."""
    return found.has("dictionary._weights")


def read(found: Contents) -> Dictionary:
    """Return the dictionary, l2-normalised as is the default, with the encoder in evaluation mode.

    How many latents a TopK keeps is not in its state: such a file reads as the rectified encoder
    that it is without, and its ``facts`` say so.

    Raises
    ------
    FileError
        If the encoder is not the default one.
    """
    atoms = found.array("dictionary._weights")
    atoms = atoms / (np.linalg.norm(atoms, axis=1, keepdims=True) + NORM_EPSILON)
    if found.has("dictionary.multiplier"):
        atoms = atoms * np.exp(found.array("dictionary.multiplier"))
    m, d = atoms.shape
    layers = [n.removesuffix(".weight") for n, s in found.arrays.items() if s.shape == (m, d)]
    linear = [name for name in layers if name.startswith("encoder.")]
    norms = [n.removesuffix(".running_mean") for n in found.arrays if n.endswith(".running_mean")]
    deep = [n for n, s in found.arrays.items() if n.startswith("encoder.") and len(s.shape) > 1]
    if len(linear) != 1 or len(norms) > 1 or len(deep) != 1:
        raise FileError(f"{found.path.name!r} has no linear encoder: {found.described()}.")
    weights = found.array(f"{linear[0]}.weight").T
    bias = found.array(f"{linear[0]}.bias") if found.has(f"{linear[0]}.bias") else np.zeros(m)
    for norm in norms:
        variance = found.array(f"{norm}.running_var") + BATCH_NORM_EPSILON
        gain = found.array(f"{norm}.weight") / np.sqrt(variance)
        bias = (bias - found.array(f"{norm}.running_mean")) * gain + found.array(f"{norm}.bias")
        weights = weights * gain
    activation: Activation = Relu()
    if found.has("thresholds"):
        # Theirs keeps a code that equals its threshold.
        threshold = np.exp(found.array("thresholds"))
        activation = JumpRelu(np.nextafter(threshold, -np.inf, dtype=threshold.dtype))
    offset = np.zeros(d, atoms.dtype)
    encoder = Linear(weights, bias.astype(weights.dtype), offset, activation)
    facts = {"top_k": "not stored in the state of the module"}
    return Dictionary(atoms, offset, encoder, NAME, "none", facts)
