"""Hyper-parameters without the truth: the shortest description of held-out activations.

A dictionary and its codes describe a sample ``x`` in two parts: which atoms are on and how
strongly, and the residual. The criterion is the mean number of nats per sample that
`unfold.sparse_coding.description_length.nats` counts. All methods get the same number of trials
on the same split, and the time limit of the cell covers all of them.
"""

import itertools
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CRITERION = "description-length/v2"
#: Share of the training activations that candidates are fitted on; the rest judges them.
FITTED_SHARE = 0.8
#: Most samples that the criterion is computed on.
JUDGED = 4000

#: Spaces of foreign classes, which cannot carry a ``search_space`` of their own.
SEARCH_SPACES: dict[str, dict[str, list[Any]]] = {
    "sklearn.decomposition:DictionaryLearning": {"alpha": [0.05, 0.1, 0.2, 0.5, 1.0]},
    "sklearn.decomposition:MiniBatchDictionaryLearning": {"alpha": [0.05, 0.1, 0.2, 0.5, 1.0]},
}


def tune(
    method: type, params: Mapping[str, Any], search: Mapping[str, Any], X: np.ndarray
) -> dict[str, Any]:
    """Choose hyper-parameters by an unsupervised criterion on held-out activations.

    Parameters
    ----------
    method : type
        Class with ``fit`` and ``transform``.
    params : Mapping
        Parameters that stay as they are.
    search : Mapping
        "space": parameter -> candidate values; "n_trials": the budget; "seed".
    X : ndarray of shape (n_samples, d)

    Returns
    -------
    dict
        "criterion", "n_trials", "trials" (what was tried, with its score in nats or the error),
        "chosen" and "seconds".

    Raises
    ------
    RuntimeError
        If no candidate could be fitted.
    """
    began = time.perf_counter()
    rng = np.random.default_rng(search["seed"])
    order = rng.permutation(len(X))
    split = int(FITTED_SHARE * len(X))
    fitted, judged = np.asarray(X[np.sort(order[:split])]), np.asarray(X[order[split:][:JUDGED]])
    trials: list[dict[str, Any]] = []
    for candidate in candidates(search["space"], search["n_trials"], rng):
        trial: dict[str, Any] = {"params": candidate}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                estimator = method(**{**params, **candidate}).fit(fitted)
                trial["nats"] = description_length(estimator, judged)
        except Exception as error:
            trial["error"] = f"{type(error).__name__}: {error}"[:200]
        trials.append(trial)
    scored = [trial for trial in trials if np.isfinite(trial.get("nats", np.nan))]
    if not scored:
        raise RuntimeError(f"None of {len(trials)} candidates could be fitted: {trials[0]}")
    best = min(scored, key=lambda trial: trial["nats"])
    return {
        "criterion": CRITERION, "n_trials": len(trials), "trials": trials,
        "chosen": best["params"], "seconds": time.perf_counter() - began,
    }  # fmt: skip


def candidates(
    space: Mapping[str, Sequence[Any]], n_trials: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return at most ``n_trials`` points of a grid, all of it if it is no larger."""
    names = sorted(space)
    grid = [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(space[n] for n in names))
    ]
    if len(grid) <= n_trials:
        return grid
    return [grid[i] for i in np.sort(rng.choice(len(grid), n_trials, replace=False))]


def description_length(estimator: Any, X: np.ndarray) -> float:
    """Return the mean nats that a fitted method needs to describe a sample of ``X``.

    Codes are refitted by least squares on their own support, so that shrinkage is not mistaken
    for noise.
    """
    from unfold.arrays import dictionary_of
    from unfold.sparse_coding.debias import debias
    from unfold.sparse_coding.description_length import nats

    D = np.asarray(dictionary_of(estimator), dtype=np.float64)
    codes = estimator.transform(X)
    codes = np.asarray(codes.toarray() if hasattr(codes, "toarray") else codes, np.float64)
    centred = np.asarray(X - np.asarray(getattr(estimator, "mean_", 0.0)), dtype=np.float64)
    return nats(centred, D, debias(centred, D, codes, positive=False))
