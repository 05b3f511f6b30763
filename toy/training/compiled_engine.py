"""Training of tied models on the CPU: compiled kernels, one instance a thread."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from toy.features.distribution import Features, GatedFeatures
from toy.features.gates import IndependentGate
from toy.features.magnitudes import UniformMagnitude
from toy.kernels.tied_models import descend_given, descend_independent
from toy.models.networks import Model, Params, TiedModel
from toy.spec import TrainingSpec
from toy.training.instance import Instance

#: Samples drawn ahead in one call where the kernel does not draw them itself.
DRAWN_AHEAD = 16_384


def handles(model: Model, training: TrainingSpec) -> bool:
    """Tell whether the kernels cover this model and this way of training it."""
    plain = type(model) is TiedModel and not model.hidden_relu
    return plain and not training.l1 and not training.attack


class Engine:
    """Descends the loss of many tied models.

    Parameters
    ----------
    model : Model
        One that `handles` accepts.
    instances : sequence of Instance
    training : TrainingSpec
    starts : list of dict
        Initial parameters of each instance.
    """

    def __init__(
        self,
        model: Model,
        instances: Sequence[Instance],
        training: TrainingSpec,
        starts: list[dict[str, np.ndarray]],
    ) -> None:
        relu = isinstance(model, TiedModel) and model.relu
        self._tracks = [
            _Track(instance, training, start, relu)
            for instance, start in zip(instances, starts, strict=True)
        ]
        self._threads = min(len(instances), torch.get_num_threads(), os.cpu_count() or 1)

    def advance(self, first_step: int, rates: np.ndarray) -> Tensor:
        """Take one step for each learning rate; return the mean losses (K,)."""
        # One thread a product: how many threads share a sum would show in its last bits.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(self._threads) as pool:
            losses = list(pool.map(lambda track: track.advance(first_step, rates), self._tracks))
        return torch.tensor(losses, dtype=torch.float32)

    def params(self) -> Params:
        """Return the parameters of all instances."""
        theta = torch.from_numpy(np.stack([track.theta for track in self._tracks]))
        return {"W": theta[:, :-1].transpose(1, 2).contiguous(), "b": theta[:, -1].clone()}


class _Track:
    """One instance's parameters, optimiser state and data."""

    def __init__(
        self, instance: Instance, training: TrainingSpec, start: dict[str, np.ndarray], relu: bool
    ) -> None:
        self.theta = np.ascontiguousarray(np.vstack([start["W"].T, start["b"]]))
        self._moments = np.zeros_like(self.theta), np.zeros_like(self.theta)
        self._importance = np.asarray(instance.importance, dtype=np.float32)
        self._relu, self._training = relu, training
        self._features = instance.features
        self._law = _uniform_law(instance.features)
        self._rng = instance.stream("batches")
        self._state = self._rng.integers(0, 2**64, size=4, dtype=np.uint64)

    def advance(self, first_step: int, rates: np.ndarray) -> float:
        """Take one step for each learning rate; return the mean loss."""
        batch, decay = self._training.batch, self._training.weight_decay
        common = (self.theta, *self._moments, self._importance, self._relu, batch)
        if self._law is not None:
            loss = descend_independent(*common, self._law, self._state, first_step, rates, decay)
            return float(loss)
        total, ahead = 0.0, max(1, DRAWN_AHEAD // batch)
        for start in range(0, len(rates), ahead):
            part = rates[start : start + ahead]
            x, used = self._draw(len(part))
            loss = descend_given(*common, x, used, first_step + start, part, decay)
            total += float(loss) * len(part)
        return total / len(rates)

    def _draw(self, batches: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the samples that are not empty, and how many of them each batch has."""
        batch = self._training.batch
        codes = self._features.sample(batches * batch, self._rng)
        full = np.diff(codes.indptr) > 0
        return codes[np.flatnonzero(full)].toarray(), full.reshape(batches, batch).sum(axis=1)


def _uniform_law(features: Features) -> tuple[float, float, float] | None:
    """Return density, lowest and highest value where these are all there is to know."""
    if not isinstance(features, GatedFeatures) or not isinstance(features.gate, IndependentGate):
        return None
    p, magnitude = features.density, features.magnitude
    if not isinstance(magnitude, UniformMagnitude) or (p != p[0]).any():
        return None
    return float(p[0]), float(magnitude.low), float(magnitude.high)
