"""Pages of features written to files, from fitted estimators and from dictionaries in files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.own_activations.features.activity import Activity, activity
from evaluation.own_activations.features.examples import Texts, no_texts, read_examples
from evaluation.own_activations.features.page import features_page, text_page
from evaluation.own_activations.measure import atoms_of_estimator, measure

#: Rows looked at where there are no texts: enough for the strongest of each feature.
ROWS = 5_000


def write_features(
    estimator: Any, X: Any, examples: Texts | None, out: Path, facts: Mapping[str, Any]
) -> Path:
    """Write ``features.html``: every feature with its strongest examples.

    Parameters
    ----------
    estimator : object
        Fitted.
    X : array-like of shape (n, d)
    examples : Texts or None
        Of the n rows; None: some rows, by their numbers.
    out : Path
        Folder.
    facts : Mapping
        "file" and "method", for the head of the page.

    Returns
    -------
    Path
    """
    from evaluation.running.store import write_atomically

    texts, rows = examples, X
    if texts is None:
        chosen = np.unique(np.linspace(0, len(X) - 1, min(len(X), ROWS)).astype(int))
        texts, rows = no_texts(chosen), np.asarray(X[chosen])
    seen = _seen(estimator, rows, texts)
    head = _head(f"{len(seen.D):,} features in {facts['file']}", facts, seen, examples is not None)
    path = out / "features.html"
    write_atomically(path, features_page(seen, head).encode())
    return path


def explain_text(
    file: str | Path,
    dictionary: str | Path,
    examples: str | Path,
    text: int,
    out: str | Path,
    *,
    key: str | None = None,
) -> Path:
    """Write a page of the features of one text, each shaded in it, beside others it fires on.

    Parameters
    ----------
    file : path
        Activations of shape (n, d).
    dictionary : path
        What ``unfold fit`` wrote, or any that `unfold.load_dictionary` reads; its own encoder
        says what is active.
    examples : path
        Texts of the n rows, as `read_examples` reads them.
    text : int
        Which, from 0.
    out : path
        Folder, for ``text-N.html``.
    key : str, optional
        Which array of the file, where it has several.

    Returns
    -------
    Path

    Raises
    ------
    FileError
        If a file cannot be read, or texts and activations do not fit.
    ValueError
        If there is no such text.
    """
    from evaluation.running.store import write_atomically
    from unfold.dictionaries import load_dictionary
    from unfold.io.activations import open_activations

    X = open_activations(file, key)
    texts = read_examples(examples, len(X))
    texts.rows_of(text)
    seen = _seen(load_dictionary(dictionary), X, texts)
    facts = {"file": Path(file).name, "method": Path(dictionary).name}
    head = _head(f"Text {text} of {Path(examples).name}", facts, seen, True)
    path = Path(out) / f"text-{text}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text_page(seen, text, head).encode())
    return path


def _seen(estimator: Any, X: Any, examples: Texts) -> Activity:
    from scipy.sparse import vstack

    codes = vstack(measure(estimator, X, keep=True).codes, format="csc")
    confidence = getattr(estimator, "confidence_", None)
    return activity(atoms_of_estimator(estimator), codes, examples, confidence)


def _head(title: str, facts: Mapping[str, Any], seen: Activity, with_texts: bool) -> dict[str, Any]:
    n, n_texts = seen.codes.shape[0], len(seen.examples.pieces)
    notes = [facts["file"], facts["method"], f"{n:,} rows"]
    notes += [f"{n_texts:,} texts"] if with_texts else []
    return {
        "title": title,
        "notes": [*notes, f"{seen.codes.nnz / n:.3g} active in a row"],
        "heading": "Strongest texts" if with_texts else "Strongest rows",
    }
