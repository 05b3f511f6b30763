"""Learning dynamics: features jump between energy levels, and geometry changes in stages."""

import numpy as np

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Outcome, check
from evaluation.reproduce.training import features, grow
from toy.geometry import feature_dimensionality, represented
from toy.models import TiedModel
from toy.polytopes import recognise


def energy_levels(full: bool) -> Outcome:
    """Dimensionality of each feature during training that ends in all digons."""
    n, m, steps = 60, 20, 12_000 if full else 6000
    grown = grow(
        TiedModel(n, m),
        [features(n, {"p": 0.35})],
        steps=steps,
        batch=1024 if full else 256,
        lr=5e-4,
        seed=7,
        points=steps // 25,
        keep_history=True,
    )
    W, steps_at = grown.history["W"][:, 0, 0], grown.steps
    D = feature_dimensionality(W) * (np.linalg.norm(W, axis=-1) > 0.1)
    late = steps_at > 1000
    swing = D[late].max(0) - D[late].min(0)
    jumpers = int((swing > 0.2).sum())
    final = D[-1][represented(W[-1])]
    figure, axes = style.panels(2, 1, width=9, height=4.4, sharex=True,
                                gridspec_kw={"height_ratios": [1.6, 1]})  # fmt: skip
    levels, curve = axes[:, 0]
    levels.plot(steps_at, D, color=style.FAINT, lw=0.7, alpha=0.5)
    levels.plot(steps_at, D[:, swing > 0.2], color=style.ORANGE, lw=1.1)
    levels.set(ylabel="feature dimensionality", ylim=(-0.02, 1.02),
               title="Features that jump after step 1000 in colour")  # fmt: skip
    style.guide(levels, [(0.5, "digon 1/2")])
    curve.plot(steps_at, grown.curve[:, 0, 0], color=style.BLUE, lw=1.1)
    late_loss = grown.curve[steps_at > 300, 0, 0]
    curve.set(xlabel="step", ylabel="loss", ylim=(late_loss.min() * 0.99, late_loss.max() * 1.01))
    curve.grid(True)
    return Outcome(
        [
            check(
                "digons",
                "Training ends with every represented feature in a digon",
                published="all features at 1/2",
                ours=f"{len(final)} features at {final.min():.3f} to {final.max():.3f}",
                holds=bool(np.abs(final - 0.5).max() < 0.03 and len(final) >= 2 * m - 2),
                why="all within .03 of 1/2",
            ),
            check(
                "jumps",
                "On the way features jump between levels, long after the loss looks flat",
                published="discrete jumps, each with a drop of the loss",
                ours=f"{jumpers} features move by more than .2 after step 1000",
                holds=jumpers >= 3,
                why="at least three; needs a small learning rate",
            ),
        ],
        figure,
        {"steps": steps_at.tolist(), "final": style.thin(final), "swing": style.thin(swing)},
    )


def transformations(full: bool) -> Outcome:
    """Two correlated sets of three in three dimensions: stages on the way to an octahedron."""
    steps = 20_000 if full else 3000
    grown = grow(
        TiedModel(6, 3),
        [features(6, {"kind": "correlated", "size": 3, "p": 0.02})],
        restarts=8,
        steps=steps,
        batch=1024,
        lr=5e-3,
        schedule="cosine",
        seed=8,
        points=160,
        keep_history=True,
    )
    best = int(grown.all_loss[0].argmin())
    W, at = grown.history["W"][:, 0, best], grown.steps
    shape = recognise(W[-1], tolerance=0.15)
    antipodes = [
        {int(i) // 3 for i in block.members} for block in shape.blocks if block.name == "digon"
    ]
    figure = style.stages(at, grown.curve[:, 0, best], W)
    return Outcome(
        [
            check(
                "octahedron",
                "Two correlated sets of three end as an octahedron whose antipodes are of "
                "different "
                "sets",
                published="octahedron; other paths pass an antiprism first",
                ours=f"{shape.name}; {sum(len(pair) == 2 for pair in antipodes)} of 3 antipodal "
                "pairs across sets",
                holds=shape.name == "octahedron" and all(len(pair) == 2 for pair in antipodes),
                why="shape by congruence, vertices within .15; lowest loss of 8 restarts",
            )
        ],
        figure,
        {"steps": at.tolist(), "loss": style.thin(grown.curve[:, 0, best], 6)},
    )


EXPERIMENTS = (
    Experiment(
        "energy-levels",
        "Discrete energy-level jumps",
        "Elhage et al. 2022, “Superposition and learning dynamics”",
        "Sixty equal features of density .35 in twenty dimensions, at a small learning rate.",
        energy_levels,
    ),
    Experiment(
        "transformations",
        "Learning as geometric transformations",
        "Elhage et al. 2022, “Superposition and learning dynamics”",
        "Six features, two correlated sets of three (colours), in three dimensions.",
        transformations,
    ),
)
