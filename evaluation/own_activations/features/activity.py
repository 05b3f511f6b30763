"""What each feature does: when it fires, how strongly, on what texts, and what that tells."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from evaluation.own_activations.features.examples import Texts

#: Texts shown of a feature, the strongest; a dozen is what one reads of each.
TOP_TEXTS = 12
#: Pieces shown on either side of the strongest: two lines on a screen.
AROUND = 14
NEAREST = 6
BARS = 24
#: Probability, over all features and labels together, that one is said to be told by chance.
FALSE_ALARM = 0.05
#: Features whose cosines with all others are held at once.
BLOCK = 512


@dataclass(frozen=True, eq=False)
class Activity:
    """Codes of samples, by feature.

    Attributes
    ----------
    D : ndarray of shape (k, d)
        Unit rows.
    codes : csc_array of shape (n, k)
    examples : Texts
        Of the n samples.
    confidence : ndarray of shape (k,) or None
        Where the method gives any.
    """

    D: np.ndarray
    codes: sparse.csc_array
    examples: Texts
    confidence: np.ndarray | None

    def entries(self, feature: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that a feature fires on, in order, and how strongly."""
        part = slice(self.codes.indptr[feature], self.codes.indptr[feature + 1])
        return self.codes.indices[part], self.codes.data[part]


def activity(D: np.ndarray, codes: Any, examples: Texts, confidence: Any = None) -> Activity:
    """Return codes as pages read them.

    Parameters
    ----------
    D : ndarray of shape (k, d)
        Unit rows.
    codes : sparse or ndarray of shape (n, k)
    examples : Texts
    confidence : array-like of shape (k,), optional
    """
    by_feature = sparse.csc_array(codes, dtype=np.float32)
    by_feature.eliminate_zeros()
    by_feature.sort_indices()
    known = None if confidence is None else np.asarray(confidence, float)
    return Activity(np.asarray(D, np.float32), by_feature, examples, known)


def strongest_texts(seen: Activity, feature: int, most: int = TOP_TEXTS) -> list[dict[str, Any]]:
    """Return the texts that a feature fires on most strongly, one entry a text.

    Returns
    -------
    list of dict
        ``text`` (int), ``value`` (float), ``pieces`` around the strongest (list of str),
        ``shades`` of them (percent of the feature's strongest activation, or None where a piece
        has no row), ``at`` (place of the strongest among them), ``cut`` (whether there is more
        before, and after).
    """
    rows, values = seen.entries(feature)
    if not len(rows):
        return []
    peak, shown = float(np.abs(values).max()), []
    done: set[int] = set()
    for entry in np.argsort(-np.abs(values), kind="stable"):
        text = int(seen.examples.text_of_row[rows[entry]])
        if text in done:
            continue
        done.add(text)
        place = int(seen.examples.place_of_row[rows[entry]])
        shown.append(shaded(seen, feature, text, place, peak) | {"value": short(values[entry])})
        if len(shown) == most:
            break
    return shown


def shaded(
    seen: Activity, feature: int, text: int, place: int, peak: float, around: int = AROUND
) -> dict[str, Any]:
    """Return the pieces of a text around one of them, shaded by a feature."""
    rows, values = seen.entries(feature)
    pieces = seen.examples.pieces[text]
    first, last = max(0, place - around), min(len(pieces), place + around + 1)
    begin, end = np.searchsorted(seen.examples.text_of_row, [text, text + 1])
    shades: list[int | None] = [None] * (last - first)
    own = seen.examples.place_of_row[begin:end]
    for where in own[(own >= first) & (own < last)]:
        shades[where - first] = 0
    begin, end = np.searchsorted(rows, [begin, end])
    for row, value in zip(rows[begin:end], values[begin:end], strict=True):
        where = int(seen.examples.place_of_row[row])
        if first <= where < last:
            shades[where - first] = round(100 * float(value) / peak)
    return {
        "text": text, "pieces": pieces[first:last], "shades": shades, "at": place - first,
        "cut": [first > 0, last < len(pieces)],
    }  # fmt: skip


def histogram(values: np.ndarray) -> dict[str, Any]:
    """Return counts of activations in equal bins between the weakest and the strongest."""
    if not len(values):
        return {"low": 0, "high": 0, "counts": []}
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    counts = np.histogram(values, bins=BARS, range=(low, high))[0]
    return {"low": short(low), "high": short(high), "counts": counts.tolist()}


def nearest(D: np.ndarray) -> Iterator[list[list[float]]]:
    """Yield, feature after feature, those that point most nearly the same way, with cosines."""
    few = min(NEAREST, len(D) - 1)
    for start in range(0, len(D), BLOCK):
        cosines = D[start : start + BLOCK] @ D.T
        cosines[np.arange(len(cosines)), start + np.arange(len(cosines))] = -np.inf
        best = np.argpartition(-cosines, max(few - 1, 0), axis=1)[:, :few]
        for row, places in zip(cosines, best, strict=True):
            order = places[np.argsort(-row[places], kind="stable")]
            yield [[int(i), round(float(row[i]), 3)] for i in order]


def told_labels(seen: Activity) -> list[list[list[Any]]]:
    """Return which labels each feature tells beyond chance, strongest first, with their AUC.

    A text counts by its strongest activation. A label is told where the rank test of Mann and
    Whitney, corrected for all features and labels (Bonferroni), is beyond `FALSE_ALARM`; AUC is
    the probability that a text with the label has more of the feature than one without, of these
    same texts.
    """
    from scipy.stats import norm

    k = seen.codes.shape[1]
    names = [name for name, y in seen.examples.labels.items() if 0 < y.sum() < len(y)]
    found: list[list[list[Any]]] = [[] for _ in range(k)]
    if not names:
        return found
    Y = np.stack([seen.examples.labels[name] for name in names], axis=1).astype(float)
    n, n_true = len(Y), Y.sum(axis=0)
    threshold = norm.isf(FALSE_ALARM / (k * len(names)))
    for feature in range(k):
        texts, ranks, ties = _ranks(seen, feature, n)
        above = ranks @ Y[texts] - ranks.sum() * n_true / n  # ranks of silent texts are 0
        spread = n_true * (n - n_true) / 12 * (n + 1 - ties / (n * (n - 1)))
        z = above / np.sqrt(np.maximum(spread, 1e-12))
        auc = 0.5 + above / (n_true * (n - n_true))
        beyond = np.flatnonzero(z > threshold)
        for i in beyond[np.argsort(-auc[beyond], kind="stable")]:
            found[feature].append([names[i], round(float(auc[i]), 3)])
    return found


def _ranks(seen: Activity, feature: int, n: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return where a feature fires, ranks less that of silent texts, and what ties take off."""
    from scipy.stats import rankdata

    rows, values = seen.entries(feature)
    texts, first = np.unique(seen.examples.text_of_row[rows], return_index=True)
    if not len(texts):
        return texts, np.zeros(0), float(n**3 - n)
    strongest = np.maximum.reduceat(values, first)
    silent, below = n - len(texts), (strongest < 0).sum()
    ranks = rankdata(strongest) + np.where(strongest > 0, silent, 0) - below - (silent + 1) / 2
    return texts, ranks, float(silent**3 - silent)


def short(value: float) -> float:
    """Return four digits of a number: what a page shows, and not half its size in digits."""
    return float(f"{value:.4g}")
