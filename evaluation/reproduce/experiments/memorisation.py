"""Memorisation: small training sets are stored as a polygon of data points."""

import numpy as np
import torch
from torch import Tensor

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Outcome, check
from evaluation.reproduce.training import features
from toy.geometry.dimensionality import feature_dimensionality
from toy.randomness import stream
from toy.training.lbfgs import minimise

SIZES = (3, 5, 6, 8)
#: Price of a squared weight: of all models that interpolate the data, it picks the smallest.
DECAY = 1e-4


def memorise(X: np.ndarray, restarts: int, seed: int) -> np.ndarray:
    """Fit a ReLU-output model with two hidden dimensions to data (T, n), over and over.

    Returns
    -------
    hidden : ndarray of shape (T, 2)
        Hidden vectors of the data in the model of lowest loss.
    """
    # A feature that is never active has no reason for a weight.
    data = torch.from_numpy(X[:, X.any(0)]).double()
    size, n = data.shape
    W = stream(seed, "memorise").standard_normal((restarts, n * 2)) / np.sqrt(n)
    start = torch.from_numpy(np.concatenate([W, np.zeros((restarts, n))], axis=1))

    def loss(x: Tensor, rows: Tensor) -> Tensor:
        W, b = x[:, : 2 * n].reshape(-1, n, 2), x[:, None, 2 * n :]
        out = torch.relu(data @ W @ W.mT + b)
        return ((out - data) ** 2).sum((1, 2)) / size + DECAY * (W**2).sum((1, 2))

    found = minimise(loss, start, max_iter=1200, tolerance=1e-7)
    best = found.x[found.loss.argmin(), : 2 * n].reshape(n, 2)
    return (data @ best).numpy()


def polygons(full: bool) -> Outcome:
    """Memorise a few data points in two dimensions."""
    n, p = (10_000, 0.001) if full else (1000, 0.01)
    figure, axes = style.panels(1, len(SIZES), width=9.6, height=2.6)
    ratio, spread = [], []
    for ax, size in zip(axes[0], SIZES, strict=True):
        X = features(n, {"p": p}).sample(size, stream(size, "points")).toarray()
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        hidden = memorise(X, 32 if full else 8, seed=13)
        D, radius = feature_dimensionality(hidden), np.linalg.norm(hidden, axis=1)
        ratio.append(D)
        spread.append(float(radius.std() / radius.mean()))
        title = f"{size} data points\nD = {D.mean():.3f}, 2/T = {2 / size:.3f}"
        style.vectors(ax, hidden / radius.mean(), title, colors=[style.BLUE] * size)
    errors = [float(np.abs(D - 2 / size).max()) for D, size in zip(ratio, SIZES, strict=True)]
    shown = ", ".join(f"{D.mean():.3f}" for D in ratio)
    return Outcome(
        [
            check(
                "polygon",
                "A small training set is memorised: hidden vectors of T data points form a regular "
                "T-gon, each taking m/T dimensions",
                published="D_X = m/T",
                ours=f"D = {shown} for T = 3, 5, 6, 8 (largest error {max(errors):.4f}); radii "
                f"vary "
                f"by {max(spread):.1%}",
                holds=max(errors) < 0.005 and max(spread) < 0.02,
                why="|D - 2/T| below .005 for every point, radii within 2 %; needs weight decay: "
                "without it many arrangements interpolate the data",
            )
        ],
        figure,
        {"sizes": list(SIZES), "D": [style.thin(D) for D in ratio], "spread": spread},
    )


EXPERIMENTS = (
    Experiment(
        "memorisation",
        "Memorised data points form polygons",
        "Henighan et al. 2023, “Superposition, memorization, and double descent”",
        "A thousand sparse features in two dimensions, fitted to T unit-length samples with a "
        "small "
        "weight decay (published: ten thousand features, AdamW); lowest of eight descents. Spokes "
        "are the hidden vectors of the samples.",
        polygons,
    ),
)
