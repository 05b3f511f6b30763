"""Adversarial training: models that are hardened against attack give up superposition."""

from typing import Any

import numpy as np

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Outcome, check
from evaluation.reproduce.training import features, grow
from toy.geometry.dimensionality import superposition
from toy.models.networks import TiedModel

#: Length of the attack in training, as a share of the mean input length.
ATTACKS = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


def hardening(full: bool) -> Outcome:
    """Features per dimension by the length of the attack that a model is trained against."""
    n, m = (100, 20) if full else (20, 5)
    world = features(n, {"p": 0.1})
    steps, batch = (20_000, 1024) if full else (2500, 512)
    settings: Any = {"steps": steps, "batch": batch, "lr": 5e-3, "schedule": "cosine"}
    grown = [
        grow(TiedModel(n, m), [world], restarts=4, seed=0, attack=attack, **settings)
        for attack in ATTACKS
    ]
    per_dimension = np.array([(one.W[0] ** 2).sum() / m for one in grown])
    overlap = np.array([np.median(superposition(one.W[0])) for one in grown])
    loss = np.array([one.loss[0] for one in grown])
    figure, axes = style.panels(1, 2, width=9, height=3.1)
    left, right = axes[0]
    left.plot(ATTACKS, per_dimension, "o-", color=style.BLUE, ms=4)
    style.guide(left, [(1.0, "no superposition")])
    left.set(xlabel="attack in training / mean input length", ylim=(0, None))
    left.set_title("Features per dimension")
    right.plot(ATTACKS, loss / loss[0], "o-", color=style.ORANGE, ms=4)
    right.set(xlabel="attack in training / mean input length", title="Loss on clean inputs, x-fold")
    return Outcome(
        [
            check(
                "reduces",
                "Adversarial training reduces superposition, the more the longer the attack",
                published="superposition falls with the attack's length",
                ours=f"features per dimension {_list(per_dimension)}; median superposition "
                f"{_list(overlap)}",
                holds=bool((np.diff(per_dimension) < 0).all() and overlap[5] < overlap[0] / 2),
                why="features per dimension fall at every step, and what overlaps halves by .8",
            ),
            check(
                "costly",
                "Only attacks of about 80 % of the input's length remove it",
                published="80 % of the input norm",
                ours=f"features per dimension {per_dimension[3]:.2f} at .4, {per_dimension[5]:.2f} "
                f"at .8, {per_dimension[6]:.2f} at 1",
                holds=bool(per_dimension[3] > 2 and abs(per_dimension[5] - 1) < 0.25),
                why="above 2 at .4, 1 ± .25 at .8",
            ),
            check(
                "price",
                "Robustness costs accuracy",
                published="a trade-off",
                ours=f"clean loss rises {loss[5] / loss[0]:.2f}-fold at .8",
                holds=bool((np.diff(loss[1:]) > 0).all() and loss[5] > 1.3 * loss[0]),
                why="rises with the attack from .1 on, by more than .3 at .8",
            ),
        ],
        figure,
        {
            "attack": list(ATTACKS),
            "features_per_dimension": style.thin(per_dimension),
            "superposition": style.thin(overlap),
            "loss": style.thin(loss),
        },
    )


def _list(values: np.ndarray) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


EXPERIMENTS = (
    Experiment(
        "adversarial-training",
        "Adversarial training removes superposition",
        "Elhage et al. 2022, “Superposition and adversarial examples”",
        "Twenty equal features of density .1 in five dimensions (published sizes: 100 in 20). Each "
        "input is moved against a random feature's output, by a share of the mean input length; "
        "targets stay clean. The lowest of four restarts.",
        hardening,
    ),
)
