"""Cosine similarity misleads: how well features are detected in and out of superposition."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.metrics import auc, roc_curve

from toy.problem import Problem
from unfold.unfolding.detection import Reading, read_features


@dataclass(frozen=True, eq=False)
class Detection:
    """Quality of a detector of each feature.

    Attributes
    ----------
    auroc : ndarray of shape (k,)
        Probability that a sample with the feature scores above one without; ties count half.
    false_alarms : ndarray of shape (k,)
        Share of samples without the feature that are taken to have it when the threshold is such
        that 95% of those with it are; among equal scores, taken at random.
    """

    auroc: np.ndarray
    false_alarms: np.ndarray


def detect(scores: np.ndarray, active: np.ndarray, recall: float = 0.95) -> Detection:
    """Measure scores as detectors of which features are active.

    Parameters
    ----------
    scores : ndarray of shape (n, k)
    active : ndarray of shape (n, k), bool
    recall : float
        Share of active samples that the threshold of ``false_alarms`` must catch.

    Returns
    -------
    Detection
        NaN for features that are active in every sample or in none.
    """
    scores, active = np.asarray(scores, float), np.asarray(active, bool)
    if scores.shape != active.shape:
        raise ValueError(f"scores {scores.shape} and active {active.shape} must have one shape.")
    k = scores.shape[1]
    auroc, alarms = np.full(k, np.nan), np.full(k, np.nan)
    for j in range(k):
        if 0 < active[:, j].sum() < len(active):
            alarm, caught, _ = roc_curve(active[:, j], scores[:, j])
            auroc[j] = auc(alarm, caught)
            alarms[j] = np.interp(recall, caught, alarm)
    return Detection(auroc, alarms)


def detection_table(
    problem: Problem,
    readings: tuple[Reading, ...] = ("cosine", "codes"),
    n: int = 5000,
    **options: Any,
) -> pd.DataFrame:
    """Detect every represented feature of a problem from its true directions, by each reading.

    Parameters
    ----------
    problem : Problem
    readings : tuple of str
        See `unfold.unfolding.detection.read_features`.
    n : int
        Test samples used, at most.
    **options
        Passed to `read_features`.

    Returns
    -------
    DataFrame
        A row a feature and reading: ``feature``, ``reading``, ``auroc``, ``false_alarms``,
        ``density`` and ``interference`` (squared cosines with the other features, summed).
    """
    truth = problem.truth
    kept = np.flatnonzero(truth.represented)
    D = np.asarray(truth.directions, float)[kept]
    X = np.asarray(problem.observed.test[:n], float) - truth.bias
    codes = truth.codes_test[:n]
    active = (codes.toarray() if issparse(codes) else np.asarray(codes))[:, kept] != 0
    overlap = (D @ D.T) ** 2
    interference = overlap.sum(axis=1) - np.diag(overlap)
    frames = []
    for reading in readings:
        scores = read_features(X, D, by=reading, positive=truth.positive, **options)
        quality = detect(scores if truth.positive else np.abs(scores), active)
        frames.append(
            pd.DataFrame(
                {
                    "feature": kept,
                    "reading": reading,
                    "auroc": quality.auroc,
                    "false_alarms": quality.false_alarms,
                    "density": truth.density[kept],
                    "interference": interference,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
