"""How many features are there? Estimators of the number, for those who want nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from unfold.arrays import check_activations, root_mean_square, to_numpy
from unfold.methods.atoms import drawn_samples
from unfold.methods.dictionary_learning.consensus import Consensus
from unfold.methods.dictionary_learning.ksvd import KSVD
from unfold.methods.ica.cumulants import cumulants
from unfold.methods.ica.joint_cumulants import JointCumulants
from unfold.methods.ica.subspace_power import replicated
from unfold.pipeline.recover import Recover
from unfold.sparse_coding.description_length import description_length, numbers_nats

#: Samples that the sweep of description lengths looks at, and sizes per dimension it starts with.
SWEPT, SIZES = 5000, (0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8)


def by_pipeline(X: np.ndarray, random_state: Any) -> int:
    """Return how many directions `unfold.recover` ends with."""
    return Recover(random_state=random_state).fit(X).n_components_


def by_agreement(X: np.ndarray, random_state: Any) -> int:
    """Return how many directions most of several runs find: stability across seeds."""
    return Consensus(random_state=random_state).fit(X).n_components_


def by_split_halves(X: np.ndarray, random_state: Any) -> int:
    """Return how many rank-one points of the fourth cumulant two halves of the samples share."""
    generator = torch.Generator().manual_seed(int(random_state))
    return len(replicated(cumulants(torch.as_tensor(X)), generator))


def by_cumulants(X: np.ndarray, random_state: Any) -> int:
    """Return how many terms the joint cumulants pay for; d up to 40."""
    return JointCumulants(random_state=random_state).fit(X).n_components_


def by_description_length(X: np.ndarray, random_state: Any) -> int:
    """Return the size at which a learned dictionary describes held-out samples shortest.

    Sparsity and sign are those that `Consensus` chooses; sizes are swept from half to eight a
    dimension, then halved in between.
    """
    rng = np.random.RandomState(random_state)
    X = X[rng.permutation(len(X))[:SWEPT]].astype(np.float64)
    X = X[X.any(axis=1)] / root_mean_square(X)
    chosen = Consensus(n_runs=4, random_state=random_state).fit(X)
    learner = KSVD(positive=chosen.positive_)
    judges, learnt = np.split(X, [len(X) // 5])
    nats: dict[int, float] = {}

    def measure(k: int) -> float:
        if k not in nats:
            D = learner.alternate(learnt, drawn_samples(learnt, k, rng), chosen.n_active_, rng)
            of_samples = description_length(judges, D, chosen.n_active_, positive=chosen.positive_)
            nats[k] = of_samples + numbers_nats(D.size, len(X))
        return nats[k]

    sizes = sorted({max(1, round(size * X.shape[1])) for size in SIZES})
    best = min(sizes, key=measure)
    step = max(1, best // 4)
    while step >= 1:
        best = min((max(1, best - step), best, best + step), key=measure)
        step //= 2
    return best


ESTIMATORS: dict[str, Callable[[np.ndarray, Any], int]] = {
    "pipeline": by_pipeline,
    "agreement": by_agreement,
    "split halves": by_split_halves,
    "cumulants": by_cumulants,
    "description length": by_description_length,
}


def count_features(X: Any, by: str = "pipeline", *, random_state: int = 0) -> int:
    """Estimate how many features activations are made of.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, d)
    by : str
        "pipeline": what `unfold.recover` ends with. "agreement": what several runs of K-SVD have
        in common. "split halves": what the fourth cumulants of two halves of the samples have in
        common. "cumulants": terms that a joint fit of cumulants pays for. "description length":
        the size that describes held-out samples shortest. See docs/recover.md for their errors.
        "agreement" fits K-SVD several times over: minutes where the others take seconds.
    random_state : int

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If ``by`` is none of these, or ``X`` is not a finite matrix of two or more samples.
    """
    if by not in ESTIMATORS:
        raise ValueError(f"by is one of {', '.join(map(repr, ESTIMATORS))}; got {by!r}.")
    return int(
        ESTIMATORS[by](np.asarray(to_numpy(check_activations(X, min_samples=2))), random_state)
    )
