"""Train toy models for experiments, and keep the best of their restarts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from toy.build import build_features
from toy.features.distribution import Features
from toy.features.spec import FeaturesSpec
from toy.models.networks import Model
from toy.spec import TrainingSpec
from toy.training.instance import Instance
from toy.training.train import train_many


@dataclass(frozen=True, eq=False)
class Grown:
    """Trained models: for each data distribution the best restart, and all of them.

    Attributes
    ----------
    params : dict of ndarray (n_distributions, ...), float64
        Of the restart with the lowest expected loss.
    loss : ndarray of shape (n_distributions,)
    all_params : dict of ndarray (n_distributions, restarts, ...)
    all_loss : ndarray of shape (n_distributions, restarts)
    curve : ndarray of shape (n_points, n_distributions, restarts)
        Training loss up to each of the steps.
    steps : ndarray of shape (n_points,)
    history : dict of ndarray (n_points, n_distributions, restarts, ...)
        Parameters at those steps, where asked for.
    """

    params: Mapping[str, np.ndarray]
    loss: np.ndarray
    all_params: Mapping[str, np.ndarray]
    all_loss: np.ndarray
    curve: np.ndarray
    steps: np.ndarray
    history: Mapping[str, np.ndarray]

    @property
    def W(self) -> np.ndarray:
        """Feature vectors (n_distributions, n_features, n_hidden) of the best restarts."""
        return self.params["W"]

    @property
    def b(self) -> np.ndarray:
        """Output biases (n_distributions, n_features) of the best restarts."""
        return self.params["b"]


def features(n: int, gate: Mapping[str, Any], seed: int = 0, **rest: Any) -> Features:
    """Return the distribution that a spec describes, as in ``features(5, {"p": 0.1})``.

    The gate is independent unless it names another kind.
    """
    spec = {"n": n, "gate": {"kind": "independent", **gate}, **rest}
    return build_features(FeaturesSpec.model_validate(spec), seed)


def grow(
    model: Model,
    distributions: Sequence[Features],
    importance: np.ndarray | float = 1.0,
    *,
    restarts: int = 1,
    steps: int,
    batch: int = 1024,
    lr: float = 1e-3,
    schedule: Literal["constant", "linear", "cosine"] = "constant",
    weight_decay: float = 0.0,
    init_std: float | None = None,
    seed: int = 0,
    points: int = 100,
    keep_history: bool = False,
    l1: float = 0.0,
    attack: float = 0.0,
) -> Grown:
    """Train one model for each distribution and restart, all in one batch of tensors."""
    weight = np.broadcast_to(
        np.asarray(importance, dtype=float), distributions[0].n_features
    ).copy()
    instances = [
        Instance(one, weight, seed, restart) for one in distributions for restart in range(restarts)
    ]
    spec = TrainingSpec(
        steps=steps,
        batch=batch,
        lr=lr,
        schedule=schedule,
        weight_decay=weight_decay,
        init_std=init_std,
        l1=l1,
        attack=attack,
    )
    trained = train_many(model, instances, spec, points=points, keep_history=keep_history)
    shape = (len(distributions), restarts)
    loss = trained.loss.double().cpu().numpy().reshape(shape)
    every = {
        name: value.double().cpu().numpy().reshape(*shape, *value.shape[1:])
        for name, value in trained.params.items()
        if name in model.shapes
    }
    history = {
        name: value.double().cpu().numpy().reshape(len(value), *shape, *value.shape[2:])
        for name, value in trained.history.items()
    }
    best = loss.argmin(1)
    rows = np.arange(len(loss))
    return Grown(
        {name: value[rows, best] for name, value in every.items()},
        loss[rows, best],
        every,
        loss,
        trained.curve.double().cpu().numpy().reshape(-1, *shape),
        np.array(trained.steps),
        history,
    )
