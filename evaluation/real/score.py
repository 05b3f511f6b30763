"""A dictionary scored without a truth, and the two ends of the scale."""

from typing import Any

import numpy as np

from evaluation.real.codes import as_rows, pursued
from evaluation.real.estimate import RealEstimate
from evaluation.real.metrics import LATENT_COUNTS, REAL_METRICS
from evaluation.real.probing import pooled, probe_all
from evaluation.real.problem import RealProblem
from evaluation.real.stability import null_stability
from unfold.arrays import unit_rows


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
