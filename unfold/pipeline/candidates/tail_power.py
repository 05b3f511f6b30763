"""Fixed points of the tails of samples: for many dimensions and many active features."""

import numpy as np

from unfold.methods.active_samples import loud_samples
from unfold.methods.ica.tail_power import (
    HARD,
    reseeded,
    unexplained,
)
from unfold.pipeline.judge import Candidate, judged
from unfold.pipeline.split import Split


def by_tail_power(split: Split, rays: np.ndarray, max_rounds: int = 4) -> Candidate:
    """Return refined tail directions, reseeded from residuals while that finds more."""
    n_nonzero, X = max(2, split.X.shape[1] // 8), split.X[loud_samples(split.X)]
    result = reseeded(X, rays, split.n, split.rng, n_nonzero=n_nonzero, max_rounds=max_rounds)
    for _ in range(2):
        known = result.dictionary
        hard = unexplained(X, known, n_nonzero)
        if len(hard) < HARD or (split.n is not None and len(known) >= split.n):
            break
        trial = reseeded(hard, known, split.n, split.rng, n_nonzero=n_nonzero, max_rounds=2)
        if len(trial.dictionary) <= len(known):
            break
        result = trial
    return judged(split, result, "tail power + polish")
