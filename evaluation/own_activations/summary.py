"""What is written down of a fit: numbers, evidence, files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.own_activations.chance import Chance
from evaluation.own_activations.measure import (
    Measured,
    atoms_of_estimator,
    largest_cosine,
)


def summarise(
    estimator: Any,
    measured: Measured,
    fresh: Measured | None,
    chance: Chance | None,
    caught: Sequence[Any],
) -> dict[str, Any]:
    """Return what a fit found and knows, as plain JSON.

    Parameters
    ----------
    estimator : object
        Fitted.
    measured : Measured
        The samples it was fitted to.
    fresh : Measured or None
        Samples it has not seen.
    chance : Chance or None
    caught : sequence of warnings.WarningMessage

    Returns
    -------
    dict
    """
    dictionary = atoms_of_estimator(estimator)
    quantiles = {f"{q}%": float(np.quantile(measured.residuals, q / 100)) for q in (50, 90, 99)}
    return {
        "n_features": len(dictionary),
        **measured.plain(),
        "never_active": int((measured.usage == 0).sum()),
        "relative_residual": quantiles,
        "largest_cosine": largest_cosine(dictionary),
        "noise": (measured if fresh is None else fresh).noise,
        "held_out": None if fresh is None else fresh.plain(),
        "chance": None if chance is None else chance.plain(),
        **_known(estimator),
        "warnings": list(dict.fromkeys(map(_in_words, caught))),
    }


def _known(estimator: Any) -> dict[str, Any]:
    """Return what the estimator says of itself, where it does."""
    status = getattr(estimator, "status_", None)
    confidence = getattr(estimator, "confidence_", None)
    known = {
        "status": None if status is None else getattr(status, "name", str(status)),
        "status_sentence": getattr(status, "sentence", None),
        "road": getattr(estimator, "road_", None),
        "positive": getattr(estimator, "positive_", None),
        "evidence": getattr(estimator, "evidence_", None),
        "confidence": None if confidence is None else np.round(confidence, 4).tolist(),
    }
    return {name: _plain(value) for name, value in known.items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _in_words(item: Any) -> str:
    """Return a warning in words: NumPy's own say what happened, not what it means."""
    if issubclass(item.category, RuntimeWarning):
        return (
            f"Arithmetic of the method left the range of numbers on the way ({item.message}): "
            f"what was found is finite, trust it as far as the held-out score goes."
        )
    return str(item.message)


def write(out: Path, estimator: Any, measured: Measured, summary: Mapping[str, Any]) -> list[Path]:
    """Write dictionary, summary and page into a folder, each whole or not at all.

    Returns
    -------
    list of Path
    """
    from evaluation.own_activations.fit_page import render
    from evaluation.running.store import write_atomically
    from unfold.dictionaries import exported
    from unfold.io.formats.dictionary import checked
    from unfold.io.save import packed

    page = render(summary, measured.usage, measured.residuals)
    found = checked(exported(estimator))
    found = replace(found, facts={**found.facts, **summary})
    out.mkdir(parents=True, exist_ok=True)
    path = out / "dictionary.safetensors"
    write_atomically(path, packed(found, {"usage": measured.usage.astype(np.float32)}))
    write_atomically(out / "summary.html", page.encode())
    return [path, write_summary(out, summary), out / "summary.html"]


def write_summary(out: Path, summary: Mapping[str, Any]) -> Path:
    """Write ``summary.json`` alone."""
    from evaluation.running.store import write_atomically

    path = out / "summary.json"
    write_atomically(path, (json.dumps(summary, indent=1) + "\n").encode())
    return path


def load_codes(path: str | Path) -> Any:
    """Return the codes that ``unfold fit --codes`` wrote.

    Parameters
    ----------
    path : str or Path
        The folder of a fit, or its ``codes.safetensors``.

    Returns
    -------
    csr_array of shape (n_samples, k)

    Raises
    ------
    FileError
        If there are none, or the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file
    from scipy.sparse import csr_array

    from unfold.io.checks import FileError

    path = Path(path) / "codes.safetensors" if Path(path).is_dir() else Path(path)
    if not path.is_file():
        raise FileError(f"No codes in {str(path)!r}: `unfold fit --codes` writes them.")
    try:
        arrays = load_file(path)
        if "codes" in arrays:
            return csr_array(arrays["codes"])
        parts = (arrays[f"codes.{name}"] for name in ("data", "indices", "indptr"))
        codes = csr_array(tuple(parts), shape=tuple(arrays["codes.shape"].tolist()))
        codes.check_format(full_check=True)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileError(f"{str(path)!r} holds no codes of a fit: {error}.") from error
    return codes
