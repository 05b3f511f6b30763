"""dictionary_learning: ``ae.pt``, a state dict, and ``config.json`` with the trainer's word."""

from typing import Any

import numpy as np

from unfold.io.checks import FileError
from unfold.io.formats.contents import Contents
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import Activation, Gated, JumpRelu, Linear, Relu, TopK

NAME = "dictionary_learning"
#: Names of the offset, by the class that writes them.
_OFFSETS = ("bias", "b_dec", "decoder_bias")


def matches(found: Contents) -> bool:
    """Tell whether a trainer is configured, or the arrays are those of one of its classes."""
    if isinstance(found.config.get("trainer"), dict):
        return True
    if found.config:
        return False
    linear = found.has("encoder.weight", "decoder.weight")
    if found.has("pre_bias") or found.has("decoder.bias"):
        return False
    return (linear and any(map(found.has, _OFFSETS))) or found.has("W_enc", "group_sizes")


def read(found: Contents) -> Dictionary:
    """Return the dictionary, with what its class does by default.

    Raises
    ------
    FileError
        If there is no offset or encoder by a name that a class of the library uses.
    """
    trainer = found.config.get("trainer")
    config: dict[str, Any] = trainer if isinstance(trainer, dict) else {}
    kind = str(config.get("dict_class") or config.get("trainer_class") or "")
    names = [name for name in _OFFSETS if found.has(name)]
    if len(names) != 1:
        raise FileError(f"{found.path.name!r} has no offset: {found.described()}.")
    offset = found.array(names[0])
    if found.has("W_enc"):
        weights, atoms, bias = (found.array(name) for name in ("W_enc", "W_dec", "b_enc"))
    else:
        weights, atoms = found.array("encoder.weight").T, found.array("decoder.weight").T
        gated = found.has("gate_bias")
        bias = np.zeros(len(atoms), atoms.dtype) if gated else found.array("encoder.bias")
    activation = _activation(found, config, kind, len(atoms))
    # JumpReLU autoencoders alone leave the offset in what they encode.
    jump = found.has("W_enc", "threshold") and found.array("threshold").ndim == 1
    centre = np.zeros_like(offset) if jump else offset
    facts = {name: config[name] for name in ("layer", "lm_name", "submodule_name", "k")
             if isinstance(config.get(name), (str, int, float))}  # fmt: skip
    facts |= {"dict_class": kind}
    return Dictionary(atoms, offset, Linear(weights, bias, centre, activation), NAME, "none", facts)


def _activation(found: Contents, config: dict[str, Any], kind: str, m: int) -> Activation:
    if found.has("gate_bias"):
        scale = np.exp(found.array("r_mag"))
        return Gated(found.array("gate_bias"), scale, found.array("mag_bias"))
    threshold = found.array("threshold") if found.has("threshold") else None
    if threshold is not None and threshold.ndim == 1:
        return JumpRelu(threshold)
    if found.has("k") or "k" in config:
        k = int(found.array("k")) if found.has("k") else int(found.number("k", config))
        by_threshold = found.has("group_sizes") or "batch" in kind.lower()
        if by_threshold or "matryoshka" in kind.lower():
            if threshold is None or threshold < 0:
                raise FileError(
                    f"{found.path.name!r} is a {kind or 'batch top-k'} autoencoder whose "
                    f"threshold was never set: without a batch there is no code of a sample."
                )
            return JumpRelu(np.full(m, threshold))
        return TopK(k)
    return Relu()
