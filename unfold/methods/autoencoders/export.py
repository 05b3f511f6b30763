"""Trained autoencoders as dictionaries of files: the same encoder, in the words that files have."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import (
    Activation,
    Gated,
    JumpRelu,
    Linear,
    MatchingPursuit,
    Relu,
    TopK,
)

if TYPE_CHECKING:
    from unfold.methods.autoencoders.architectures import Architecture


def exported(architecture: "Architecture", params: Mapping[str, np.ndarray]) -> Dictionary:
    """Return one trained model, for data as it was trained on.

    Parameters
    ----------
    architecture : Architecture
    params : dict of ndarray
        Of one model: without the first axis of `architectures`.

    Returns
    -------
    Dictionary
    """
    atoms, center = params["decoder"], params["center"]
    n_active = getattr(architecture, "n_active", 0)
    facts = {"architecture": type(architecture).__name__}
    if type(architecture).__name__ == "MatchingPursuit":
        pursuit = MatchingPursuit(center, min(n_active, len(atoms)))
        return Dictionary(atoms, center, pursuit, "unfold", "none", facts)
    bias = params["bias"]
    activation: Activation
    if "log_scale" in params:
        # The gate has the bias; the magnitude one of its own.
        scale = np.exp(params["log_scale"])
        activation = Gated(bias, scale, params["magnitude_bias"])
        bias = np.zeros_like(bias)
    elif "log_threshold" in params:
        activation = JumpRelu(np.exp(params["log_threshold"]))
    elif "floor" in params:
        # Ours keeps what equals the floor, files what exceeds a threshold.
        below = np.nextafter(params["floor"], -np.inf, dtype=params["floor"].dtype)
        activation = JumpRelu(np.full(bias.shape, below, bias.dtype))
    elif n_active:
        activation = TopK(min(n_active, len(atoms)))
    else:
        activation = Relu()
    encoder = Linear(np.ascontiguousarray(params["encoder"].T), bias, center, activation)
    return Dictionary(atoms, center, encoder, "unfold", "none", facts)
