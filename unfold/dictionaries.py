"""Dictionaries in and out: files of others as fitted estimators, fitted estimators as files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np


def load_dictionary(path: str | Path, format: str = "auto", *, key: str | None = None) -> Any:
    """Return the dictionary in a file or folder as a fitted estimator, with its own encoder.

    Parameters
    ----------
    path : str or Path
        What SAELens (5, 6), dictionary_learning, sparsify, Gemma Scope (1, 2), OpenAI,
        overcomplete, Llama Scope, Goodfire or `save_dictionary` wrote; or a matrix of directions
        (k, d) in ``.npy``, ``.npz``, ``.safetensors`` or ``.pt``.
    format : str
        "auto" tells the format from what is there; a name makes anything else an error.
    key : str, optional
        Name of a matrix of directions in the file, to be taken without an encoder.

    Returns
    -------
    FixedDictionary
        ``transform`` gives the codes of the file's own encoder, ``dictionary_`` the atoms at the
        lengths they go with, ``components_`` the same at unit length, ``reconstruct`` encodes and
        decodes, ``source_`` names the format. Directions alone get L1 codes, as for data of unit
        norm.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    FileError
        If what is there is damaged, of no known format, or maps one layer to another.
    """
    from unfold.methods.baselines.fixed_dictionary import FixedDictionary

    return FixedDictionary(str(path), key=key, format=format).load()


def save_dictionary(
    estimator: Any,
    path: str | Path,
    format: str = "unfold",
    *,
    facts: dict[str, Any] | None = None,
    amortise: Any = None,
) -> list[Path]:
    """Write the dictionary of a fitted estimator.

    Parameters
    ----------
    estimator : object
        Any method of ours, or anything that `dictionary_of` understands.
    path : str or Path
        A file for "unfold" (``.safetensors``) and "npz"; a folder for "saelens" and
        "huggingface".
    format : str
        "unfold" keeps all there is, bit by bit. "npz" has the directions and the offset. "saelens"
        is what ``sae_lens.SAE.load_from_disk`` reads: with the same codes where the encoder is
        linear or a matching pursuit, and with a matching pursuit over our directions where codes
        are the solution of a problem. "huggingface" is "unfold" with a card.
    facts : dict, optional
        What to note of the origin, in JSON: the model, the layer, scores.
    amortise : array-like of shape (n_samples, d), optional
        Activations to fit a linear encoder on that imitates the estimator's codes, as a JumpReLU
        autoencoder; the variance explained with it and without is among the facts.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ValueError
        If there is no format of that name, or it has no place for the encoder.
    AttributeError
        If the estimator has no dictionary.
    """
    from unfold.io.formats.dictionary import checked
    from unfold.io.save import write_dictionary

    found = checked(exported(estimator))
    if amortise is not None:
        from unfold.arrays import check_activations, to_numpy
        from unfold.unfolding.amortised import amortised

        X = np.asarray(to_numpy(check_activations(amortise)), np.float64)
        codes = estimator.transform(amortise)
        codes = codes.toarray() if hasattr(codes, "toarray") else np.asarray(codes)
        found = checked(amortised(found, X, np.asarray(codes, np.float64)))
    return write_dictionary(replace(found, facts={**found.facts, **(facts or {})}), path, format)


def exported(estimator: Any) -> Any:
    """Return the dictionary of a fitted estimator, as files hold it.

    Parameters
    ----------
    estimator : object

    Returns
    -------
    unfold.io.formats.dictionary.Dictionary
    """
    from unfold.arrays import atoms_of, to_numpy
    from unfold.io.formats.dictionary import Dictionary
    from unfold.methods.base import Recovery

    atoms = np.asarray(to_numpy(atoms_of(estimator)))
    if isinstance(estimator, Recovery):
        return estimator._exported()
    mean = getattr(estimator, "mean_", None)
    offset = np.zeros(atoms.shape[1], atoms.dtype) if mean is None else np.asarray(to_numpy(mean))
    return Dictionary(atoms, offset, None, "unfold")
