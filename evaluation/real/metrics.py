"""Scores without a truth, as data."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import numpy as np

from evaluation.real.codes import as_rows, explained_variance, largest, offset, pursued
from evaluation.real.estimate import RealEstimate
from evaluation.real.probing import pooled
from evaluation.real.purity import chance_purity, likeness_of_features, purity_of_features

ACTIVE_COUNTS, LATENT_COUNTS = (4, 8, 16, 32, 64), (1, 2, 5, 16)
#: What says of the histogram of how often atoms fire where most of it lies.
USAGE_QUANTILES = (0.1, 0.5, 0.9)
#: Measured samples that pursuit explains; five counts of active atoms each.
PURSUED = 3_000


@dataclass(frozen=True)
class RealMetric:
    """A score without a truth, as data; calling it computes the score."""

    name: str
    version: int
    definition: str
    range: str
    chance: str
    fails: str
    compute: Callable[[RealEstimate], float] = field(repr=False)

    def __call__(self, estimate: RealEstimate) -> float:
        """Return the score."""
        return float(self.compute(estimate))


def _own(n_active: int, e: RealEstimate) -> float:
    few = largest(e.codes[: e.n_measured], n_active)
    return explained_variance(e.problem.measured.X, e.D, few)


def _pursuit(n_active: int, e: RealEstimate) -> float:
    # The constant is the method's own: a dictionary may hold the mean of the data, or leave it out.
    X = (e.problem.measured.X - offset(e.problem.measured.X, e.D, e.codes[: e.n_measured]))[
        :PURSUED
    ]
    positive = not e.codes.nnz or bool(e.codes.data.min() >= 0)
    return explained_variance(X, e.D, pursued(X, e.D, n_active, positive=positive))


def _probing(n_latents: int, how: str, e: RealEstimate) -> float:
    return float(e.probes(n_latents, how).mean())


def _half(parity: int, e: RealEstimate) -> float:
    return float(e.probes(5, "mean")[parity::2].mean())


def _mean_over_size(values: np.ndarray, e: RealEstimate) -> float:
    """Return the mean over features, those that are missing to the stated number counting 0."""
    return float(values.sum() / max(len(e.D), e.problem.spec["n_components"]))


def _likeness(e: RealEstimate) -> float:
    X = pooled(e.problem.probing.X, e.problem.probing.starts, "mean")
    texts = as_rows(e.texts("mean"))
    return _mean_over_size(likeness_of_features(e.D, texts, X), e)


def _label_purity(e: RealEstimate) -> float:
    """Return purity by the set and class that a text is of; of several tasks, by the last."""
    kind = np.full(len(e.problem.probing.starts) - 1, -1)
    for number, task in enumerate(e.problem.tasks):
        kind[task.train] = 2 * number + task.train_labels
        kind[task.test] = 2 * number + task.test_labels
    found = purity_of_features(e.D, as_rows(e.texts("mean")), kind, chance_purity(kind))
    return _mean_over_size(found, e)


def _usage(quantile: float, e: RealEstimate) -> float:
    return float(np.quantile(e.usage, quantile))


def _nats_saved(e: RealEstimate) -> float:
    from unfold.sparse_coding.description_length import nats

    X, few = e.problem.measured.X, largest(e.codes[: e.n_measured], e.problem.spec["n_active"])
    centred = X - offset(X, e.D, few)
    nothing = np.zeros((len(X), len(e.D)), np.float32)
    spent = nats(centred, e.D, few.toarray())
    return (nats(X - X.mean(axis=0), e.D, nothing) - spent) / X.shape[1]


#: What more than one score has in common: range, chance, known failure.
_VARIANCE = ("(-inf, 1]", "measured on every board")
_AUC = (
    "[0, 1]",
    "measured on every board: random directions tell, too",
    "many latents to choose from help; what the network lacks, no dictionary shows",
)
_SHARE = ("[0, 1]", "describes, does not rank")

_METRICS = (
    *(RealMetric(f"ev@{n}", 1, f"Variance explained by the {n} largest own codes of a sample.",
                 *_VARIANCE, "codes that are not meant to be cut may fall below 0",
                 partial(_own, n)) for n in ACTIVE_COUNTS),
    *(RealMetric(f"ev_pursuit@{n}", 1, f"Variance explained by pursuit codes, {n} active.",
                 *_VARIANCE, "blind to the encoder: a permuted decoder is the same atoms",
                 partial(_pursuit, n)) for n in ACTIVE_COUNTS),
    *(RealMetric(f"probe@{k}", 1, f"AUC of probes on {k} latents, mean-pooled, mean over tasks.",
                 *_AUC, partial(_probing, k, "mean")) for k in LATENT_COUNTS),
    *(RealMetric(f"probe_last@{k}", 1, f"AUC of probes on {k} latents of the last token.",
                 *_AUC, partial(_probing, k, "last")) for k in LATENT_COUNTS),
    RealMetric("probe@5:even", 1, "probe@5 on every other task.", *_AUC, partial(_half, 0)),
    RealMetric("probe@5:odd", 1, "probe@5 on the other tasks.", *_AUC, partial(_half, 1)),
    RealMetric("purity", 1, "Token purity of the strongest activations above chance, mean.",
               "(-inf, 1]", "0 where activations are at random; random directions have more",
               "a lookup of tokens is pure, and says nothing of context",
               lambda e: _mean_over_size(e.purity, e)),
    RealMetric("purity_label", 1, "Purity of the strongest texts by set and class, above chance.",
               "(-inf, 1]", "0 where activations are at random; random directions have more",
               "knows only the labels there are; features of other things have none",
               _label_purity),
    RealMetric("likeness", 1, "Mean cosine of the strongest texts of a feature, mean-pooled.",
               "[-1/19, 1]", "0 for texts at random; random directions have more",
               "texts are compared in the activations themselves, which every direction cuts",
               _likeness),
    RealMetric("absorbed", 1, "Share of a feature's samples where another atom stands in for it, "
               "mean over features.",
               "[0, 1]", "0: random atoms hold nothing of one another",
               "atoms that are all alike absorb each other; signed codes and lone atoms do not",
               lambda e: e.mixed.absorbed.mean()),
    RealMetric("hedged", 1, "Share of atoms that hold some of a feature they go with.",
               "[0, 1]", "measured on every board",
               "what is mixed in of a feature that the dictionary lacks is not seen",
               lambda e: e.mixed.hedged.mean()),
    *(RealMetric(f"usage@{q}", 1, f"Share of samples that the atom at quantile {q} fires on.",
                 *_SHARE, "the sizes of codes do not count", partial(_usage, q))
      for q in USAGE_QUANTILES),
    RealMetric("dead", 1, "Share of atoms that never fire on test activations.",
               *_SHARE, "an atom that fires once is not dead", lambda e: (e.usage == 0).mean()),
    RealMetric("l0", 1, "Active own codes a sample.", "[0, n_atoms]", "describes, does not rank",
               "the sizes of codes do not count", lambda e: e.codes.nnz / e.codes.shape[0]),
    RealMetric("helpful", 1, "Share of the largest own codes whose atom helps.",
               *_SHARE, "a code may help by undoing another",
               lambda e: e.read.nnz / max(1, largest(e.codes, e.problem.spec["n_active"]).nnz)),
    RealMetric("nats_saved", 1, "Nats a dimension that the largest own codes save, their own cost "
               "included, over a Gaussian.", "(-inf, inf)", "below 0",
               "assumes a Gaussian residual of one variance", _nats_saved),
)  # fmt: skip

#: All scores without a truth by name.
REAL_METRICS: Mapping[str, RealMetric] = MappingProxyType({m.name: m for m in _METRICS})
REAL_METRICS_VERSION = hashlib.sha256(
    ",".join(f"{m.name}/{m.version}" for m in _METRICS).encode()
).hexdigest()[:12]
