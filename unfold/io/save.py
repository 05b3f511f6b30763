"""Dictionaries into files: our own, plain arrays, SAELens' folders, and folders with a card."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unfold.io.formats import own
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import (
    Activation,
    Gated,
    Identity,
    JumpRelu,
    Linear,
    MatchingPursuit,
    Relu,
    TopK,
    pack,
)
from unfold.io.formats.solved import AtMost, Solved

FORMATS = ("unfold", "npz", "saelens", "huggingface")
#: Version of SAELens whose layout is written.
SAELENS_VERSION = "6.54.12"
#: Residual norm, as a share of the mean sample's, at which SAELens' pursuit stops for our codes.
PURSUIT_TOLERANCE = 1e-2


def write_dictionary(found: Dictionary, path: str | Path, format: str = "unfold") -> list[Path]:
    """Write a dictionary, and return the files written.

    Parameters
    ----------
    found : Dictionary
    path : str or Path
        A file for "unfold" (``.safetensors``) and "npz", a folder for the others.
    format : str
        "unfold", "npz", "saelens" or "huggingface".

    Raises
    ------
    ValueError
        If there is no format of that name, or it has no place for this encoder.
    """
    path = Path(path)
    if format == "unfold":
        path = path if path.suffix == ".safetensors" else path / "dictionary.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        return [_whole(path, packed(found))]
    if format == "npz":
        path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, dictionary=found.atoms, mean=found.offset)
        return [path]
    if format not in FORMATS:
        raise ValueError(f"Unknown format {format!r}: expected one of {', '.join(FORMATS)}.")
    path.mkdir(parents=True, exist_ok=True)
    return _saelens(found, path) if format == "saelens" else _huggingface(found, path)


def packed(found: Dictionary, beside: Mapping[str, np.ndarray] | None = None) -> bytes:
    """Return a file of our own format, with further arrays beside."""
    from safetensors.numpy import save

    arrays = {"dictionary": found.atoms, "mean": found.offset, **(beside or {})}
    plain = None
    if found.encoder is not None:
        parts, plain = pack(found.encoder, "encoder.")
        arrays |= parts
    notes = {
        "version": own.VERSION,
        "encoder": plain,
        "normalise": found.normalise,
        "facts": dict(found.facts),
    }
    data = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return bytes(save(data, {own.NOTES: json.dumps(notes)}))


def _saelens(found: Dictionary, folder: Path) -> list[Path]:
    from safetensors.numpy import save

    arrays, config = _as_saelens(found)
    m, d = arrays["W_dec"].shape
    metadata = {"sae_lens_version": SAELENS_VERSION, "sae_lens_training_version": None}
    config = {
        "d_in": d,
        "d_sae": m,
        "dtype": "float32",
        "device": "cpu",
        "normalize_activations": found.normalise,
        "reshape_activations": "none",
        **config,
        "metadata": {**found.facts, **metadata, "written_by": "unfold"},
    }
    data = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    return [
        _whole(folder / "sae_weights.safetensors", bytes(save(data))),
        _whole(folder / "cfg.json", (json.dumps(config, indent=1) + "\n").encode()),
    ]


def _as_saelens(found: Dictionary) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays of an architecture of SAELens, and its part of the configuration."""
    encoder, offset = found.encoder, found.offset
    if not isinstance(encoder, Linear):
        return _as_pursuit(found)
    subtracts = np.array_equal(encoder.centre, offset)
    bias = encoder.bias
    if not subtracts and encoder.centre.any():
        bias = bias - encoder.centre @ encoder.weights
    arrays = {"W_enc": encoder.weights, "W_dec": found.atoms, "b_dec": offset}
    config: dict[str, Any] = {"apply_b_dec_to_input": subtracts}
    kind: Activation = encoder.activation
    if isinstance(kind, Gated):
        # No bias is shared there: both maps take theirs with them.
        arrays |= {
            "b_gate": kind.gate_bias + bias,
            "r_mag": np.log(kind.scale),
            "b_mag": kind.magnitude_bias + bias * kind.scale,
        }
        return arrays, config | {"architecture": "gated"}
    arrays["b_enc"] = bias
    if isinstance(kind, JumpRelu):
        arrays["threshold"] = kind.threshold
        return arrays, config | {"architecture": "jumprelu"}
    if isinstance(kind, TopK):
        return arrays, config | {
            "architecture": "topk",
            "k": kind.k,
            "rescale_acts_by_decoder_norm": False,
        }
    if isinstance(kind, Identity):
        # Codes of either sign: the opposite of each latent is one of its own.
        arrays = {
            "W_enc": np.concatenate([encoder.weights, -encoder.weights], axis=1),
            "b_enc": np.concatenate([bias, -bias]),
            "W_dec": np.concatenate([found.atoms, -found.atoms]),
            "b_dec": offset,
        }
    if isinstance(kind, (Relu, Identity)):
        return arrays, config | {"architecture": "standard"}
    raise ValueError(
        f"SAELens has no architecture for {type(kind).__name__}: save as 'unfold', or its "
        f"directions as 'npz'."
    )


def _as_pursuit(found: Dictionary) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    encoder, atoms = found.encoder, found.atoms
    config: dict[str, Any] = {"architecture": "matching_pursuit"}
    if isinstance(encoder, MatchingPursuit):
        if encoder.centre.any() and not np.array_equal(encoder.centre, found.offset):
            raise ValueError("SAELens' matching pursuit adds the offset that it subtracts.")
        config |= {
            "residual_threshold": encoder.residual_threshold,
            "max_iterations": encoder.max_iterations,
            "stop_on_duplicate_support": encoder.stop_on_duplicate_support,
            "apply_b_dec_to_input": bool(encoder.centre.any()),
        }
        return {"W_dec": atoms, "b_dec": found.offset}, config
    tolerance, steps = PURSUIT_TOLERANCE, atoms.shape[1]
    if isinstance(encoder, Solved):
        # Below what our codes leave, there is nothing to fit.
        tolerance = max(tolerance, encoder.residual(atoms.shape[1]))
        if encoder.signed:
            # Theirs has no negative codes: the opposite of each atom is a latent of its own.
            atoms = np.concatenate([atoms, -atoms])
    if isinstance(encoder, AtMost):
        steps = encoder.n_nonzero
    config |= {
        "residual_threshold": tolerance,
        "max_iterations": steps,
        "stop_on_duplicate_support": False,
        "apply_b_dec_to_input": True,
    }
    return {"W_dec": atoms, "b_dec": found.offset}, config


def _huggingface(found: Dictionary, folder: Path) -> list[Path]:
    m, d = found.atoms.shape
    encoder = "none" if found.encoder is None else type(found.encoder).__name__
    config = {"library_name": "unfold", "d": d, "n_components": m, "encoder": encoder}
    facts = "\n".join(f"- {name}: {value}" for name, value in found.facts.items())
    card = f"""---
library_name: unfold
tags:
- dictionary-learning
- sparse-autoencoder
---

# {m} feature directions in {d} dimensions

{facts or "- nothing is noted of what they were fitted on"}
- encoder: {encoder}
- read as: {found.source}

```python
import unfold

est = unfold.load_dictionary("path/to/this/folder")
codes = est.transform(X)  # X of shape (n_samples, {d})
```
"""
    return [
        _whole(folder / "dictionary.safetensors", packed(found)),
        _whole(folder / "config.json", (json.dumps(config, indent=1) + "\n").encode()),
        _whole(folder / "README.md", card.encode()),
    ]


def _whole(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
    return path
