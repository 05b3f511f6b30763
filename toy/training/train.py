"""Train many toy models at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from toy.models.loss import loss
from toy.models.networks import Model, Params
from toy.randomness import stream
from toy.spec import TrainingSpec
from toy.training import compiled_engine, torch_engine
from toy.training.instance import Instance

#: Fresh samples on which restarts are compared; the same for all instances of one seed.
EVALUATION_SAMPLES = 16_384


@dataclass(frozen=True, eq=False)
class Trained:
    """Trained instances.

    Attributes
    ----------
    params : dict of Tensor
        Parameters and constants, with a leading dimension of K instances.
    loss : Tensor of shape (K,)
        Expected loss, estimated on fresh samples.
    curve : Tensor of shape (n_points, K)
        Training loss, averaged over the steps up to each point.
    steps : tuple of int
        The points.
    history : dict of Tensor
        Trained parameters at each point, (n_points, K, ...); empty unless asked for.
    """

    params: Params
    loss: Tensor
    curve: Tensor
    steps: tuple[int, ...]
    history: Params


def pick_device(device: str) -> torch.device:
    """Return the device a name stands for; "auto" is CUDA where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def train_many(
    model: Model,
    instances: Sequence[Instance],
    training: TrainingSpec,
    *,
    device: str = "auto",
    points: int = 100,
    keep_history: bool = False,
) -> Trained:
    """Train every instance in one batch of tensors.

    An instance draws from its own random streams and shares no arithmetic with another, so that
    on the CPU its result is the same, bit by bit, whoever it is trained with. On CUDA the whole
    batch determines the bits.

    Parameters
    ----------
    model : Model
    instances : sequence of Instance
        All of the model's number of features.
    training : TrainingSpec
    device : str
        "auto", "cpu", "cuda", ...
    points : int
        How many points of the learning curve to keep.
    keep_history : bool
        Whether to keep the parameters at those points.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        If there is no instance, or features or importance are not of the model's length.
    """
    _check(model, instances)
    where = pick_device(device)
    schedule = np.array([rate(training, step) for step in range(training.steps)])
    ends = np.unique(np.linspace(0, training.steps, min(points, training.steps) + 1).astype(int))
    plan = list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
    starts = [initial(model, one, training) for one in instances]
    if where.type == "cpu" and compiled_engine.handles(model, training):
        engine: compiled_engine.Engine | torch_engine.Engine = compiled_engine.Engine(
            model, instances, training, starts
        )
    else:
        engine = torch_engine.Engine(model, instances, training, starts, where)
    curve, history = [], []
    for first, last in plan:
        curve.append(engine.advance(first, schedule[first:last]))
        if keep_history:
            params = engine.params()
            history.append({name: params[name].clone() for name in model.shapes})
    params = engine.params()
    kept = {
        name: torch.stack([point[name] for point in history]) for name in model.shapes if history
    }
    steps = tuple(last for _, last in plan)
    final = _expected_loss(model, instances, params)
    return Trained(params, final, torch.stack(curve), steps, kept)


def initial(model: Model, instance: Instance, training: TrainingSpec) -> dict[str, np.ndarray]:
    """Return an instance's start, float32: Xavier-normal matrices, zero biases, its constants."""
    rng = instance.stream("init")
    start = {}
    for name, shape in model.shapes.items():
        std = training.init_std or math.sqrt(2 / sum(shape))
        start[name] = std * rng.standard_normal(shape) if len(shape) == 2 else np.zeros(shape)
    start |= model.constants(stream(instance.seed, "constants"))
    return {name: value.astype(np.float32) for name, value in start.items()}


def rate(training: TrainingSpec, step: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    share = step / training.steps
    if training.schedule == "linear":
        return training.lr * (1 - share)
    if training.schedule == "cosine":
        return training.lr * 0.5 * (1 + math.cos(math.pi * share))
    return training.lr


def _check(model: Model, instances: Sequence[Instance]) -> None:
    if not instances:
        raise ValueError("train_many needs at least one instance.")
    for one in instances:
        given = (one.features.n_features, len(one.importance))
        if given != (model.n_features, model.n_features):
            raise ValueError(
                f"The model has {model.n_features} features, the instance {given[0]} "
                f"and {given[1]} importance weights."
            )


def _expected_loss(model: Model, instances: Sequence[Instance], params: Params) -> Tensor:
    """Return the loss (K,) on fresh samples, the same for all instances of one seed."""
    losses = []
    for k, one in enumerate(instances):
        x = one.features.sample(EVALUATION_SAMPLES, stream(one.seed, "evaluate")).toarray()
        own = {name: value[k : k + 1] for name, value in params.items()}
        batch = torch.from_numpy(x).to(own["W"].device).unsqueeze(0)
        importance = torch.as_tensor(one.importance, dtype=torch.float32).to(batch.device)
        losses.append(loss(model, own, batch, model.target(own, batch), importance[None])[0])
    return torch.stack(losses)
