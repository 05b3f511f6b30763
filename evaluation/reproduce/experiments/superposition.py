"""Demonstrating superposition: which features are learned, and what they share."""

import numpy as np
import torch
from matplotlib.figure import Figure

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Fact, Outcome, check
from evaluation.reproduce.training import features, grow
from toy.geometry.dimensionality import feature_dimensionality, represented, superposition
from toy.models.exact_loss import variance
from toy.models.networks import TiedModel
from toy.training.exact import fit_linear

DENSITIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
#: Superposition below which a feature has a dimension of its own, and bias from which one is
#: negative rather than off by the fit.
ALONE, NEGATIVE = 0.05, -0.02


def demonstration(full: bool) -> Outcome:
    """Twenty features of falling importance in five dimensions, linear and ReLU, by density."""
    n, m = 20, 5
    importance = 0.7 ** np.arange(n)
    linear = fit_linear(n, m, 1.0, torch.from_numpy(importance)[None])
    grown = grow(
        TiedModel(n, m),
        [features(n, {"p": p}) for p in DENSITIES],
        importance,
        restarts=4 if full else 1,
        steps=20_000 if full else 3000,
        lr=1e-3 if full else 3e-3,
        schedule="cosine",
        seed=3,
    )
    figure = _draw_demonstration(linear.W[0].numpy(), linear.b[0].numpy(), grown.W, grown.b)
    return Outcome(
        _demonstration_facts(grown.W, grown.b),
        figure,
        {
            "density": list(DENSITIES),
            "norms": style.thin(np.linalg.norm(grown.W, axis=2)),
            "superposition": style.thin(superposition(grown.W)),
            "b": style.thin(grown.b),
            "loss": style.thin(grown.loss, 6),
        },
    )


def _demonstration_facts(W: np.ndarray, b: np.ndarray) -> list[Fact]:
    """Check what the models, densest first, learned."""
    m = W.shape[2]
    count = represented(W).sum(1)
    orthogonal = (represented(W) & (superposition(W) < ALONE)).sum(1)
    used = feature_dimensionality(W).sum(1)
    learned_dense = set(np.flatnonzero(represented(W[0])))
    return [
        check(
            "dense",
            "Without sparsity the ReLU model learns what the linear one does: the top features",
            published="five most important features, orthogonal",
            ours=f"features {sorted(int(i) for i in learned_dense)}, "
            f"largest superposition {superposition(W[0])[:m].max():.3f}",
            holds=learned_dense == set(range(m)) and superposition(W[0])[:m].max() < 0.02,
            why="exactly the top five, superposition below .02",
        ),
        check(
            "onset",
            "As features get sparser, more and more of them are in superposition",
            published="13 or 14 of 20 features in five dimensions at the sparsest",
            ours=f"learned {_list(count)}; orthogonal {_list(orthogonal)}",
            holds=bool((np.diff(count) >= 0).all() and count[0] == 5 and count[-1] >= 12)
            and bool((np.diff(orthogonal) <= 0).all() and orthogonal[-1] == 0),
            why="number learned never falls, from 5 to at least 12; orthogonal ones never "
            "rise, "
            "to 0",
        ),
        check(
            "tail-first",
            "Superposition enters from the least important of the learned features",
            published="the most important features keep their own dimension longest",
            ours=f"orthogonal at density .3: {_orthogonal(W[1])}; at .1: {_orthogonal(W[2])}",
            holds=_orthogonal(W[1]) == list(range(len(_orthogonal(W[1]))))
            and 0 < len(_orthogonal(W[1])) < m,
            why="orthogonal features at density .3 are an initial segment by importance",
        ),
        check(
            "biases",
            "Biases are E x for ignored features when dense, and negative at high sparsity",
            published="p/2 for ignored features; negative biases in superposition",
            ours=f"dense {b[0][m:].min():.3f} to {b[0][m:].max():.3f}; "
            f"negative ones {_list((b < NEGATIVE).sum(1))}",
            holds=bool(np.abs(b[0][m:] - 0.5).max() < 0.02)
            and int((b[-1] < NEGATIVE).sum()) >= 8
            and int((b[1] < NEGATIVE).sum()) == 0,
            why=".5 ± .02 when dense; none below -.02 at density .3, at least 8 at .001",
        ),
        check(
            "budget",
            "Features share out all dimensions: dimensionalities sum to the number of them",
            published="sum D = m",
            ours=f"{used.min():.2f} to {used.max():.2f} of {m}",
            holds=bool(used.min() > m - 0.15 and used.max() <= m + 1e-6),
            why="within .15 below 5, never above",
        ),
    ]


def _orthogonal(W: np.ndarray) -> list[int]:
    """Features that are represented in a dimension of their own."""
    return [int(i) for i in np.flatnonzero(represented(W) & (superposition(W) < ALONE))]


def _draw_demonstration(
    linear_W: np.ndarray, linear_b: np.ndarray, W: np.ndarray, b: np.ndarray
) -> Figure:
    """Draw W^T W and b above norm-and-superposition bars, a column a model."""
    everyone = [(linear_W, linear_b, "linear model")]
    everyone += [
        (w, c, f"ReLU, {100 * (1 - p):g}% sparse") for w, c, p in zip(W, b, DENSITIES, strict=True)
    ]
    figure, axes = style.panels(
        2, len(everyone), width=13, height=4.2, gridspec_kw={"height_ratios": [1, 1.25]}
    )
    for column, (w, c, title) in enumerate(everyone):
        beside = np.column_stack([w @ w.T, np.full(len(c), np.nan), c])
        image = style.heat_map(axes[0, column], beside, title)
        style.bars(axes[1, column], np.linalg.norm(w, axis=1), superposition(w))
        axes[1, column].set_xlabel("norm")
    axes[0, 0].set_ylabel("WᵀW and bias")
    axes[1, 0].set_ylabel("features by importance")
    figure.colorbar(image, ax=axes[0, -1], shrink=0.8, pad=0.08).outline.set_visible(False)
    scale = style.color_scale(figure, axes[1, -1], style.SUPERPOSITION)
    scale.set_label("superposition")
    return figure


def linear_pca(full: bool) -> Outcome:
    """Show that the linear model keeps the most important features whatever the sparsity."""
    n, m = (80, 20) if full else (20, 5)
    decay = 0.9 if full else 0.7
    importance = decay ** np.arange(n)
    density = torch.tensor([[1.0], [0.1], [0.01]], dtype=torch.float64)
    fit = fit_linear(n, m, density, torch.from_numpy(importance)[None], max_iter=2000)
    norms = fit.W.norm(dim=-1).numpy()
    floor = (variance(density[:, 0]) * importance[m:].sum()).numpy()
    ratio = fit.loss.numpy() / floor
    figure, axes = style.panels(1, 3, width=9, height=2.6)
    for ax, w, p in zip(axes[0], fit.W.numpy(), (1.0, 0.1, 0.01), strict=True):
        style.bars(ax, np.linalg.norm(w, axis=1), superposition(w), f"{100 * (1 - p):g}% sparse")
        ax.set_xlabel("norm")
    axes[0, 0].set_ylabel("features by importance")
    error = max(np.abs(norms[:, :m] - 1).max(), norms[:, m:].max())
    return Outcome(
        [
            check(
                "top-features",
                "A linear model represents the most important features only, as PCA would, at any "
                "sparsity",
                published="top-m features; independent of sparsity",
                ours=f"norms 1 and 0 to within {error:.0e}; loss / PCA's {ratio.min():.6f} to "
                f"{ratio.max():.6f}",
                holds=bool(error < 1e-3 and np.abs(ratio - 1).max() < 1e-6),
                why="norms to .001, loss ratio to 1e-6, at densities 1, .1, .01",
            )
        ],
        figure,
        {"norms": style.thin(norms), "ratio": style.thin(ratio, 9)},
    )


def _list(values: np.ndarray) -> str:
    return ", ".join(str(int(value)) for value in values)


EXPERIMENTS = (
    Experiment(
        "linear-pca",
        "Linear models do not superpose",
        "Elhage et al. 2022, “Mathematical understanding”",
        "Twenty features, importances .7^i, five dimensions. Closed-form expected loss of the "
        "linear "
        "model, minimised by L-BFGS. Bars are as long as a feature's norm.",
        linear_pca,
    ),
    Experiment(
        "demonstration",
        "Demonstrating superposition",
        "Elhage et al. 2022, “Basic results”",
        "Twenty features, importances .7^i, five dimensions: a linear model, and ReLU-output "
        "models "
        "on ever sparser features. Above, WᵀW with the bias beside it; below, a bar a feature, as "
        "long as its norm and coloured by its superposition.",
        demonstration,
    ),
)
