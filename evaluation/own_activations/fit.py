"""Fit a method to one's own activations, and write down what it found."""

import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.isolation.estimates import pack_codes
from unfold.io.activations import load_activations

#: Rows encoded at once.
BLOCK = 8192
#: Tried in this order where no method is named.
DEFAULT_METHODS = ("recover", "alternating")


@dataclass(frozen=True)
class Fitted:
    """What `fit_file` did.

    Attributes
    ----------
    summary : dict
        Plain JSON, as in ``summary.json``.
    paths : list of Path
        Files written.
    """

    summary: dict[str, Any]
    paths: list[Path]


def fit_file(
    file: str | Path,
    out: str | Path,
    *,
    method: str | None = None,
    n_components: int | None = None,
    key: str | None = None,
    codes: bool = False,
    seed: int = 0,
) -> Fitted:
    """Find the feature directions in a file of activations.

    Writes ``dictionary.safetensors`` (as `unfold.save_dictionary` does; "usage" (k,) beside),
    ``summary.json``, ``summary.html`` and, if asked, ``codes.safetensors`` (dense, or the parts
    of a CSR matrix) into ``out``.

    Parameters
    ----------
    file : str or Path
        As for `unfold.io.activations.load_activations`.
    out : str or Path
    method : str, optional
        Selector of a method, as in "alternating[alpha=0.1]"; by default the best there is.
    n_components : int, optional
        By default the method finds how many features there are.
    key : str, optional
        Which array, where the file holds several.
    codes : bool
    seed : int

    Returns
    -------
    Fitted

    Raises
    ------
    FileError
        If the file does not hold usable activations.
    ValueError
        If there is no such method, or it refuses the data.
    """
    X = load_activations(file, key)
    name, estimator = _make(method, n_components, seed)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        fitted = estimator.fit(X)
    estimator = estimator if fitted is None else fitted
    seconds = time.perf_counter() - began
    dictionary = _dictionary(estimator)
    measured, parts = _encode(estimator, X, dictionary, keep=codes)
    summary: dict[str, Any] = {
        "file": Path(file).name,
        "n_samples": len(X),
        "d": X.shape[1],
        "method": name,
        "n_features": len(dictionary),
        "fit_seconds": round(seconds, 3),
        **measured["summary"],
        "largest_cosine": _largest_cosine(dictionary),
        "warnings": list(dict.fromkeys(str(item.message) for item in caught)),
    }
    paths = _write(out, estimator, measured, parts, summary)
    return Fitted(summary, paths)


def _make(method: str | None, n_components: int | None, seed: int) -> tuple[str, Any]:
    import inspect

    from evaluation.running.selectors import parse_methods
    from unfold import get_method, list_methods

    known = list_methods()
    if method is None:
        method = next((name for name in DEFAULT_METHODS if name in known), "")
        if not method:
            raise ValueError(f"No default method is installed: name one with -m, of {known}.")
    choices = parse_methods([method], known)
    if len(choices) != 1:
        raise ValueError(f"{method!r} stands for {len(choices)} methods; fit takes one.")
    kind = get_method(choices[0].path)
    params = dict(choices[0].params)
    takes = inspect.signature(kind).parameters
    if n_components is not None:
        if "n_components" not in takes:
            raise ValueError(f"{choices[0].path!r} takes no n_components.")
        params["n_components"] = n_components
    if "random_state" in takes:
        params.setdefault("random_state", seed)
    try:
        return choices[0].name, kind(**params)
    except TypeError as error:
        raise ValueError(f"{choices[0].path!r}: {error}; it takes {', '.join(takes)}.") from error


def _dictionary(estimator: Any) -> np.ndarray:
    from unfold import dictionary_of
    from unfold.arrays import to_numpy

    return np.ascontiguousarray(to_numpy(dictionary_of(estimator)), np.float32)


def _encode(
    estimator: Any, X: np.ndarray, dictionary: np.ndarray, *, keep: bool
) -> tuple[dict[str, Any], list[Any]]:
    """Encode all samples, a block at a time, and measure codes and residuals."""
    from scipy.sparse import csr_array

    mean = np.asarray(getattr(estimator, "mean_", np.zeros(X.shape[1])), np.float64)
    centre = np.asarray(X.mean(axis=0), np.float64)
    usage, residual_sum, total = np.zeros(len(dictionary)), 0.0, 0.0
    residuals, parts = [], []
    for start in range(0, len(X), BLOCK):
        block = np.asarray(X[start : start + BLOCK])
        Z = estimator.transform(block)
        Z = Z if hasattr(Z, "tocsr") else np.asarray(Z)
        rebuilt = _rebuild(estimator, Z, dictionary, mean)
        error = ((block - rebuilt) ** 2).sum(axis=1)
        spread = ((block - centre) ** 2).sum(axis=1)
        residual_sum, total = residual_sum + float(error.sum()), total + float(spread.sum())
        length = np.sqrt(((block - mean) ** 2).sum(axis=1))
        residuals.append(np.sqrt(error) / np.where(length > 0, length, 1))
        usage += np.asarray((Z != 0).sum(axis=0)).ravel()
        if keep:
            parts.append(csr_array(Z, dtype=np.float32))
    relative = np.concatenate(residuals)
    usage /= len(X)
    quantiles = {f"{q}%": float(np.quantile(relative, q / 100)) for q in (50, 90, 99)}
    summary = {
        "explained_variance": 1 - residual_sum / total if total else float("nan"),
        "mean_active": float(usage.sum()),
        "never_active": int((usage == 0).sum()),
        "relative_residual": quantiles,
    }
    return {"summary": summary, "usage": usage, "residuals": relative, "mean": mean}, parts


def _rebuild(estimator: Any, Z: Any, dictionary: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return what codes stand for, by the method's own decoder where it has one."""
    if hasattr(estimator, "inverse_transform"):
        return np.asarray(estimator.inverse_transform(Z))
    return np.asarray(Z @ dictionary + mean)


def _largest_cosine(dictionary: np.ndarray) -> float:
    """Return the largest cosine between two directions found, from at most 4000 of them."""
    some = dictionary[:4000].astype(np.float64)
    if len(some) < 2:
        return float("nan")
    gram = some @ some.T
    np.fill_diagonal(gram, -1)
    return float(gram.max())


def _write(
    out: Path,
    estimator: Any,
    measured: dict[str, Any],
    parts: list[Any],
    summary: dict[str, Any],
) -> list[Path]:
    from safetensors.numpy import save
    from scipy.sparse import vstack

    from evaluation.own_activations.fit_page import render
    from evaluation.running.store import write_atomically
    from unfold.dictionaries import exported
    from unfold.io.save import packed

    usage = {"usage": measured["usage"].astype(np.float32)}
    files = {"dictionary.safetensors": packed(exported(estimator), usage)}
    if parts:
        files["codes.safetensors"] = save(pack_codes(vstack(parts, format="csr"), "codes"))
    files["summary.json"] = (json.dumps(summary, indent=1) + "\n").encode()
    page = render(summary, measured["usage"], measured["residuals"])
    files["summary.html"] = page.encode()
    for name, data in files.items():
        write_atomically(out / name, data)
    return [out / name for name in files]
