"""Llama Scope (``hyperparams.json``), and Goodfire's state dicts: encoders as torch's layers."""

import numpy as np

from unfold.io.checks import FileError
from unfold.io.formats.contents import Contents
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import Activation, JumpRelu, Linear, Relu

NAME = "llama_scope"


def matches(found: Contents) -> bool:
    """Tell whether both layers have biases, and a threshold is configured or Goodfire's names."""
    goodfire = found.has("encoder_linear.weight", "decoder_linear.weight")
    configured = "jump_relu_threshold" in found.config
    return goodfire or (configured and found.has("encoder.weight", "decoder.weight"))


def read(found: Contents) -> Dictionary:
    """Return the dictionary for activations as they are, the average norm folded in.

    Raises
    ------
    FileError
        If the average norm that samples are scaled by is missing.
    """
    if found.has("encoder_linear.weight"):
        return _dictionary(found, "encoder_linear", "decoder_linear", Relu(), 1.0)
    norms = found.config.get("dataset_average_activation_norm")
    norm = found.number("in", norms if isinstance(norms, dict) else {})
    d = found.array("decoder.weight").shape[0]
    if norm <= 0:
        raise FileError(f"{found.path.name!r} has an average norm of {norm}.")
    scale = d**0.5 / norm
    threshold = float(found.number("jump_relu_threshold", found.config)) * scale
    bias = found.array("encoder.bias")
    activation = JumpRelu(np.full(bias.shape, threshold, bias.dtype))
    return _dictionary(found, "encoder", "decoder", activation, scale)


def _dictionary(
    found: Contents, encoder: str, decoder: str, activation: Activation, scale: float
) -> Dictionary:
    atoms = np.ascontiguousarray(found.array(f"{decoder}.weight").T) / scale
    offset = found.array(f"{decoder}.bias") / scale
    weights = np.ascontiguousarray(found.array(f"{encoder}.weight").T) * scale
    linear = Linear(weights, found.array(f"{encoder}.bias"), np.zeros_like(offset), activation)
    return Dictionary(atoms.astype(weights.dtype), offset, linear, NAME)
