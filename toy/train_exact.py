"""Train without samples: the expected loss itself, minimised from several starts."""

import numpy as np
import torch

from toy.exact_fit import Fit, fit_linear, fit_one_hot, fit_relu
from toy.feature_spec import ExactlySpec, GateSpec, SetsSpec
from toy.spec import TrainedSpec


def train_exactly(
    source: TrainedSpec, gate: GateSpec, density: np.ndarray, importance: np.ndarray, seed: int
) -> Fit:
    """Return the lowest of several minima of the exact loss.

    Parameters
    ----------
    source : TrainedSpec
        Of a model and features that have an exact loss, as `toy.spec.ProblemSpec` makes sure.
    gate : GateSpec
    density, importance : ndarray of shape (n,)
    seed : int

    Returns
    -------
    Fit
        Of one instance.
    """
    n, d, starts = len(density), source.d, source.training.restarts
    p, weight = (torch.from_numpy(value).double()[None] for value in (density, importance))
    if source.model.kind == "linear":
        return fit_linear(n, d, p, weight, n_starts=starts, seed=seed)
    if isinstance(gate, ExactlySpec):
        return fit_one_hot(n, d, weight, n_starts=starts, seed=seed)
    size = gate.size if isinstance(gate, SetsSpec) else 1
    return fit_relu(n, d, p, weight, set_size=size, n_starts=starts, seed=seed)
