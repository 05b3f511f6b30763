"""What runs of K-SVD agree on: for few samples, signed codes, dependent features."""

import warnings

from sklearn.exceptions import ConvergenceWarning

from unfold.methods.base import FitStatus
from unfold.methods.dictionary_learning.consensus import Consensus
from unfold.pipeline.judge import Candidate
from unfold.pipeline.split import Split


def agreement(split: Split) -> Candidate:
    """Return what runs of K-SVD agree on: for few samples, signed codes, dependent features."""
    method = Consensus(split.n, random_state=split.rng.randint(2**31))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        method.fit(split.X)
    return Candidate(
        "consensus of K-SVD runs", method.components_, method.votes_,
        {"votes": float(method.votes_.mean()), "n_active": float(method.n_active_)},
        n_iter=method.n_iter_, sure=method.status_ is FitStatus.CONVERGED,
        positive=method.positive_,
    )  # fmt: skip
