"""Memorisation: small training sets are stored as a polygon of data points."""

import numpy as np

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Outcome, check
from evaluation.reproduce.training import features, grow
from toy.geometry import feature_dimensionality
from toy.models import TiedModel
from toy.randomness import stream


def polygons(full: bool) -> Outcome:
    """Train on a few data points, over and over, in two dimensions."""
    sizes = (3, 5, 6, 8)
    n, p = (10_000, 0.001) if full else (1000, 0.01)
    figure, axes = style.panels(1, 2 * len(sizes) // 2, width=9.6, height=2.6)
    ratio, spread = [], []
    for ax, size in zip(axes[0], sizes, strict=True):
        data = features(n, {"p": p}, seed=size, repeat=size, unit_norm=True)
        grown = grow(
            TiedModel(n, 2),
            [data],
            restarts=6,
            steps=50_000 if full else 1500,
            batch=32,
            lr=1e-2,
            schedule="cosine",
            seed=13,
        )
        points = np.unique(data.sample(40 * size, stream(0, "points")).toarray(), axis=0)
        hidden = points @ grown.W[0]
        D = feature_dimensionality(hidden)
        radius = np.linalg.norm(hidden, axis=1)
        ratio.append(D)
        spread.append(float(radius.std() / radius.mean()))
        title = f"{size} data points\nD = {D.mean():.3f}, 2/T = {2 / size:.3f}"
        style.vectors(ax, hidden / radius.mean(), title, colors=[style.BLUE] * len(hidden))
    errors = [float(np.abs(D - 2 / size).max()) for D, size in zip(ratio, sizes, strict=True)]
    shown = ", ".join(f"{D.mean():.3f}" for D in ratio)
    return Outcome(
        [
            check(
                "polygon",
                "A small training set is memorised: hidden vectors of T data points form a regular "
                "T-gon, each taking m/T dimensions",
                published="D_X = m/T",
                ours=f"D = {shown} for T = 3, 5, 6, 8; radii vary by {max(spread):.1%}",
                holds=max(errors) < 0.005 and max(spread) < 0.02,
                why="|D - 2/T| below .005 for every point, radii within 2 %; lowest loss of six "
                "restarts",
            )
        ],
        figure,
        {"sizes": list(sizes), "D": [style.thin(D) for D in ratio], "spread": spread},
    )


EXPERIMENTS = (
    Experiment(
        "memorisation",
        "Memorised data points form polygons",
        "Henighan et al. 2023, “Superposition, memorization, and double descent”",
        "A thousand sparse features in two dimensions, trained on T unit-length samples over and "
        "over "
        "(published: ten thousand features). Spokes are the hidden vectors of the samples.",
        polygons,
    ),
)
