"""Alternating dictionary learning with its offset, for data of moderate size."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from unfold.methods.base import FitStatus
from unfold.methods.dictionary_learning.alternating import AlternatingDictionary
from unfold.pipeline.judge import Candidate
from unfold.pipeline.split import Split

#: Samples that use a direction from which it is known to a few degrees.
ENOUGH_USES = 50


def by_alternating(split: Split, *, positive: bool = True) -> Candidate:
    """Return what alternation of L1 codes and least squares, the offset included, ends at."""
    method = AlternatingDictionary(
        split.n, positive=positive, random_state=split.rng.randint(2**31)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        method.fit(split.X)
    D = np.asarray(method.components_)
    codes = np.asarray(method.transform(split.held_out))
    uses = np.count_nonzero(codes, axis=0) * (len(split.X) / len(split.held_out))
    left = split.held_out - method.mean_ - codes @ D
    return Candidate(
        "alternating" if positive else "alternating, signed codes",
        D,
        uses / (uses + 5.0),
        noise=float(np.median(np.abs(left))) / 0.6745,  # of a normal law: its standard deviation
        n_iter=method.n_iter_,
        sure=method.status_ is FitStatus.CONVERGED and float(np.median(uses)) >= ENOUGH_USES,
        positive=positive,
        offset=np.asarray(method.mean_),
    )
