"""The floor: an online dictionary with its offset, for any data."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from unfold.deadline import time_left
from unfold.methods.dictionary_learning.online import OnlineDictionary
from unfold.pipeline.judge import Candidate
from unfold.pipeline.split import Split

#: Samples that use a direction from which it is known to a few degrees.
ENOUGH_USES = 50
#: Share of the time left that the fit may take; codes of held-out samples take the rest.
FITTING = 0.8


def by_online(
    split: Split, *, positive: bool = True, n_steps: int = OnlineDictionary.n_steps
) -> Candidate:
    """Return the atoms of an online dictionary that pay for themselves, in the time that is left.

    Where the time is short it ends with what it has.
    """
    left = time_left()
    method = OnlineDictionary(
        split.n,
        n_active=split.n_active,
        positive=positive,
        n_steps=n_steps,
        time_limit=None if left == float("inf") else max(0.0, FITTING * left),
        random_state=split.rng.randint(2**31),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        method.fit(split.X)
    D = np.asarray(method.components_)
    codes = np.asarray(method.transform(split.held_out))
    uses = np.count_nonzero(codes, axis=0) * (len(split.X) / len(split.held_out))
    return Candidate(
        "online dictionary" if positive else "online dictionary, signed codes",
        D,
        uses / (uses + 5.0),
        noise=method.noise_,
        n_iter=method.n_iter_,
        sure=len(uses) > 0 and float(np.median(uses)) >= ENOUGH_USES,
        positive=positive,
        offset=np.asarray(method.mean_),
    )
