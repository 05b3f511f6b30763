"""Training of any model on any device, as one batch of tensors."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from toy.features.distribution import GatedFeatures
from toy.features.gates import IndependentGate
from toy.features.magnitudes import UniformMagnitude
from toy.models.loss import attack_directions, loss_and_gradient, perturb
from toy.models.networks import Model, Params, TiedModel
from toy.spec import TrainingSpec
from toy.training.adamw import AdamW
from toy.training.instance import Instance

#: Samples drawn ahead in one call, per instance: spreads the cost of a call over many steps.
DRAWN_AHEAD = 8_192


class Engine:
    """Descends the loss of many models at once.

    Parameters
    ----------
    model : Model
    instances : sequence of Instance
    training : TrainingSpec
    starts : list of dict
        Initial parameters and constants of each instance.
    device : torch.device
    """

    def __init__(
        self,
        model: Model,
        instances: Sequence[Instance],
        training: TrainingSpec,
        starts: list[dict[str, np.ndarray]],
        device: torch.device,
    ) -> None:
        self._model, self._training = model, training
        flat, self._params = _views(model, len(instances), device)
        self._slope, self._slopes = _views(model, len(instances), device)
        for name in starts[0]:
            values = torch.from_numpy(np.stack([start[name] for start in starts])).to(device)
            if name in model.shapes:
                self._params[name].copy_(values)
            else:
                self._params[name] = values
        self._importance = torch.from_numpy(
            np.stack([one.importance for one in instances]).astype(np.float32)
        ).to(device)
        self._optimizer = AdamW(flat, training.weight_decay)
        self._batches = _batches(instances, training.batch, device)
        self._rngs = [one.stream("attack") for one in instances]

    def advance(self, first_step: int, rates: np.ndarray) -> Tensor:
        """Take one step for each learning rate; return the mean losses (K,)."""
        total = torch.zeros(len(self._rngs), device=self._importance.device)
        for rate in rates.tolist():
            clean = self._batches.next()
            target = self._model.target(self._params, clean)
            x = self._attacked(clean) if self._training.attack else clean
            value, slopes = loss_and_gradient(
                self._model, self._params, x, target, self._importance, self._training.l1
            )
            for name, slope in slopes.items():
                self._slopes[name].copy_(slope)
            self._optimizer.step(self._slope, rate)
            total += value
        return (total / len(rates)).cpu()

    def params(self) -> Params:
        """Return the parameters and constants of all instances."""
        return {name: value.clone() for name, value in self._params.items()}

    def _attacked(self, x: Tensor) -> Tensor:
        """Return inputs moved in the direction that is worst for a random feature of each."""
        chosen = np.stack([rng.integers(0, x.shape[2], size=x.shape[1]) for rng in self._rngs])
        assert isinstance(self._model, TiedModel)
        directions = attack_directions(self._params["W"])
        norm = self._training.attack * x.norm(dim=2).mean(dim=1)
        return perturb(x, directions, torch.from_numpy(chosen).to(x.device), norm)


def _views(model: Model, n_instances: int, device: torch.device) -> tuple[Tensor, Params]:
    """Return a flat (K, P) tensor of zeros and the parameters as views into it."""
    sizes = [math.prod(shape) for shape in model.shapes.values()]
    flat = torch.zeros(n_instances, sum(sizes), device=device)
    views, start = {}, 0
    for (name, shape), size in zip(model.shapes.items(), sizes, strict=True):
        views[name] = flat[:, start : start + size].view(n_instances, *shape)
        start += size
    return flat, views


def _batches(
    instances: Sequence[Instance], batch: int, device: torch.device
) -> "_DrawnOnHost | _DrawnOnDevice":
    simple = all(
        isinstance(one.features, GatedFeatures)
        and isinstance(one.features.gate, IndependentGate)
        and isinstance(one.features.magnitude, UniformMagnitude)
        for one in instances
    )
    if device.type != "cpu" and simple:
        return _DrawnOnDevice(instances, batch, device)
    return _DrawnOnHost(instances, batch, device)


class _DrawnOnHost:
    """Endless batches (K, B, n), each instance's from its own stream."""

    def __init__(self, instances: Sequence[Instance], batch: int, device: torch.device) -> None:
        self._sources = [(one.features, one.stream("batches")) for one in instances]
        self._batch, self._device = batch, device
        self._ahead: list[Tensor] = []

    def next(self) -> Tensor:
        if not self._ahead:
            batches = max(1, DRAWN_AHEAD // self._batch)
            drawn = [
                features.sample(batches * self._batch, rng).toarray()
                for features, rng in self._sources
            ]
            x = torch.from_numpy(np.stack(drawn)).to(self._device)
            x = x.view(len(drawn), batches, self._batch, -1)
            self._ahead = [x[:, at].contiguous() for at in range(batches)][::-1]
        return self._ahead.pop()


class _DrawnOnDevice:
    """Endless batches (K, B, n) of independent uniform features, drawn where they are used."""

    def __init__(self, instances: Sequence[Instance], batch: int, device: torch.device) -> None:
        laws = [(one.features.density, _bounds(one)) for one in instances]
        self._p = torch.from_numpy(np.stack([p for p, _ in laws]).astype(np.float32)).to(device)
        bounds = np.array([bounds for _, bounds in laws], dtype=np.float32)[:, :, None, None]
        self._low, self._high = torch.from_numpy(bounds).to(device).unbind(1)
        self._shape = (len(instances), batch, self._p.shape[1])
        seeds = [(one.seed * 1_000_003 + one.restart) % 2**31 for one in instances]
        self._generator = torch.Generator(device).manual_seed(
            int(np.random.SeedSequence(seeds).generate_state(1)[0])
        )

    def next(self) -> Tensor:
        gate = torch.rand(self._shape, generator=self._generator, device=self._p.device)
        values = torch.rand(self._shape, generator=self._generator, device=self._p.device)
        values = torch.lerp(self._low, self._high, values)
        return values.mul_(gate < self._p.unsqueeze(1))


def _bounds(instance: Instance) -> tuple[float, float]:
    assert isinstance(instance.features, GatedFeatures)
    magnitude = instance.features.magnitude
    assert isinstance(magnitude, UniformMagnitude)
    return magnitude.low, magnitude.high
