"""Every score: its name, version, range, chance level, best value, and the function itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.sparse import csc_array

from evaluation.scoring.matching import Matching, Target
from unfold.same_direction import APART

if TYPE_CHECKING:
    from unfold.unfolding.certification import Certificate

#: A code is active when it exceeds this fraction of the largest true amplitude; without it,
#: rounding noise would count as activity. The same rule holds for the truth.
ACTIVE = 1e-3
#: Test activations that a certificate is made from, and sizes at which it is worth its time.
CERTIFIED_SAMPLES, MOST_CERTIFIED_ATOMS = 500, 1024


@dataclass(frozen=True, eq=False)
class MatchedEstimate:
    """An estimate laid beside the truth: all that a metric may look at.

    Attributes
    ----------
    target : Target
    matching : Matching
    codes : csc_array of shape (n_test, m), or None
        Predicted codes of unit-norm atoms, where the method has any.
    activations : ndarray of shape (n_test, d)
    dictionary : ndarray of shape (m, d)
        Unit rows.
    bias : ndarray of shape (d,)
        What the activations are offset by.
    """

    target: Target
    matching: Matching
    codes: csc_array | None
    activations: np.ndarray
    dictionary: np.ndarray
    bias: np.ndarray

    @cached_property
    def floor(self) -> float:
        """Magnitude below which a code is inactive."""
        return ACTIVE * float(abs(self.target.amplitudes).max())

    @cached_property
    def fires(self) -> np.ndarray:
        """Features that are active at least once on the test data: (k,) bool."""
        return np.asarray(_active(self.target.amplitudes, self.floor).sum(axis=0) > 0)

    @cached_property
    def aligned(self) -> csc_array:
        """Predicted codes in the order and sign of the true features; empty where missing."""
        assert self.codes is not None
        atom = self.matching.atom
        shape = (self.codes.shape[1], len(atom))
        found = np.flatnonzero(atom >= 0)
        pick = csc_array((self.matching.sign[found], (atom[found], found)), shape=shape)
        return csc_array(self.codes @ pick)

    @property
    def certifiable(self) -> bool:
        """Whether there are samples enough for a certificate, and atoms few enough."""
        enough = len(self.activations) >= CERTIFIED_SAMPLES
        few = len(self.dictionary) <= MOST_CERTIFIED_ATOMS
        return enough and few and bool(self.dictionary.any())

    @cached_property
    def certificate(self) -> "Certificate":
        """What `unfold.certify` says of the dictionary, from activations alone."""
        from unfold.unfolding.certification import certify

        atoms = self.dictionary[self.dictionary.any(axis=1)]
        sample = (self.activations - self.bias)[:CERTIFIED_SAMPLES]
        return certify(sample, atoms, positive=self.target.positive)


@dataclass(frozen=True)
class Metric:
    """A score, as data; calling it computes the score.

    Attributes
    ----------
    name : str
    version : int
        Raised whenever the formula changes; stored scores of other versions are recomputed.
    definition : str
    range : tuple of float
    best : float
        What the truth itself attains.
    chance : float
        What a random dictionary scores on the reference world: 80 random features in 20
        dimensions, density 0.1. Every board measures it afresh on its own problems.
    kind : "dictionary", "codes" or "certificate"
        What a method must return to be scored on it; a certificate is made of its dictionary.
    compute : callable
    """

    name: str
    version: int
    definition: str
    range: tuple[float, float]
    best: float
    chance: float
    kind: Literal["dictionary", "codes", "certificate"]
    compute: Callable[[MatchedEstimate], float] = field(repr=False)

    def __call__(self, comparison: MatchedEstimate) -> float:
        """Return the score of an estimate laid beside the truth."""
        return float(self.compute(comparison))

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better; otherwise nearer to ``best`` is."""
        return self.best == self.range[1]

    def goodness(self, value: float | np.ndarray) -> float | np.ndarray:
        """Return ``value`` so that more is better, 0 being the best there is."""
        return -np.abs(np.asarray(value) - self.best)


def _recall(threshold: float, c: MatchedEstimate) -> float:
    return float((c.matching.cosine >= threshold).mean())


def _precision(threshold: float, c: MatchedEstimate) -> float:
    hits = (c.matching.cosine >= threshold).sum()
    return float(hits / max(c.matching.n_returned, 1))


def _f1(threshold: float, c: MatchedEstimate) -> float:
    hits = (c.matching.cosine >= threshold).sum()
    return float(2 * hits / (len(c.matching.cosine) + c.matching.n_returned))


def _mcc(c: MatchedEstimate) -> float:
    return float(c.matching.cosine.sum() / max(len(c.matching.cosine), c.matching.n_returned))


def _n_features_error(c: MatchedEstimate) -> float:
    k = len(c.matching.cosine)
    return (c.matching.n_returned - k) / k


def _active(codes: csc_array, floor: float) -> csc_array:
    active = csc_array(abs(codes) > floor)
    return csc_array(active, dtype=np.float64)


def _code_f1(c: MatchedEstimate) -> float:
    true, found = _active(c.target.amplitudes, c.floor), _active(c.aligned, c.floor)
    both = true.multiply(found).sum(axis=0)
    total = true.sum(axis=0) + found.sum(axis=0)
    return float((2 * both[c.fires] / total[c.fires]).mean())


def _code_f1_at_equal_l0(c: MatchedEstimate) -> float:
    """Cut the smallest codes, over all samples, until as many are active as in truth."""
    assert c.codes is not None
    sizes = np.sort(abs(c.codes).data)
    most = _active(c.target.amplitudes, c.floor).nnz
    floor = max(c.floor, float(sizes[-most - 1]) if len(sizes) > most else 0.0)
    true, found = _active(c.target.amplitudes, c.floor), _active(c.aligned, floor)
    both = true.multiply(found).sum(axis=0)
    total = true.sum(axis=0) + found.sum(axis=0)
    return float((2 * both[c.fires] / total[c.fires]).mean())


def _unfold_fidelity(c: MatchedEstimate) -> float:
    """Return the share of the features' energy that the unfolded model's outputs carry."""
    true = c.target.amplitudes
    return float(1 - (c.aligned - true).power(2).sum() / true.power(2).sum())


def _certificate_holds(c: MatchedEstimate) -> float:
    missing = c.matching.cosine < APART
    held = abs(c.target.amplitudes[:, np.flatnonzero(missing)]) > c.certificate.radius
    outside = np.asarray(held.sum(axis=1) > 0).mean()
    return float(c.certificate.unseen_upper >= outside)


def _code_r2(c: MatchedEstimate) -> float:
    true, found = c.target.amplitudes, c.aligned
    error = (found - true).power(2).sum(axis=0)
    spread = true.power(2).sum(axis=0) - true.sum(axis=0) ** 2 / true.shape[0]
    varies = c.fires & (spread > 0)
    r2 = np.clip(1 - error[varies] / spread[varies], 0, 1)
    return float(np.where(c.matching.atom[varies] >= 0, r2, 0).mean())


def _shrinkage(c: MatchedEstimate) -> float:
    true = c.target.amplitudes
    slope = true.multiply(c.aligned).sum(axis=0)[c.fires] / true.power(2).sum(axis=0)[c.fires]
    return float(slope.mean())


def _l0_ratio(c: MatchedEstimate) -> float:
    assert c.codes is not None
    return _active(c.codes, c.floor).nnz / _active(c.target.amplitudes, c.floor).nnz


def _explained_variance(c: MatchedEstimate) -> float:
    residual = c.activations - c.codes @ c.dictionary
    total = ((c.activations - c.activations.mean(axis=0)) ** 2).sum()
    return float(1 - ((residual - residual.mean(axis=0)) ** 2).sum() / total)


_UNIT, _INFINITY = (0.0, 1.0), float("inf")


def _at(threshold: float) -> tuple[Metric, ...]:
    """Return recall, precision and F1 at a threshold on the cosine."""
    rules: tuple[tuple[str, Callable[[float, MatchedEstimate], float], str], ...] = (
        ("f1", _f1, "Harmonic mean of recall and precision at cosine {t}."),
        ("recall", _recall, "Share of true features whose partner has cosine {t} or more."),
        ("precision", _precision, "Share of returned atoms that are such a partner, at {t}."),
    )
    return tuple(
        Metric(f"{name}@{threshold:g}", 1, text.format(t=f"{threshold:g}"), _UNIT, 1, 0,
               "dictionary", partial(rule, threshold))
        for name, rule, text in rules
    )  # fmt: skip


_DICTIONARY = (
    *_at(0.9),
    *_at(0.99),
    Metric("worst_cosine", 1, "Cosine of the least-well-found true feature; 0 if one is missing.",
           _UNIT, 1, 0.23, "dictionary", lambda c: c.matching.cosine.min()),
    Metric("mmcs", 1, "Mean over true features of the greatest cosine with any atom.",
           _UNIT, 1, 0.52, "dictionary", lambda c: c.matching.best_cosine.mean()),
    Metric("mcc", 1, "Sum of one-to-one cosines over the larger of the two numbers of features.",
           _UNIT, 1, 0.48, "dictionary", _mcc),
    Metric("n_features_error", 1, "(returned - true) / true number of features.",
           (-1, _INFINITY), 0, 0, "dictionary", _n_features_error),
)  # fmt: skip
_CODES = (
    Metric("code_f1", 1, "F1 of when a feature is active, mean over features; missing ones 0.",
           _UNIT, 1, 0.2, "codes", _code_f1),
    Metric("code_f1_equal_l0", 1,
           "Code F1 after the smallest codes are cut until as many are active as in truth.",
           _UNIT, 1, 0.2, "codes", _code_f1_at_equal_l0),
    Metric("code_r2", 1, "R2 of a feature's amplitude, floored at 0, mean; missing ones 0.",
           _UNIT, 1, 0, "codes", _code_r2),
    Metric("l0_ratio", 1, "Active codes per sample, returned over true.",
           (0, _INFINITY), 1, 1.77, "codes", _l0_ratio),
    Metric("shrinkage", 1, "Slope of found on true amplitude, mean; missing features 0.",
           (-_INFINITY, _INFINITY), 1, 0.32, "codes", _shrinkage),
    Metric("explained_variance", 1, "Variance of the activations explained, up to a constant.",
           (-_INFINITY, 1), 1, 0.98, "codes", _explained_variance),
)  # fmt: skip
_CERTIFICATE = (
    Metric("unfold_fidelity", 1,
           "Share of the energy of all features that codes carry to the unfolded model's outputs.",
           (-_INFINITY, 1), 1, -0.78, "codes", _unfold_fidelity),
    Metric("unseen_bound", 1,
           "Bound, at 95 %, on how often new activations hold an unlisted direction (certificate).",
           _UNIT, 0, 1, "certificate", lambda c: c.certificate.unseen_upper),
    Metric("certificate_holds", 1,
           "Whether that bound is at least how often they do; its mean should be .95 or more.",
           _UNIT, 1, 1, "certificate", _certificate_holds),
)  # fmt: skip

#: All metrics by name, the primary one first.
METRICS: MappingProxyType[str, Metric] = MappingProxyType(
    {metric.name: metric for metric in (*_DICTIONARY, *_CODES, *_CERTIFICATE)}
)

#: What boards rank by: two-sided, near 0 by chance, and 1 only if every represented feature is
#: found and nothing else is returned.
PRIMARY = "f1@0.9"
