"""Phase diagrams: what becomes of a feature as importance and density change."""

from collections.abc import Callable

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Outcome, check
from toy.geometry import phase_diagrams as phases
from toy.geometry.dimensionality import represented
from toy.training.exact import fit_relu

Candidates = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]

#: Squared projection of the others on a feature, over its squared norm, from which it shares its
#: dimension; and the relative difference of losses below which two phases tie.
SHARED, TIE = 0.25, 1e-9


def classify(W: np.ndarray) -> np.ndarray:
    """Tell what became of the last feature of each model (K, n, m): an index into the phases."""
    last = W[:, -1]
    squared_norm = (last**2).sum(1)
    overlap = ((W[:, :-1] @ last[:, :, None])[..., 0] ** 2).sum(1) / np.maximum(squared_norm, 1e-9)
    return np.where(represented(last), np.where(overlap > SHARED, 1, 2), 0)


def _diagram(
    n: int, m: int, size: int, starts: int, candidates: Candidates
) -> dict[str, np.ndarray]:
    """Fit a model at every point of a log grid of importance and density, beside the theory."""
    r, p = np.logspace(-1, 1, size), np.logspace(-2, 0, size)
    P, R = np.meshgrid(p, r)
    importance = np.ones((R.size, n))
    importance[:, -1] = R.ravel()
    fit = fit_relu(
        n, m, torch.from_numpy(P.ravel())[:, None], torch.from_numpy(importance), n_starts=starts
    )
    losses = candidates(R, P)
    ordered = np.sort(np.stack(np.broadcast_arrays(*losses.values())), axis=0)
    return {
        "r": r,
        "p": p,
        "found": classify(fit.W.numpy()).reshape(R.shape),
        "theory": phases.winner(losses),
        "loss": fit.loss.numpy().reshape(R.shape),
        "lowest": ordered[0],
        "margin": ordered[1] / ordered[0] - 1,
    }


def _agreement(grid: dict[str, np.ndarray]) -> tuple[int, int, float]:
    """Return points that agree, points that are no exact tie, and the widest margin of a miss."""
    decided = grid["margin"] > TIE
    misses = decided & (grid["found"] != grid["theory"])
    widest = float(grid["margin"][misses].max(initial=0.0))
    return int(decided.sum() - misses.sum()), int(decided.sum()), widest


def _draw(grid: dict[str, np.ndarray]) -> tuple[Figure, np.ndarray]:
    """Draw theory and fits side by side, and leave a third panel."""
    figure, axes = style.panels(1, 3, height=3.1, width=9.6)
    for ax, key, title in ((axes[0, 0], "theory", "Theory"), (axes[0, 1], "found", "Trained")):
        style.phases(ax, grid[key], grid["p"], grid["r"])
        ax.set_title(title)
    style.legend_below(figure, list(style.PHASE_COLORS.items()))
    return figure, axes


def two_in_one(full: bool) -> Outcome:
    """Two features in one dimension: theory, fits, and the cut at equal importance."""
    grid = _diagram(2, 1, 41 if full else 21, 8, phases.two_in_one)
    agree, decided, widest = _agreement(grid)
    figure, axes = _draw(grid)
    for ax in axes[0, :2]:
        ax.plot(phases.superposition_boundary(grid["r"]), grid["r"], color=style.INK, lw=1.2)
    slopes = _cut_at_equal_importance(axes[0, 2])
    ratio = grid["loss"] / grid["lowest"]
    return Outcome(
        [
            check(
                "diagram",
                "Each feature is ignored, in superposition, or has its own dimension, in three "
                "regions that a toy calculation predicts",
                published="trained diagram looks like the theoretical one",
                ours=f"{agree} of {decided} grid points agree; trained loss is "
                f"{ratio.min():.2f} to {ratio.max():.2f} of the predicted",
                holds=agree >= 0.93 * decided and widest < 0.25,
                why="at least 93 % of the points; misses only where two candidates are within 25 "
                "%: "
                "a free model bends its weights near a boundary",
            ),
            check(
                "first-order",
                "The transition into superposition is of first order",
                published="optimal loss has a kink; at r = 1, slope .381 jumps to .048 at p = 4/7",
                ours=f"slope {slopes[0]:.3f} jumps to {slopes[1]:.3f}: by "
                f"{slopes[0] - slopes[1]:.3f}",
                holds=abs(slopes[0] - slopes[1] - 1 / 3) < 0.01,
                why="jump of 1/3 to within .01, from the closed forms",
            ),
        ],
        figure,
        {key: style.thin(value, 5) for key, value in grid.items()},
    )


def _cut_at_equal_importance(ax: Axes) -> tuple[float, float]:
    """Draw the candidates' losses at r = 1, and return the slopes beside the triple point."""
    p = np.linspace(0.005, 1, 200)
    one = np.ones_like(p)
    losses = phases.two_in_one(one, p)
    names = {
        phases.IGNORED: "either feature ignored",
        phases.SUPERPOSED: "antipodal pair",
    }
    for (key, name), color in zip(names.items(), (style.FAINT, style.ORANGE), strict=True):
        ax.plot(p, losses[key], color=color, label=name)
    few = np.linspace(0.05, 1, 15)
    fit = fit_relu(2, 1, torch.from_numpy(few)[:, None], n_starts=8)
    ax.plot(few, fit.loss, "o", ms=4, color=style.INK, label="trained", zorder=4)
    ax.axvline(4 / 7, color=style.FAINT, lw=0.7, ls=":")
    ax.set(xlabel="feature density", title="Loss at equal importance", xlim=(0, 1), ylim=(0, None))
    ax.grid(True)
    ax.legend(loc="upper left")
    step = 1e-6
    ends = [
        min(float(v[0]) for v in phases.two_in_one(np.ones(1), np.full(1, q)).values())
        for q in (4 / 7 - step, 4 / 7, 4 / 7 + step)
    ]
    return (ends[1] - ends[0]) / step, (ends[2] - ends[1]) / step


def three_in_two(full: bool) -> Outcome:
    """Three features in two dimensions."""
    grid = _diagram(3, 2, 25 if full else 13, 10, phases.three_in_two)
    agree, decided, _ = _agreement(grid)
    figure, axes = _draw(grid)
    ax, ratio = axes[0, 2], grid["loss"] / grid["lowest"]
    mesh = ax.pcolormesh(
        grid["p"],
        grid["r"],
        ratio,
        cmap="YlGnBu_r",
        vmin=0.8,
        vmax=1,
        shading="nearest",
        edgecolors="white",
        linewidth=0.4,
    )
    ax.set(xscale="log", yscale="log", xlabel="feature density", title="Trained loss / theory")
    ax.invert_xaxis()
    style.plain_log_ticks(ax)
    figure.colorbar(mesh, ax=ax, shrink=0.85).outline.set_visible(False)
    return Outcome(
        [
            check(
                "diagram",
                "With three features in two dimensions the extra one goes through the same phases",
                published="trained diagram looks like the theoretical one",
                ours=f"{agree} of {decided} grid points agree; trained loss is "
                f"{ratio.min():.2f} to {ratio.max():.2f} of the predicted",
                holds=agree >= 32 / 36 * decided,
                why="at least 32 in 36 of the points; the four candidates are not all there is: a "
                "distorted pair beats them at high density and importance",
            )
        ],
        figure,
        {key: style.thin(value, 5) for key, value in grid.items()},
    )


def confused(full: bool) -> Outcome:
    """Two features in one dimension without bias: both at once, blurred."""
    p = np.linspace(0.05, 1, 77 if full else 39)
    density = torch.from_numpy(p)[:, None]
    without = fit_relu(2, 1, density, n_starts=12, bias=False)
    biased = fit_relu(2, 1, density, n_starts=12)
    figure, axes = style.panels(1, 2, height=2.9)
    for ax, fit, title in ((axes[0, 0], without, "No bias"), (axes[0, 1], biased, "With bias")):
        W = fit.W[:, :, 0].numpy()
        W = W * np.sign(W[np.arange(len(W)), np.abs(W).argmax(1)])[:, None]
        W = np.sort(W, axis=1)
        ax.plot(p, W[:, 1], "o-", ms=3, color=style.BLUE, label="larger weight")
        ax.plot(p, W[:, 0], "o-", ms=3, color=style.ORANGE, label="other weight")
        ax.axhline(0, color=style.FAINT, lw=0.7)
        ax.set(title=title, xlabel="feature density", ylim=(-1.3, 1.4))
        ax.grid(True)
    axes[0, 0].legend(loc="center left")
    axes[0, 0].set_ylabel("weight")
    dense, half = without.W[-1, :, 0].numpy(), without.W[np.abs(p - 0.5).argmin(), :, 0].numpy()
    worst = float((biased.W[p < 1, 0, 0] * biased.W[p < 1, 1, 0]).max())
    return Outcome(
        [
            check(
                "blurred",
                "Without a bias there is a further phase in which both features blur into one",
                published="W ~ (.71, .71) at density 1, loss 1/12; antipodal at density 1/2",
                ours=f"({dense[0]:.2f}, {dense[1]:.2f}), loss {without.loss[-1]:.5f}; "
                f"({half[0]:.2f}, {half[1]:.2f})",
                holds=bool(
                    dense.prod() > 0.45
                    and abs(without.loss[-1] - 1 / 12) < 1e-5
                    and half.prod() < -0.9
                ),
                why="signs, and the loss to 1e-5",
            ),
            check(
                "not-with-bias",
                "With a bias the blurred phase is gone at equal importance",
                published="absent",
                ours=f"largest product of the two weights below density 1: {worst:.3f}",
                holds=worst < 0.05,
                why="the weights never have the same sign (product below .05) below density 1; "
                "at density 1 "
                "every unit vector ties, as PCA of equal variances does",
            ),
        ],
        figure,
        {"p": style.thin(p), "without": style.thin(without.W), "with": style.thin(biased.W)},
    )


EXPERIMENTS = (
    Experiment(
        "phase-2-1",
        "Phase diagram: two features in one dimension",
        "Elhage et al. 2022, “Superposition as a phase change”",
        "A ReLU-output model stores two features, of importance 1 and r, in one hidden dimension. "
        "At every point the lowest of eight descents on the exact expected loss is kept. The line "
        "is where the closed forms tie.",
        two_in_one,
    ),
    Experiment(
        "phase-3-2",
        "Phase diagram: three features in two dimensions",
        "Elhage et al. 2022, “Superposition as a phase change”",
        "Importances 1, 1 and r; theory compares four null directions. The lowest of ten "
        "descents on "
        "the exact expected loss is kept.",
        three_in_two,
    ),
    Experiment(
        "confused-phase",
        "The phase that a bias removes",
        "McGrath, comment in Elhage et al. 2022",
        "Two equally important features in one dimension, with and without a bias; exact loss, "
        "lowest of twelve descents.",
        confused,
    ),
)
