"""Scores without a truth, and the two ends of their scale."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from evaluation.real.codes import (
    as_rows,
    explained_variance,
    helpful,
    largest,
    offset,
    pursued,
)
from evaluation.real.probing import pooled, probe_all
from evaluation.real.problem import RealProblem
from evaluation.real.purity import chance_purity, purity_of_features
from evaluation.real.stability import null_stability
from unfold.arrays import unit_rows

ACTIVE_COUNTS, LATENT_COUNTS = (4, 8, 16, 32, 64), (1, 2, 5, 16)
#: Measured samples that pursuit explains; five counts of active atoms each.
PURSUED = 3_000


@dataclass(frozen=True, eq=False)
class RealEstimate:
    """What a method returned, and what is read from it.

    Attributes
    ----------
    problem : RealProblem
    D : ndarray of shape (k, d), float32
        Rows of norm 1 or 0.
    codes : csr_array of shape (n_test, k)
        Of those atoms; pursuit codes where the method has none.
    """

    problem: RealProblem
    D: np.ndarray
    codes: sparse.csr_array

    @property
    def n_measured(self) -> int:
        """Rows of the test activations that are not for probing."""
        return len(self.problem.measured.X)

    @cached_property
    def read(self) -> sparse.csr_array:
        """The codes that probing and purity read: few a sample, and helpful."""
        X, few = self.problem.observed.test, largest(self.codes, self.problem.spec["n_active"])
        constant = offset(X[: self.n_measured], self.D, few[: self.n_measured])
        return helpful(X, self.D, few, constant)

    @cached_property
    def purity(self) -> np.ndarray:
        """Purity of each feature."""
        tokens = np.concatenate([self.problem.measured.tokens, self.problem.probing.tokens])
        return purity_of_features(self.D, self.read, tokens, chance_purity(tokens))

    def probes(self, n_latents: int, how: str) -> np.ndarray:
        """Return the AUC of every task."""
        starts = self.problem.probing.starts
        F = pooled(self.read[self.n_measured :], starts, how)
        return probe_all(F, self.problem.tasks, n_latents)


@dataclass(frozen=True)
class RealMetric:
    """A score without a truth, as data; calling it computes the score."""

    name: str
    version: int
    definition: str
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


def _purity(e: RealEstimate) -> float:
    return float(e.purity.sum() / max(len(e.D), e.problem.spec["n_components"]))


def _dead(e: RealEstimate) -> float:
    fired = np.zeros(len(e.D), bool)
    fired[e.codes.indices] = True
    return float(1 - fired.mean())


def _nats_saved(e: RealEstimate) -> float:
    from unfold.sparse_coding.description_length import nats

    X, few = e.problem.measured.X, largest(e.codes[: e.n_measured], e.problem.spec["n_active"])
    centred = X - offset(X, e.D, few)
    nothing = np.zeros((len(X), len(e.D)), np.float32)
    spent = nats(centred, e.D, few.toarray())
    return (nats(X - X.mean(axis=0), e.D, nothing) - spent) / X.shape[1]


_METRICS = (
    *(RealMetric(f"ev@{n}", 1, f"Variance explained by the {n} largest own codes of a sample.",
                 partial(_own, n)) for n in ACTIVE_COUNTS),
    *(RealMetric(f"ev_pursuit@{n}", 1, f"Variance explained by pursuit codes, {n} active.",
                 partial(_pursuit, n)) for n in ACTIVE_COUNTS),
    *(RealMetric(f"probe@{k}", 1, f"AUC of probes on {k} latents, mean-pooled, mean over tasks.",
                 partial(_probing, k, "mean")) for k in LATENT_COUNTS),
    *(RealMetric(f"probe_last@{k}", 1, f"AUC of probes on {k} latents of the last token.",
                 partial(_probing, k, "last")) for k in LATENT_COUNTS),
    RealMetric("probe@5:even", 1, "probe@5 on every other task.", partial(_half, 0)),
    RealMetric("probe@5:odd", 1, "probe@5 on the other tasks.", partial(_half, 1)),
    RealMetric("purity", 1, "Token purity of the strongest activations above chance, mean.",
               _purity),
    RealMetric("dead", 1, "Share of atoms that never fire on test activations.", _dead),
    RealMetric("l0", 1, "Active own codes a sample.",
               lambda e: e.codes.nnz / e.codes.shape[0]),
    RealMetric("helpful", 1, "Share of the largest own codes whose atom helps.",
               lambda e: e.read.nnz / max(1, largest(e.codes, e.problem.spec["n_active"]).nnz)),
    RealMetric("nats_saved", 1, "Nats a dimension that the largest own codes save, their own cost "
               "included, over a Gaussian.", _nats_saved),
)  # fmt: skip

#: All scores without a truth by name.
REAL_METRICS: Mapping[str, RealMetric] = MappingProxyType({m.name: m for m in _METRICS})
REAL_METRICS_VERSION = hashlib.sha256(
    ",".join(f"{m.name}/{m.version}" for m in _METRICS).encode()
).hexdigest()[:12]


def score_real(dictionary: Any, codes_test: Any, problem: RealProblem) -> dict[str, float]:
    """Score a dictionary, and codes of the test activations in it, without a truth.

    Parameters
    ----------
    dictionary : array-like of shape (k, d)
        Atoms of any length, which moves into the codes.
    codes_test : array-like or sparse of shape (n_test, k), or None
        Codes of ``problem.observed.test``; None: pursuit codes stand in.
    problem : RealProblem

    Returns
    -------
    dict of str to float
        A value for each entry of `REAL_METRICS`, but for halves of a single task.

    Raises
    ------
    ValueError
        If shapes do not fit, or anything is NaN or infinite.
    """
    atoms = np.asarray(dictionary, np.float32)
    X = problem.observed.test
    if atoms.ndim != 2 or atoms.shape[1] != X.shape[1] or not np.isfinite(atoms).all():
        raise ValueError(
            f"Expected a finite dictionary of shape (k, {X.shape[1]}), got {atoms.shape}."
        )
    if not atoms.any():
        raise ValueError("The dictionary is all zeros: there is nothing to score.")
    D = np.asarray(unit_rows(atoms))
    if codes_test is None:
        centre, n_active = problem.observed.train.mean(axis=0), problem.spec["n_active"]
        codes = pursued(X - centre, D, n_active, positive=True)
    else:
        codes = as_rows(codes_test)
        if codes.shape != (len(X), len(D)) or not np.isfinite(codes.data).all():
            raise ValueError(
                f"Expected finite codes of shape {(len(X), len(D))}, got {codes.shape}."
            )
        codes = as_rows(codes.multiply(np.linalg.norm(atoms, axis=1)))
    estimate = RealEstimate(problem, D, codes)
    halves = len(problem.tasks) > 1  # one task has no halves
    return {
        name: metric(estimate) for name, metric in REAL_METRICS.items() if halves or ":" not in name
    }


def control_scores(problem: RealProblem, seed: int) -> dict[str, tuple[int, dict[str, float]]]:
    """Return the number of atoms and the scores of the two ends.

    ``control:chance`` is a random dictionary of the stated size with pursuit codes at the stated
    number of active atoms. ``control:oracle`` is no dictionary but the best there could be: all
    the variance, probes on all dimensions of the activations, and every feature pure.
    """
    rng = np.random.default_rng([seed, 0x6368616E6365])
    k, d = problem.spec["n_components"], problem.observed.test.shape[1]
    chance = score_real(rng.standard_normal((k, d)), None, problem)
    chance["stability"] = null_stability(problem.observed.train, k, 2, seed)
    best = {name: 1.0 for name in REAL_METRICS if name.startswith(("ev", "purity"))}
    best["stability"] = 1.0
    for how, name in (("mean", "probe"), ("last", "probe_last")):
        F = pooled(problem.probing.X, problem.probing.starts, how)
        found = probe_all(F, problem.tasks, None)
        best |= {f"{name}@{n}": float(found.mean()) for n in LATENT_COUNTS}
        if how == "mean" and len(found) > 1:
            best |= {"probe@5:even": float(found[::2].mean())}
            best |= {"probe@5:odd": float(found[1::2].mean())}
    return {"control:chance": (k, chance), "control:oracle": (d, best)}
