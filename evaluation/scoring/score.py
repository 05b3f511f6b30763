"""Score an estimate against the truth: a pure function, all metrics at once."""

import hashlib
from typing import Any

import numpy as np

from evaluation.scoring.matching import Codes, as_columns, checked_dictionary, match, target
from evaluation.scoring.metrics import METRICS, MatchedEstimate, Metric
from toy.problem import Problem

#: Changes when any metric does; records scored under another value are scored again.
METRICS_VERSION = hashlib.sha256(
    ",".join(f"{metric.name}/{metric.version}" for metric in METRICS.values()).encode()
).hexdigest()[:12]

#: Least distance of chance and oracle, in the metric, at which it tells methods apart: skill is a
#: quotient by it.
TELLING = 0.01


def score(
    directions: Any, codes_test: Codes | None, problem: Problem, groups: Any = None
) -> dict[str, float]:
    """Score a dictionary, and codes of the test activations in it, against the truth.

    Parameters
    ----------
    directions : array-like of shape (m, d)
        Atoms, one a row, in any order; their lengths are moved into the codes. Zero rows are
        no atoms. The sign matters unless the problem's codes are signed.
    codes_test : ndarray or csr_array of shape (n_test, m), or None
        Codes of ``problem.observed.test``; None leaves out the metrics that need them.
    problem : Problem
    groups : array-like of shape (m,), int, optional
        Which feature each atom is a coordinate of; read where the problem's features have several
        dimensions, which are scored as subspaces (`evaluation.scoring.subspaces`).

    Returns
    -------
    dict of str to float
        A value for each entry of `evaluation.scoring.metrics.METRICS`.

    Raises
    ------
    ValueError
        If shapes do not fit the problem, or anything is NaN or infinite.
    """
    dictionary = np.asarray(directions, dtype=np.float64)
    if problem.truth.group is not None:
        from evaluation.scoring.subspaces import score_subspaces

        checked = checked_dictionary(dictionary, problem.observed.test.shape[1])
        return score_subspaces(checked, groups, codes_test, problem)
    truth = target(problem.truth)
    matching = match(dictionary, truth)
    norms = np.linalg.norm(dictionary, axis=1)
    columns = None
    if codes_test is not None:
        columns = as_columns(codes_test)
        expected = (len(problem.observed.test), len(dictionary))
        if columns.shape != expected:
            raise ValueError(
                f"Expected codes of shape {expected}, one row a test activation and one column "
                f"an atom, got {columns.shape}."
            )
        columns.data *= np.repeat(norms, np.diff(columns.indptr))
    comparison = MatchedEstimate(
        target=truth,
        matching=matching,
        codes=columns,
        activations=np.asarray(problem.observed.test, dtype=np.float64),
        dictionary=dictionary / np.where(norms == 0, 1, norms)[:, None],
        bias=np.asarray(problem.truth.bias, dtype=np.float64),
    )
    usable = {
        "dictionary": True,
        "codes": columns is not None,
        "certificate": comparison.certifiable,
    }
    return {metric.name: metric(comparison) for metric in METRICS.values() if usable[metric.kind]}


def skill(metric: Metric, value: Any, chance: Any, oracle: Any) -> np.ndarray:
    """Rescale a metric so that 0 is chance and 1 is the true dictionary, clipped to [0, 1].

    The clip below makes 0 the least anyone can score, so that a failed cell, which scores 0,
    never does better than a finished one.

    Returns
    -------
    ndarray
        NaN where chance is within `TELLING` of the oracle: there the metric tells nothing.
    """
    low, high = metric.goodness(chance), metric.goodness(oracle)
    gap = np.asarray(high - low, dtype=np.float64)
    gap = np.where(gap > TELLING, gap, np.nan)
    return np.clip((metric.goodness(value) - low) / gap, 0, 1)
