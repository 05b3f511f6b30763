"""Texts beside activations: which words the rows are of, and what the texts are labelled."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unfold.io.checks import FileError, existing


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts in pieces, and where the rows of activations stand in them.

    Attributes
    ----------
    pieces : list of list of str
        Of each text, as read: joined they are the text.
    text_of_row : ndarray of shape (n,) of int
    place_of_row : ndarray of shape (n,) of int
        Which piece of its text a row is of.
    labels : dict of str to ndarray of shape (n_texts,) of bool
        Which texts a label, as in "topic: sport", is true of.
    """

    pieces: list[list[str]]
    text_of_row: np.ndarray
    place_of_row: np.ndarray
    labels: Mapping[str, np.ndarray]

    def rows_of(self, text: int) -> np.ndarray:
        """Return the rows of a text, (n,) of int.

        Raises
        ------
        ValueError
            If there is no such text.
        """
        if not 0 <= text < len(self.pieces):
            raise ValueError(f"There are {len(self.pieces)} texts, from 0: there is no {text}.")
        return np.flatnonzero(self.text_of_row == text)


def read_examples(path: str | Path, n_rows: int) -> Texts:
    """Read texts from a file with one JSON object a line, in the order of the activations.

    ``{"text": "..."}`` is one row; ``{"tokens": ["The", " cat"]}`` a row each; with
    ``"rows": [1]`` only those tokens have one. ``"label": "sport"`` or
    ``"labels": {"topic": "sport"}`` say what a text is.

    Parameters
    ----------
    path : str or Path
    n_rows : int
        Rows of the activations.

    Returns
    -------
    Texts

    Raises
    ------
    FileError
        If a line is no such object, or the texts do not have ``n_rows`` rows.
    """
    lines = existing(Path(path)).read_text(encoding="utf-8").splitlines()
    pieces, places, labels = [], [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = _entry(json.loads(line))
        except (ValueError, TypeError) as error:
            raise FileError(
                f"{Path(path).name!r}, line {number}: {error}; expected an object with 'text', or "
                f"'tokens' and perhaps 'rows', and perhaps 'labels'."
            ) from error
        pieces.append(entry[0])
        places.append(entry[1])
        labels.append(entry[2])
    counts = np.array([len(rows) for rows in places], int)
    if counts.sum() != n_rows:
        raise FileError(
            f"{Path(path).name!r} has {len(pieces)} texts of {counts.sum()} rows, the activations "
            f"{n_rows}: give every row its text, in order, or name those that have one in 'rows'."
        )
    text_of_row = np.repeat(np.arange(len(pieces)), counts)
    return Texts(pieces, text_of_row, np.concatenate(places), _labels(labels))


def no_texts(rows: np.ndarray) -> Texts:
    """Return examples that say of each row its number in the file, and no more."""
    here = np.arange(len(rows))
    return Texts([[f"row {row}"] for row in rows], here, np.zeros_like(here), {})


def _entry(found: Any) -> tuple[list[str], np.ndarray, dict[str, str]]:
    if not isinstance(found, dict):
        raise ValueError(f"got {type(found).__name__}")
    if "tokens" in found:
        tokens = [str(token) for token in found["tokens"]]
        rows = np.array(found.get("rows", range(len(tokens))), int).reshape(-1)
        if len(rows) and not set(rows.tolist()) <= set(range(len(tokens))):
            raise ValueError(f"'rows' names a token that is not among the {len(tokens)}")
    elif "text" in found:
        tokens, rows = [str(found["text"])], np.zeros(1, int)
    else:
        raise ValueError(f"got {', '.join(sorted(found)) or 'nothing'}")
    labels = dict(found.get("labels", {}))
    if "label" in found:
        labels["label"] = found["label"]
    return tokens, rows, {str(name): str(value) for name, value in labels.items()}


def _labels(given: Sequence[Mapping[str, str]]) -> dict[str, np.ndarray]:
    """Return which texts have each value of each label."""
    values: dict[str, set[str]] = {}
    for labels in given:
        for name, value in labels.items():
            values.setdefault(name, set()).add(value)
    return {
        f"{name}: {value}": np.array([labels.get(name) == value for labels in given])
        for name, several in values.items()
        for value in sorted(several)
    }
