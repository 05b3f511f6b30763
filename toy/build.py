"""From specs to distributions and models."""

import numpy as np

from toy.features import Features
from toy.gates import IndependentGate
from toy.magnitudes import UniformMagnitude
from toy.models import TiedModel
from toy.spec import FeaturesSpec, TrainedSpec


def build_features(spec: FeaturesSpec) -> Features:
    """Return the distribution that a spec describes."""
    gate = IndependentGate(np.broadcast_to(np.asarray(spec.gate.p, dtype=float), spec.n))
    return Features(gate, UniformMagnitude(spec.magnitude.low, spec.magnitude.high))


def build_model(spec: TrainedSpec, n_features: int) -> TiedModel:
    """Return the model that a spec describes."""
    return TiedModel(n_features, spec.d, relu=spec.model == "relu-output")


def build_importance(importance: float | tuple[float, ...], n: int) -> np.ndarray:
    """Return the weights (n,) of features in the loss: powers of a number, or as given."""
    if isinstance(importance, tuple):
        return np.asarray(importance, dtype=float)
    return float(importance) ** np.arange(n)
