"""A forest of features, of which many are active at once: for large data with parents in it."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from unfold.deadline import check_time, time_left
from unfold.methods.base import FitStatus
from unfold.methods.trees.estimator import TreeDictionary
from unfold.pipeline.judge import Candidate
from unfold.pipeline.split import Split

#: Fewest dimensions in which unrelated events do not look like relatives: at 128 the largest of a
#: million chance cosines is .44, which is below what siblings have.
DIMENSIONS = 128
#: Samples of the first look, on which a world without parents is told for a tenth of the price.
LOOK = 20_000
#: Fewest samples in all: events are a hundred times rarer than a sample, and ten make one.
ENOUGH = 20_000
#: Share of the found that have a parent from which there is a hierarchy; chance gives a few.
PARENTS = 0.1
#: Share of the time left that growth may take; the tree and its features take the rest.
GROWTH = 0.6


def by_hierarchy(split: Split) -> Candidate | None:
    """Return the features of a hierarchy, or None where there is none, or it cannot be told yet."""
    if split.X.shape[1] < DIMENSIONS or len(split.X) < ENOUGH:
        return None
    seed = split.rng.randint(2**31)
    if not any_parents(fitted(split.X[:LOOK], 2, seed)):
        return None
    check_time()
    method = fitted(split.X, 6, seed)
    if not any_parents(method) or method.status_ is FitStatus.STALLED:
        return None
    D = np.asarray(method.components_)[: split.n]
    return Candidate(
        "hierarchy",
        D,
        method.confidence_[: split.n],
        {"parents": float((method.parents_ >= 0).sum()), "in_sample": method.explained_},
        n_iter=method.n_iter_,
        offset=np.asarray(method.mean_),
    )


def fitted(X: np.ndarray, rounds: int, seed: int) -> TreeDictionary:
    """Return a tree dictionary that has had its share of the time left."""
    left = time_left()
    limit = None if left == float("inf") else max(0.0, GROWTH * left)
    method = TreeDictionary(rounds=rounds, time_limit=limit, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return method.fit(X)


def any_parents(method: TreeDictionary) -> bool:
    """Tell whether what was found is a hierarchy."""
    return bool((method.parents_ >= 0).mean() > PARENTS)
