"""Anybody's activations with labels, as a problem without a truth."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.real.activations import TaskTexts, TextRows

#: Shares of the texts to fit on and to measure on; the others are probed.
TRAIN, MEASURED = 0.5, 0.1
#: Fewest texts of either class to train a probe, and to test it: AUC of fewer says nothing.
LEAST = 8


def own_spec(
    activations: str | Path,
    labels: str | Path,
    *,
    n_components: int | None = None,
    n_active: int = 16,
) -> dict[str, Any]:
    """Return the spec of a problem of one's own, for `evaluation.run`.

    Parameters
    ----------
    activations : str or Path
        A file or folder, as `unfold.open_activations` reads; any network, n rows.
    labels : str or Path
        ``.npy``, ``.npz`` or ``.safetensors``: "labels" (n,) or (n, n_tasks), whole numbers or
        bool; and, if there are, "texts" (n,), which text a row is of (by default each row is
        one), and "tokens" (n,), for purity (by default the first labels).
    n_components : int, optional
        Atoms to compare at; by default as many as dimensions.
    n_active : int
        Active codes a sample to compare at.

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError, FileError
        If a file is not there, or is no such array.
    ValueError
        If labels and activations do not fit, or no label can be probed.
    """
    from unfold.io.activations import open_activations

    X = open_activations(activations)
    arrays = _read_labels(Path(labels), len(X))
    size = X.shape[1] if n_components is None else n_components
    if size < 1 or n_active < 1:
        raise ValueError(f"Atoms and active codes must be 1 or more, got {size} and {n_active}.")
    spec = {
        "kind": "real", "activations": str(Path(activations).resolve()),
        "labels": str(Path(labels).resolve()), "digest": _digest(np.asarray(X), arrays),
        "n_components": size, "n_active": n_active,
        "about": f"{Path(activations).name}, {len(X)} rows; {size} atoms, {n_active} active.",
    }  # fmt: skip
    load_own(spec)  # so that what is wrong is said before anything runs
    return spec


def own_name(spec: Mapping[str, Any]) -> str:
    """Return the name of a problem of one's own."""
    return f"own-{Path(spec['activations']).stem}-k{spec['n_components']}"


def load_own(spec: Mapping[str, Any]) -> tuple[dict[str, TextRows], list[TaskTexts], str]:
    """Return what `evaluation.real.activations.load_layer` returns, of one's own files.

    Raises
    ------
    ValueError
        If the files are not those that the spec was made of, or no label can be probed.
    """
    from unfold.io.activations import open_activations

    X = np.asarray(open_activations(spec["activations"]))
    arrays = _read_labels(Path(spec["labels"]), len(X))
    if _digest(X, arrays) != spec["digest"]:
        raise ValueError(f"{spec['activations']!r} or its labels have changed since the run.")
    if not np.isfinite(X).all():
        raise ValueError(f"{spec['activations']!r} holds NaN or infinity: leave those rows out.")
    parts, tasks = share_rows(X, arrays)
    if not tasks:
        raise ValueError(
            f"No label of {spec['labels']!r} can be probed: {len(parts['probing'].starts) - 1} "
            f"texts are for probing, and of each class {LEAST} must be in either half of them."
        )
    return parts, tasks, spec["digest"]


def share_rows(
    X: np.ndarray, arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, TextRows], list[TaskTexts]]:
    """Share rows out among fitting, measuring and probing, those of a text together.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    arrays : Mapping
        "labels" (n, n_tasks), "texts" (n,) and "tokens" (n,), whole numbers.

    Returns
    -------
    parts : dict of str to TextRows
        "train", "test" and "probing".
    tasks : list of TaskTexts
        A label of more than two classes is a task for each.
    """
    order = np.argsort(arrays["texts"], kind="stable")
    texts, starts = np.unique(arrays["texts"][order], return_index=True)
    starts = np.append(starts, len(X))
    share = np.random.default_rng(0).permutation(len(texts)) / len(texts)
    chosen = {
        "train": share < TRAIN,
        "test": (share >= TRAIN) & (share < TRAIN + MEASURED),
        "probing": share >= TRAIN + MEASURED,
    }
    parts = {}
    for name, some in chosen.items():
        lengths = np.diff(starts)[some]
        rows = order[np.repeat(some, np.diff(starts))]
        begins = np.concatenate([[0], np.cumsum(lengths)])
        parts[name] = TextRows(X[rows].astype(np.float32), arrays["tokens"][rows], begins)
    first = order[starts[:-1]][chosen["probing"]]
    return parts, _tasks(arrays["labels"][first])


def _read_labels(path: Path, n: int) -> dict[str, np.ndarray]:
    from unfold.io.checks import FileError, existing
    from unfold.io.files import read_arrays

    found = {name: shard.raw for name, shard in read_arrays(existing(path))[0].items()}
    if "labels" not in found and len(found) == 1:
        found = {"labels": next(iter(found.values()))}
    if "labels" not in found:
        raise FileError(f"{path.name!r} has no array 'labels', but {', '.join(sorted(found))}.")
    labels = np.asarray(found["labels"])
    labels = labels[:, None] if labels.ndim == 1 else labels
    arrays = {
        "labels": labels,
        "texts": np.asarray(found.get("texts", np.arange(n))),
        "tokens": np.asarray(found.get("tokens", labels[:, 0] if labels.ndim == 2 else labels)),
    }
    for name, array in arrays.items():
        fits = array.ndim == (2 if name == "labels" else 1) and len(array) == n
        if not fits or array.dtype.kind not in "biu":
            raise FileError(
                f"{path.name!r}: {name} must be whole numbers, one a row of the {n} activations, "
                f"got {array.dtype} of shape {array.shape}."
            )
    return arrays


def _tasks(labels: np.ndarray) -> list[TaskTexts]:
    """Return a task for each two-class label, and one for each class of the others."""
    places = np.arange(len(labels))
    halves = places[::2], places[1::2]
    tasks = []
    for column in range(labels.shape[1]):
        classes = np.unique(labels[:, column])
        for one in classes[1:] if len(classes) == 2 else classes:
            y = labels[:, column] == one
            counts = [np.bincount(y[half].astype(int), minlength=2).min() for half in halves]
            if min(counts) >= LEAST:
                name = f"label {column} is {one}"
                tasks.append(TaskTexts(name, *halves, y[halves[0]], y[halves[1]]))
    return tasks


def _digest(X: np.ndarray, arrays: Mapping[str, np.ndarray]) -> str:
    from toy.cache import digest

    return hashlib.sha256(digest({"X": X, **arrays}).encode()).hexdigest()
