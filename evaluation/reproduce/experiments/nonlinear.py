"""Nonlinear compression: two dense features in one dimension, which no direction stores."""

import numpy as np

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Outcome, check
from toy.models.nonlinear_compression import compress, expand
from toy.randomness import stream

#: Summed error of the best linear compression: one feature is kept, the other is its mean.
LINEAR = 1 / 12
LEVELS = np.arange(1, 13)
WIDTHS = (0.0, 0.1, 0.3, 0.6)


def errors(levels: int, width: float, n: int) -> tuple[float, float]:
    """Return the mean squared errors of both features, each uniform on [0, 1)."""
    x, y = stream(0, "nonlinear compression").random((2, n))
    x_found, y_found = expand(compress(x, y, levels, width), levels, width)
    return float(((x - x_found) ** 2).mean()), float(((y - y_found) ** 2).mean())


def compression(full: bool) -> Outcome:
    """Error by the number of levels and by how far from a step the network's stairs are."""
    n = 1_000_000 if full else 200_000
    both = np.array([[errors(int(z), width, n) for z in LEVELS] for width in WIDTHS])
    total = both.sum(-1)
    figure, axes = style.panels(1, 2, width=9, height=3.1)
    left, right = axes[0]
    x = np.linspace(0, 1, 1201)[:-1]
    left.plot(x, compress(x, np.full_like(x, 0.5), 3, 0.1), color=style.BLUE)
    left.set(
        xlabel="first feature (second at .5)",
        ylabel="hidden value",
        title="Three levels, slopes a tenth of a level wide",
    )
    colors = (style.BLUE, style.TEAL, style.ORANGE, style.RED)
    for width, line, color in zip(WIDTHS, total, colors, strict=True):
        right.plot(LEVELS, line, "o-", ms=3.5, color=color, label=f"width {width:g}")
    style.guide(right, [(LINEAR, "linear")])
    right.set(xlabel="levels", title="Squared error, both features", yscale="log")
    right.legend()
    third, sharp = total[1, 2], both[0, :, 0] * 12 * LEVELS**2
    return Outcome(
        [
            check(
                "beats-linear",
                "A network's stairs with three levels and slopes of a tenth beat every linear map",
                published="better than linear at ε = .1, Z = 3",
                ours=f"error {third:.4f}; the best linear map's {LINEAR:.4f}",
                holds=bool(third < LINEAR),
                why="below 1/12: a linear map keeps one feature and loses the other's variance",
            ),
            check(
                "levels",
                "With sharp steps the error is that of rounding the first feature to Z levels",
                published="1 / (12 Z²)",
                ours=f"12 Z² times the error: {sharp.min():.3f} to {sharp.max():.3f}; the other "
                f"feature's {both[0, :, 1].max():.0e}",
                holds=bool(np.abs(sharp - 1).max() < 0.02 and both[0, :, 1].max() < 1e-12),
                why="within 2 %, the second feature exact",
            ),
        ],
        figure,
        {"levels": LEVELS.tolist(), "widths": list(WIDTHS), "error": style.thin(total, 6)},
    )


EXPERIMENTS = (
    Experiment(
        "nonlinear-compression",
        "Compression without directions",
        "Elhage et al. 2022, appendix “Nonlinear compression”",
        "Two features, uniform on [0, 1) and always active, in one dimension: t = (stairs(Z x) + y)"
        " / Z, with steps that a ReLU network can draw, slopes of a given width before each.",
        compression,
    ),
)
