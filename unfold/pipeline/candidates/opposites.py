"""Both signs of a feature for two: directions beside their opposites, and one of each pair."""

from dataclasses import replace

import numpy as np

from unfold.pipeline.judge import Candidate

#: Share of directions that have an opposite among the others from which codes are tried signed;
#: chance gives next to none at this cosine.
MANY, OPPOSITE = 0.2, -0.95


def twofold(D: np.ndarray) -> bool:
    """Tell whether many directions have their opposite beside them: both signs of one feature."""
    return bool(((D @ D.T).min(axis=1) < OPPOSITE).mean() > MANY)


def one_of_each(candidate: Candidate) -> Candidate:
    """Return a candidate with one direction of each pair of opposites, for codes of both signs."""
    D = candidate.dictionary
    cosine = D @ D.T
    kept = np.ones(len(D), bool)
    for j in np.argsort(-candidate.confidence, kind="stable"):
        if kept[j]:
            kept &= (cosine[j] > OPPOSITE) | (np.arange(len(D)) == j)
    return replace(
        candidate,
        road=f"{candidate.road}, signed codes",
        dictionary=D[kept],
        confidence=candidate.confidence[kept],
        positive=False,
    )
