"""Learning dynamics: features jump between energy levels, and geometry changes in stages."""

import numpy as np
from matplotlib.figure import Figure

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Outcome, check
from evaluation.reproduce.training import features, grow
from toy.geometry.dimensionality import feature_dimensionality, represented
from toy.geometry.polytopes import recognise
from toy.models.networks import TiedModel

#: Steps over which a feature's move counts as one jump, and after which the loss looks flat.
JUMP, FLAT = 500, 2000
#: Norm from which a feature has a dimensionality to speak of, and by how much it must move
#: for a jump: two fifths of the 1/2 of a digon, in which all end.
PRESENT, LEAST_JUMP = 0.1, 0.2


def energy_levels(full: bool) -> Outcome:
    """Dimensionality of each feature during training that ends in all digons."""
    n, m, steps = 60, 20, 30_000 if full else 10_000
    grown = grow(
        TiedModel(n, m),
        [features(n, {"p": 0.35})],
        steps=steps,
        batch=1024,
        lr=1e-3,
        init_std=0.01,
        seed=7,
        points=steps // 50,
        keep_history=True,
    )
    W, at, curve = grown.history["W"][:, 0, 0], grown.steps, grown.curve[:, 0, 0]
    D = feature_dimensionality(W) * (np.linalg.norm(W, axis=-1) > PRESENT)
    window = JUMP // 50
    moves = np.abs(D[window:] - D[:-window])
    moves[at[:-window] < FLAT] = 0
    jumpers = np.flatnonzero(moves.max(0) > LEAST_JUMP)
    before, after = _around(int(moves.max(1).argmax()), window, curve)
    final = D[-1][represented(W[-1])]
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
                "Long after the loss looks flat, features jump between levels within few steps",
                published="discrete jumps between energy levels",
                ours=f"{len(jumpers)} features move by up to {moves.max():.2f} within {JUMP} steps "
                f"after step {FLAT}",
                holds=len(jumpers) >= 2,
                why="two or more by above .2; starts must be small, so that most features settle "
                "before others move",
            ),
            check(
                "drops",
                "A jump comes with a sudden drop of the loss",
                published="each jump with a drop of the loss",
                ours=f"mean loss {before:.3f} before the largest jump, {after:.3f} after",
                holds=bool(after < 0.99 * before),
                why="falls by more than 1 %, where sampling noise of the two means is .03 %",
            ),
        ],
        _draw_levels(at, D, jumpers, curve),
        {"steps": at.tolist(), "final": style.thin(final), "moves": style.thin(moves.max(0))},
    )


def _around(jump: int, window: int, curve: np.ndarray) -> tuple[float, float]:
    """Return the mean losses over the 1,500 steps before a jump, and after it."""
    before, after = curve[max(0, jump - 30) : jump], curve[jump + window : jump + window + 30]
    return float(before.mean()), float(after.mean())


def _draw_levels(at: np.ndarray, D: np.ndarray, jumpers: np.ndarray, curve: np.ndarray) -> Figure:
    figure, axes = style.panels(
        2, 1, width=9, height=4.4, sharex=True, gridspec_kw={"height_ratios": [1.6, 1]}
    )
    levels, lower = axes[:, 0]
    levels.plot(at, D, color=style.FAINT, lw=0.7, alpha=0.5)
    levels.plot(at, D[:, jumpers], color=style.ORANGE, lw=1.4)
    levels.set(
        ylabel="feature dimensionality",
        ylim=(-0.02, 1.02),
        title=f"Features that jump after step {FLAT} in colour",
    )
    style.guide(levels, [(0.5, "digon 1/2")])
    lower.plot(at, curve, color=style.BLUE, lw=1.1)
    late = curve[at > 1500]
    lower.set(xlabel="step", ylabel="loss", ylim=(late.min() * 0.99, late.max() * 1.01))
    lower.grid(True)
    return figure


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
        "Sixty equal features of density .35 in twenty dimensions, from a small start.",
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
