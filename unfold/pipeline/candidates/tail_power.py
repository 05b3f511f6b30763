"""Roads for many dimensions: crowds, with fans where there is a hierarchy, and tails."""

import numpy as np

from unfold.methods.ica.tail_power import (
    HARD,
    loud,
    reseeded,
    unexplained,
)
from unfold.pipeline.judge import Candidate, judged
from unfold.pipeline.split import Scene


def by_tails(scene: Scene, rays: np.ndarray, max_rounds: int = 4) -> Candidate:
    """Return polished tail directions, reseeded from residuals while that finds more."""
    n_nonzero, X = max(2, scene.X.shape[1] // 8), loud(scene.X)
    result = reseeded(X, rays, scene.n, scene.rng, n_nonzero=n_nonzero, max_rounds=max_rounds)
    for _ in range(2):
        known = result.dictionary
        hard = unexplained(X, known, n_nonzero)
        if len(hard) < HARD or (scene.n is not None and len(known) >= scene.n):
            break
        trial = reseeded(hard, known, scene.n, scene.rng, n_nonzero=n_nonzero, max_rounds=2)
        if len(trial.dictionary) <= len(known):
            break
        result = trial
    return judged(scene, result, "tail power + polish")
