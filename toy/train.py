"""Train many toy models at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from toy.features import Features
from toy.models import TiedModel
from toy.optimizer import AdamW
from toy.randomness import stream
from toy.spec import TrainingSpec

#: Samples drawn ahead in one call, per instance: spreads the cost of a call over many steps.
DRAWN_AHEAD = 16
EVALUATION_SAMPLES = 16_384


@dataclass(frozen=True, eq=False)
class Instance:
    """One model to train: its data, its weights in the loss, its seed.

    Attributes
    ----------
    features : Features
    importance : ndarray of shape (n,)
    seed : int
    restart : int
        Tells apart the restarts of one seed.
    """

    features: Features
    importance: np.ndarray
    seed: int
    restart: int = 0


@dataclass(frozen=True, eq=False)
class Trained:
    """Trained instances.

    Attributes
    ----------
    params : dict of Tensor
        With a leading dimension of K instances.
    loss : Tensor of shape (K,)
        Expected loss, estimated on fresh samples; the same for instances with one seed.
    curve : Tensor of shape (n_points, K)
        Training loss, averaged over the steps up to each of ``curve_steps``.
    curve_steps : tuple of int
    """

    params: dict[str, Tensor]
    loss: Tensor
    curve: Tensor
    curve_steps: tuple[int, ...]


def pick_device(device: str) -> torch.device:
    """Return the device a name stands for; "auto" is CUDA where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def train_many(
    model: TiedModel,
    instances: Sequence[Instance],
    training: TrainingSpec,
    *,
    device: str = "auto",
) -> Trained:
    """Train every instance in one batch of tensors.

    An instance draws from its own random streams and touches no other, so that on the CPU its
    result is the same, bit by bit, whoever it is trained with.

    Parameters
    ----------
    model : TiedModel
    instances : sequence of Instance
    training : TrainingSpec
    device : str

    Returns
    -------
    Trained
    """
    if not instances:
        raise ValueError("train_many needs at least one instance.")
    where = pick_device(device)
    flat, params = _initial(model, instances, training, where)
    gradient, gradients = _views(model, len(instances), where)
    importance = torch.stack(
        [torch.as_tensor(instance.importance, dtype=torch.float32) for instance in instances]
    ).to(where)
    optimizer = AdamW(flat, training.weight_decay)
    batches = _Batches(instances, training.batch, where)
    every = max(1, training.steps // 100)
    running, curve, curve_steps = torch.zeros(len(instances), device=where), [], []
    for step in range(training.steps):
        loss, parts = model.loss_and_gradient(params, batches.next(), importance)
        for name, part in parts.items():
            gradients[name].copy_(part)
        optimizer.step(gradient, training.lr * _schedule(training, step))
        running += loss
        if (step + 1) % every == 0:
            curve.append(running / every)
            curve_steps.append(step + 1)
            running = torch.zeros_like(running)
    held_out = _draw(
        [(one, stream(one.seed, "evaluate")) for one in instances], EVALUATION_SAMPLES, where
    )
    loss, _ = model.loss_and_gradient(params, held_out, importance)
    return Trained(params, loss, torch.stack(curve), tuple(curve_steps))


def _views(
    model: TiedModel, n_instances: int, device: torch.device
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return a flat (K, P) tensor of zeros and the parameters as views into it."""
    sizes = [math.prod(shape) for shape in model.shapes.values()]
    flat = torch.zeros(n_instances, sum(sizes), device=device)
    parts = torch.split(flat, sizes, dim=1)
    views = {
        name: part.view(n_instances, *shape)
        for (name, shape), part in zip(model.shapes.items(), parts, strict=True)
    }
    return flat, views


def _initial(
    model: TiedModel, instances: Sequence[Instance], training: TrainingSpec, device: torch.device
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return Xavier-normal matrices and zero biases, flat and as views."""
    flat, params = _views(model, len(instances), device)
    for k, instance in enumerate(instances):
        rng = stream(instance.seed, "init", str(instance.restart))
        for name, shape in model.shapes.items():
            if len(shape) == 2:
                std = training.init_std or math.sqrt(2 / sum(shape))
                params[name][k] = torch.as_tensor(std * rng.standard_normal(shape))
    return flat, params


def _schedule(training: TrainingSpec, step: int) -> float:
    if training.schedule == "linear":
        return 1 - step / training.steps
    if training.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * step / training.steps))
    return 1.0


def _draw(
    sources: Sequence[tuple[Instance, np.random.Generator]], n: int, device: torch.device
) -> Tensor:
    """Return ``n`` feature vectors an instance, (K, n, n_features)."""
    samples = [instance.features.sample(n, rng).toarray() for instance, rng in sources]
    return torch.from_numpy(np.stack(samples)).to(device)


class _Batches:
    """Endless batches (K, B, n), each instance's from its own stream."""

    def __init__(self, instances: Sequence[Instance], batch: int, device: torch.device) -> None:
        self._sources = [(one, stream(one.seed, "batches", str(one.restart))) for one in instances]
        self._batch = batch
        self._device = device
        self._ahead: list[Tensor] = []

    def next(self) -> Tensor:
        if not self._ahead:
            block = _draw(self._sources, DRAWN_AHEAD * self._batch, self._device)
            self._ahead = list(torch.split(block, self._batch, dim=1))[::-1]
        return self._ahead.pop().contiguous()
