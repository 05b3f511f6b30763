"""What a road starts from and where it ends: data with a part held out, and a candidate."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from unfold.arrays import unit_rows
from unfold.methods.codes import pursue
from unfold.methods.dictionary_learning.refinement import (
    Refined,
    anneal,
    refine_noisy,
    used_enough,
)
from unfold.pipeline.split import POLISH, Split, spanned
from unfold.sparse_coding.description_length import (
    FLOOR,
    numbers_nats,
    repaired,
    shortest,
)

REFINED = " + refinement at the noise"
#: Tolerance of a fit, relative to a sample's norm, from which it is exact: rounding, no noise; and
#: from which it is noise rather than a failure.
EXACT, NOISY = 1e-3, 0.15
#: Shares of held-out samples that must be fitted so: by chance none is exact, some are near.
SOME, MORE = 0.01, 0.15
#: Difference of such shares that is no accident.
FAR_MORE = 0.2
#: Noise, in its norm, that the loud samples of a feature exceed, and the share of the median
#: feature's loudness that does as well.
ABOVE_NOISE, NEARLY_AS_LOUD = 3.0, 0.25
#: Which of a feature's codes count as loud, a quantile; how far above the noise codes stop.
LOUD, STOP = 0.9, 1.2


@dataclass(frozen=True, eq=False)
class Candidate:
    """A dictionary, the road that led to it and what speaks for it."""

    road: str
    dictionary: np.ndarray
    confidence: np.ndarray
    evidence: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.0
    n_iter: int = 1
    sure: bool = True
    positive: bool = True
    #: whether all features are active at once, so that few atoms do not suffice
    dense: bool = False
    #: what is subtracted before coding; None is nothing
    offset: np.ndarray | None = None


def refined(split: Split, start: np.ndarray, road: str) -> Candidate:
    """Polish a start, drop directions that few samples need, and weigh what is left."""
    draw = split.X[:POLISH]
    result = anneal(draw, start, n_nonzero=split.few_atoms)
    for _ in range(3):
        kept = used_enough(result, split.n)
        if kept.all():
            break
        result = anneal(
            draw, result.dictionary[kept], n_nonzero=split.few_atoms,
            start=min(NOISY, 4 * result.tolerance),
        )  # fmt: skip
    return judged(split, result, road)


def audible(X: np.ndarray, D: np.ndarray, noise: float) -> np.ndarray:
    """Return a mask of directions that are ever much louder than the noise.

    A polish looks at samples at unit norm, and so takes samples of nothing but noise for features
    too. What was learned from them is never louder than they are.
    """
    d = X.shape[1]
    fit = pursue(X, D, max(1, 3 * d // 10), STOP * noise * np.sqrt(d))
    codes = fit.codes.tocsc()
    loud = np.array([
        np.quantile(codes.data[start:end], LOUD) if end > start else 0.0
        for start, end in zip(codes.indptr[:-1], codes.indptr[1:], strict=True)
    ])  # fmt: skip
    kept = loud >= ABOVE_NOISE * noise * np.sqrt(d)
    kept |= loud >= NEARLY_AS_LOUD * np.median(loud[loud > 0])
    return kept if kept.any() else np.ones_like(kept)


def judged(split: Split, result: Refined, road: str) -> Candidate:
    """Return a refined dictionary as a candidate, judged on held-out samples."""
    share = split.evidence(result.dictionary, result.tolerance)
    uses = result.usage * min(len(split.X), POLISH)
    exact = result.tolerance <= EXACT and share > SOME
    noisy = result.tolerance <= NOISY and share > MORE
    dictionary, noise = result.dictionary, 0.0 if exact else result.noise
    if noisy and not exact:
        dictionary, noise = refine_noisy(
            split.X[: 4 * POLISH], dictionary, noise, n_nonzero=max(1, 3 * split.X.shape[1] // 10)
        )
        road += REFINED
        if split.n is None:
            kept = audible(split.X[: 4 * POLISH], dictionary, noise)
            dictionary, uses = dictionary[kept], uses[kept]
    return Candidate(
        road,
        np.asarray(unit_rows(dictionary)),
        uses / (uses + 5.0),
        {"exact_fraction": share, "tolerance": result.tolerance, "noise": noise},
        noise=noise,
        n_iter=result.n_iter,
        sure=exact or noisy,
    )


def better(one: Candidate, other: Candidate) -> bool:
    """Tell whether the first candidate is the surer, or explains more samples."""
    if one.sure != other.sure:
        return one.sure
    return one.evidence["exact_fraction"] > other.evidence["exact_fraction"]


def explains_more(split: Split, one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether far more held-out samples are sparse, exactly, in the first dictionary."""
    return split.evidence(one, EXACT) > split.evidence(other, EXACT) + FAR_MORE


#: Held-out samples that are coded to weigh a candidate.
WEIGHED = 2_000
#: Difference of explained variance below which two dictionaries explain alike.
ALIKE = 0.05


@dataclass(frozen=True)
class Judgement:
    """What held-out samples say of a candidate.

    Attributes
    ----------
    nats : float
        Length of a sample's description by few atoms and a Gaussian residual, or by sources.
    saved : float
        Nats less than a Gaussian of the data's covariance needs: structure beyond covariance.
    explained : float
        Share of the variance about the mean that those codes explain.
    exact : bool
        Whether held-out samples are sparse to rounding in the dictionary.
    positive : bool
        Whether codes are non-negative.
    certified : bool
        Whether it is for dense codes, and sure of itself: it wins where no code is sparse.
    """

    nats: float
    saved: float
    explained: float
    exact: bool
    positive: bool
    certified: bool

    def row(self) -> dict[str, float]:
        """Return what a table of candidates shows."""
        return {"nats": self.nats, "saved": self.saved, "explained": self.explained}

    def beats(self, other: "Judgement") -> bool:
        """Tell whether the evidence is for this one: exactness, then the shorter description.

        Exactness decides between codes of one kind that explain alike: an exact dictionary with
        both signs of every feature is still twice too large.
        """
        alike = abs(self.explained - other.explained) < ALIKE and self.positive == other.positive
        if self.certified != other.certified and max(self.saved, other.saved) <= 0:
            return self.certified
        if self.exact != other.exact and alike:
            return self.exact
        return self.nats < other.nats


def weigh(split: Split, candidate: Candidate) -> Judgement:
    """Return what the held-out samples say of a candidate.

    The residual that codes go down to is the one that describes them shortest.

    References
    ----------
    Rissanen (1978), Modeling by shortest data description.
    """
    X = split.held_out[:WEIGHED]
    span = spanned(X)
    Y = (X if candidate.offset is None else X - candidate.offset) @ span
    D = candidate.dictionary @ span
    spread = max(float(np.sum(X.var(axis=0))), np.finfo(float).tiny)
    r = span.shape[1]
    gaussian = gaussian_nats(X @ span) + numbers_nats(r * (r + 1) // 2, len(split.X))
    found = repaired(Y, D, shortest(Y, D, positive=candidate.positive), positive=candidate.positive)
    best = found.nats + numbers_nats(D.size, len(split.X))
    explained = 1 - float(np.mean(np.sum((Y - found.codes @ D) ** 2, axis=1))) / spread
    if candidate.dense and len(D) == r:
        linear = sources_nats(Y, D) + numbers_nats(D.size, len(split.X))
        # as many directions as dimensions leave nothing
        best, explained = (linear, 1.0) if linear < best else (best, explained)
    tolerance = candidate.evidence.get("tolerance", 1.0)
    certified = candidate.sure and candidate.dense
    exact = tolerance <= EXACT and candidate.evidence.get("exact_fraction", 0.0) > SOME
    exact |= 1 - explained <= EXACT**2
    saved = gaussian - best
    return Judgement(best, saved, explained, exact, candidate.positive, certified)


def sources_nats(X: np.ndarray, D: np.ndarray) -> float:
    """Return the mean nats, in the units of `nats`, of samples as sources of as many directions.

    Each source has the entropy that the gaps between its sorted values tell.

    References
    ----------
    Ebrahimi, Pflughoeft & Soofi 1994, Two measures of sample entropy.
    """
    sources = X @ np.linalg.inv(D)
    entropies = stats.differential_entropy(sources, method="ebrahimi")
    volume = float(np.linalg.slogdet(D)[1])
    return float(np.sum(entropies - stats.norm.entropy())) + volume


def gaussian_nats(X: np.ndarray) -> float:
    """Return the mean nats, in the units of `nats`, of a Gaussian with the covariance of ``X``."""
    values = np.linalg.eigvalsh(np.cov(X, rowvar=False).reshape(X.shape[1], X.shape[1]))
    floor = max(FLOOR * float(values.mean()), np.finfo(float).tiny)
    return float(0.5 * np.log(np.maximum(values, floor)).sum())
