"""SAELens, version 5 and 6: ``cfg.json`` and ``sae_weights.safetensors``."""

from typing import Any

import numpy as np

from unfold.io.checks import FileError
from unfold.io.formats.contents import Contents
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import (
    Activation,
    Gated,
    JumpRelu,
    Linear,
    MatchingPursuit,
    Normalisation,
    Relu,
    TopK,
)

NAME = "saelens"
ARCHITECTURES = ("standard", "topk", "jumprelu", "gated", "matching_pursuit")
#: Normalisations done sample by sample; the others are folded into the weights or do nothing.
_AT_RUN_TIME: dict[str, Normalisation] = {
    "layer_norm": "layer_norm",
    "constant_norm_rescale": "constant_norm_rescale",
}
_FACTS = (
    "model_name",
    "hook_name",
    "hook_layer",
    "hook_head_index",
    "training_architecture",
    "context_size",
    "prepend_bos",
    "dataset_path",
    "neuronpedia_id",
    "sae_lens_version",
)


def matches(found: Contents) -> bool:
    """Tell whether a configuration names SAELens' sizes, and the decoder is theirs."""
    return found.has("W_dec") and {"d_in", "d_sae"} <= set(found.config)


def read(found: Contents) -> Dictionary:
    """Return the dictionary, with what SAELens does at run time.

    Raises
    ------
    FileError
        If it is a transcoder, of an architecture that is not read, or scaled after training.
    """
    config = _modern(found.config)
    architecture = config["architecture"]
    if architecture not in ARCHITECTURES:
        why = "it maps one layer to another" if "transcoder" in architecture else "not read"
        raise FileError(
            f"{found.path.name!r} is a SAELens {architecture!r}: {why}; expected one of "
            f"{', '.join(ARCHITECTURES)}."
        )
    if found.has("scaling_factor") and not np.allclose(found.array("scaling_factor"), 1):
        raise FileError(f"{found.path.name!r} is scaled after training, which SAELens 6 drops.")
    atoms, offset = found.array("W_dec"), found.array("b_dec")
    subtracts = bool(config.get("apply_b_dec_to_input", True))
    centre = offset if subtracts else np.zeros_like(offset)
    normalise = _AT_RUN_TIME.get(config.get("normalize_activations") or "none", "none")
    facts = {name: config[name] for name in _FACTS if _plain(config.get(name))}
    facts |= {"architecture": architecture}
    if architecture == "matching_pursuit":
        steps = config.get("max_iterations") or atoms.shape[-1]
        pursuit = MatchingPursuit(
            centre,
            int(found.number("max_iterations", {"max_iterations": steps})),
            float(found.number("residual_threshold", config, 1e-2)),
            bool(config.get("stop_on_duplicate_support", True)),
        )
        # Theirs adds the offset in the end only if it was subtracted in the beginning.
        return Dictionary(atoms, centre, pursuit, NAME, normalise, facts)
    weights = found.array("W_enc")
    activation: Activation
    if architecture == "gated":
        bias = np.zeros(weights.shape[-1], weights.dtype)
        scale = np.exp(found.array("r_mag"))
        activation = Gated(found.array("b_gate"), scale, found.array("b_mag"))
    else:
        bias = found.array("b_enc")
        activation = _activation(found, config)
    if architecture == "topk" and config.get("rescale_acts_by_decoder_norm"):
        # Codes are those of unit atoms: the same as an encoder for unit atoms.
        norms = np.maximum(np.linalg.norm(atoms, axis=1), 1e-8)
        weights, bias, atoms = weights * norms, bias * norms, atoms / norms[:, None]
    encoder = Linear(weights, bias, centre, activation)
    return Dictionary(atoms, offset, encoder, NAME, normalise, facts)


def _activation(found: Contents, config: dict[str, Any]) -> Activation:
    if config["architecture"] == "topk":
        return TopK(int(found.number("k", config)))
    if config["architecture"] == "jumprelu":
        if found.has("log_threshold"):
            return JumpRelu(np.exp(found.array("log_threshold")))
        return JumpRelu(found.array("threshold"))
    kind = config.get("activation_fn", "relu")
    if kind != "relu":
        raise FileError(f"{found.path.name!r} has the activation {kind!r}, expected 'relu'.")
    return Relu()


def _modern(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration as version 6 has it, metadata and all in one."""
    metadata = config.get("metadata")
    new = (metadata if isinstance(metadata, dict) else {}) | config
    new["activation_fn"] = new.get("activation_fn") or new.get("activation_fn_str") or "relu"
    if "hook_point" in new:
        new.setdefault("hook_name", new["hook_point"])
    kwargs = new.get("activation_fn_kwargs")
    if new["activation_fn"] == "topk" and isinstance(kwargs, dict) and "k" in kwargs:
        new |= {"architecture": "topk", "k": kwargs["k"]}
    new["architecture"] = str(new.get("architecture") or "standard")
    if isinstance(new.get("normalize_activations"), bool):
        new["normalize_activations"] = "none"
    return new


def _plain(value: object) -> bool:
    return isinstance(value, (str, int, float, bool))
