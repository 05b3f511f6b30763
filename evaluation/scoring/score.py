"""Score an estimate against the truth: a pure function, all metrics at once."""

import hashlib
from typing import Any

import numpy as np

from evaluation.scoring.matching import Codes, as_columns, match, target
from evaluation.scoring.metrics import METRICS, MatchedEstimate, Metric
from toy.problem import Problem

#: Changes when any metric does; records scored under another value are scored again.
METRICS_VERSION = hashlib.sha256(
    ",".join(f"{metric.name}/{metric.version}" for metric in METRICS.values()).encode()
).hexdigest()[:12]


def score(directions: Any, codes_test: Codes | None, problem: Problem) -> dict[str, float]:
    """Score a dictionary, and codes of the test activations in it, against the truth.

    Parameters
    ----------
    directions : array-like of shape (m, d)
        Atoms, one a row, in any order; their lengths are moved into the codes. Zero rows are
        no atoms. The sign matters unless the problem's codes are signed.
    codes_test : ndarray or csr_array of shape (n_test, m), or None
        Codes of ``problem.observed.test``; None leaves out the metrics that need them.
    problem : Problem

    Returns
    -------
    dict of str to float
        A value for each entry of `evaluation.scoring.metrics.METRICS`.

    Raises
    ------
    ValueError
        If shapes do not fit the problem, or anything is NaN or infinite.
    """
    truth = target(problem.truth)
    dictionary = np.asarray(directions, dtype=np.float64)
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
        "dictionary": True, "codes": columns is not None, "certificate": comparison.certifiable,
    }  # fmt: skip
    return {metric.name: metric(comparison) for metric in METRICS.values() if usable[metric.kind]}


def skill(metric: Metric, value: Any, chance: Any, oracle: Any) -> np.ndarray:
    """Rescale a metric so that 0 is chance and 1 is the true dictionary, clipped to [0, 1].

    The clip below makes 0 the least anyone can score, so that a failed cell, which scores 0,
    never does better than a finished one.

    Returns
    -------
    ndarray
        NaN where chance is within 0.01 of the oracle: there the metric tells nothing.
    """
    low, high = metric.goodness(chance), metric.goodness(oracle)
    gap = np.asarray(high - low, dtype=np.float64)
    gap = np.where(gap > 0.01, gap, np.nan)
    return np.clip((metric.goodness(value) - low) / gap, 0, 1)
