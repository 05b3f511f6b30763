"""The page of features: one offline HTML file, its data in compressed chunks opened on demand."""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from scipy import sparse

from evaluation.own_activations.features.activity import (
    Activity,
    histogram,
    nearest,
    shaded,
    short,
    strongest_texts,
    told_labels,
)

#: Features of a chunk: 20 to 100 kB packed, which a browser unpacks in a few milliseconds.
CHUNK = 100
#: Words of the strongest texts that a search finds a feature by.
WORDS = 6


def features_page(seen: Activity, facts: Mapping[str, Any]) -> str:
    """Return a page on which every feature can be looked at.

    Parameters
    ----------
    seen : Activity
    facts : Mapping
        "title" (str), "notes" (list of str), shown on top, and "heading" (str), over examples.

    Returns
    -------
    str
    """
    every = range(seen.codes.shape[1])
    return _render(seen, every, _details(seen, every), facts)


def text_page(seen: Activity, text: int, facts: Mapping[str, Any]) -> str:
    """Return a page on which the features of one text can be looked at, in that text.

    Features are in order of how much of the text they are: of the squares of their activations.

    Parameters
    ----------
    seen : Activity
    text : int
    facts : Mapping
        As for `features_page`.

    Raises
    ------
    ValueError
        If there is no such text.
    """
    part = sparse.csr_array(seen.codes)[seen.examples.rows_of(text)]
    energy = np.asarray(part.multiply(part).sum(axis=0)).ravel()
    active = [int(i) for i in np.argsort(-energy, kind="stable") if energy[i] > 0]
    details = _details(seen, active)
    for feature, found in zip(active, details, strict=True):
        here = _in_text(seen, feature, text)
        found["texts"] = [here, *(one for one in found["texts"] if one["text"] != text)]
    return _render(seen, active, details, facts)


def _in_text(seen: Activity, feature: int, text: int) -> dict[str, Any]:
    """Return a whole text, shaded by a feature that is active in it."""
    rows, values = seen.entries(feature)
    inside = np.flatnonzero(seen.examples.text_of_row[rows] == text)
    strongest = inside[np.abs(values[inside]).argmax()]
    place = int(seen.examples.place_of_row[rows[strongest]])
    peak, whole = float(np.abs(values).max()), len(seen.examples.pieces[text])
    return shaded(seen, feature, text, place, peak, whole) | {"value": short(values[strongest])}


def _details(seen: Activity, features: Sequence[int]) -> list[dict[str, Any]]:
    labels, near = told_labels(seen), list(nearest(seen.D))
    return [
        {
            "histogram": histogram(seen.entries(i)[1]),
            "near": near[i],
            "labels": labels[i],
            "texts": strongest_texts(seen, i),
        }
        for i in features
    ]


def _index(
    seen: Activity, features: Sequence[int], details: Sequence[Mapping[str, Any]]
) -> dict[str, list[Any]]:
    """Return what the list of features shows, sorts and searches by, a column a fact."""
    entries = [seen.entries(i)[1] for i in features]
    known = seen.confidence
    return {
        "id": list(features),
        "share": [short(len(values) / seen.codes.shape[0]) for values in entries],
        "largest": [short(np.abs(values).max(initial=0)) for values in entries],
        "confidence": [None if known is None else short(known[i]) for i in features],
        "words": [_words(one["texts"]) for one in details],
        "labels": [[name for name, _ in one["labels"]] for one in details],
        "auc": [max((auc for _, auc in one["labels"]), default=0) for one in details],
    }


def _words(texts: Sequence[Mapping[str, Any]]) -> str:
    words = (one["pieces"][one["at"]].strip()[:40] for one in texts)
    return " · ".join(islice(dict.fromkeys(filter(None, words)), WORDS))


def _render(
    seen: Activity, features: Sequence[int], details: Sequence[Any], facts: Mapping[str, Any]
) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("evaluation.own_activations", "features"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip

    def asset(name: str) -> Markup:
        return Markup(environment.loader.get_source(environment, name)[0])  # type: ignore[union-attr]

    index = {
        **facts,
        "chunk": CHUNK,
        "labels": bool(seen.examples.labels),
        "features": _index(seen, features, details),
    }
    chunks = [details[start : start + CHUNK] for start in range(0, len(details), CHUNK)]
    return environment.get_template("page.html.jinja").render(
        title=facts["title"],
        style=asset("page.css"),
        script=asset("page.js"),
        index=_packed(index),
        chunks=[_packed(chunk) for chunk in chunks],
    )


def _packed(value: Any) -> str:
    """Return JSON as gzip in base64, which no parser of HTML mistakes for markup."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")
