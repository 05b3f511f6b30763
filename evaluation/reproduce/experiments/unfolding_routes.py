"""Three routes to features that can be listed, and what each costs."""

import numpy as np
from matplotlib.figure import Figure

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Outcome, check
from evaluation.reproduce.training import features, grow
from evaluation.scoring.unfolding_quality import match_rays
from toy.features.distribution import Features
from toy.geometry.dimensionality import feature_dimensionality, represented
from toy.models.networks import TiedModel
from toy.randomness import stream
from unfold.registry import get_method

N_FEATURES, DIMENSION, DENSITY, DECAY = 24, 8, 0.05, 0.95
PRICES = (0.0, 0.01, 0.03, 0.05, 0.1, 0.2)
#: Cosine from which an atom lists a feature: data without noise can be unfolded to the angle.
LISTED = 0.99


def routes(full: bool) -> Outcome:
    """Price hidden activations, from nothing to dear; list features by neurons and post hoc."""
    world = features(N_FEATURES, {"p": DENSITY})
    importance = DECAY ** np.arange(N_FEATURES)
    samples = world.sample(20_000, stream(0, "routes")).toarray()
    rows = [_at_price(price, world, importance, samples, full) for price in PRICES]
    free, dear = rows[0], rows[-1]
    return Outcome(
        [
            check(
                "price",
                "A price on hidden activations gives features neurons of their own, and drops "
                "those below an importance threshold",
                published="an L1 penalty leaves no superposition, at a cost in performance",
                ours=f"features represented {[row['represented'] for row in rows]}, of which "
                f"readable from neurons {[row['neurons'] for row in rows]}, loss "
                f"{[round(row['loss'], 3) for row in rows]} at prices {list(PRICES)}",
                holds=dear["neurons"] == dear["represented"] > 0
                and dear["represented"] < free["represented"]
                and dear["loss"] > 1.5 * free["loss"]
                and free["neurons"] == 0,
                why="at the highest price every represented feature is a direction of one neuron "
                "and fewer are represented; loss up by half or more; none is without a price",
            ),
            check(
                "post-hoc",
                "Features in superposition can be listed post hoc, at no cost in loss",
                published="sparse coding as the second route",
                ours=f"{free['post hoc']} of {free['represented']} represented features listed at "
                f"cosine .99 without any price, {free['neurons']} by reading neurons",
                holds=free["post hoc"] >= 0.95 * free["represented"] > free["neurons"],
                why="at least 95% post hoc, and more than neurons give",
            ),
        ],
        _draw(rows),
        {"rows": rows},
    )


def _at_price(
    price: float, world: Features, importance: np.ndarray, samples: np.ndarray, full: bool
) -> dict[str, float]:
    """Train at one price, and count the features that each way of listing them finds."""
    grown = grow(
        TiedModel(N_FEATURES, DIMENSION),
        [world],
        importance,
        restarts=4 if full else 1,
        steps=10_000 if full else 1500,
        batch=1024 if full else 512,
        lr=1e-2,
        schedule="cosine",
        l1=price,
    )
    W, b = grown.W[0], grown.b[0]
    hidden = samples @ W
    error = np.maximum(hidden @ W.T + b, 0) - samples
    kept = represented(W)
    estimate = get_method("recover")(random_state=0).fit(hidden)
    return {
        "price": price,
        "loss": float(np.mean(error**2 @ importance)),
        "represented": int(kept.sum()),
        "dimensions per feature": float(feature_dimensionality(W)[kept].mean())
        if kept.any()
        else float("nan"),
        "neurons": _listed(W[kept], np.vstack([np.eye(DIMENSION), -np.eye(DIMENSION)])),
        "post hoc": _listed(W[kept], np.asarray(estimate.components_, float)),
        "atoms": int(estimate.n_components_),
    }


def _listed(vectors: np.ndarray, atoms: np.ndarray) -> int:
    """Return how many feature vectors an atom of its own matches to cosine .99."""
    return int((match_rays(vectors, atoms, LISTED) >= 0).sum()) if len(vectors) else 0


def _draw(rows: list[dict[str, float]]) -> Figure:
    figure, [axes] = style.panels(1, 2, width=8.0, height=3.6)
    loss = np.array([row["loss"] for row in rows])
    for key, color, name in (
        ("post hoc", style.BLUE, "listed post hoc (sparse coding)"),
        ("neurons", style.ORANGE, "listed by reading neurons"),
    ):
        listed = np.array([row[key] for row in rows])
        axes[0].plot(loss, listed, "o-", color=color, label=name)
    for row in (rows[0], *rows[3:]):
        axes[0].annotate(
            f"price {row['price']:g}",
            (row["loss"], row["post hoc"]),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color=style.FAINT,
        )
    axes[0].axhline(N_FEATURES, color=style.FAINT, lw=0.8, ls="--")
    axes[0].set(
        xlabel="task loss",
        ylabel=f"features listed, of {N_FEATURES}",
        xscale="log",
        ylim=(-1, N_FEATURES + 3),
    )
    axes[0].set_xticks([0.03, 0.04, 0.05, 0.06], labels=["0.03", "0.04", "0.05", "0.06"])
    axes[0].set_xticks([], minor=True)
    figure.legend(loc="outside lower left", ncols=2)
    price = [str(row["price"]) for row in rows]
    axes[1].bar(price, [row["represented"] for row in rows], color=style.GREY)
    twin = axes[1].twinx()
    twin.plot(price, [row["dimensions per feature"] for row in rows], "o-", color=style.TEAL)
    twin.set(ylim=(0, 1.05))
    twin.set_ylabel("dimensions per feature", color=style.TEAL)
    axes[1].set(xlabel="price of hidden activations (L1)", ylabel="features represented")
    return figure


EXPERIMENTS = (
    Experiment(
        "unfold-routes",
        "Three routes: no superposition, listing post hoc, and hybrids",
        "Elhage et al. 2022, strategic picture",
        f"{N_FEATURES} features (density {DENSITY}, importance {DECAY}^i) in {DIMENSION} "
        "dimensions, trained with an L1 price on hidden activations; features listed by reading "
        "neurons and by sparse coding.",
        routes,
    ),
)
