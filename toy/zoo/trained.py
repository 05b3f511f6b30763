"""Specs of trained toys: the models of *Toy Models of Superposition* and of its successors."""

from typing import Any

from toy.spec import TRAININGS


def trained(
    about: str,
    n: int,
    d: int,
    gate: dict[str, Any],
    *,
    model: dict[str, Any] | None = None,
    importance: float = 1.0,
    training: dict[str, Any] | None = None,
    **features: Any,
) -> dict[str, Any]:
    """Return the spec of a toy trained on ``n`` features with ``d`` hidden dimensions."""
    return {
        "about": about,
        "features": {"n": n, "gate": gate, **features},
        "source": {
            "kind": "trained",
            "model": model or {"kind": "relu-output"},
            "d": d,
            "importance": importance,
            "training": TRAININGS["quick"] | (training or {}),
        },
        "n_train": 100_000,
    }


def coins(p: float) -> dict[str, Any]:
    """Return the gate of independent features of one density."""
    return {"kind": "independent", "p": p}


SIGNED: dict[str, Any] = {"kind": "uniform", "low": -1.0, "high": 1.0}


def relu(n: int, d: int, p: float, **training: Any) -> dict[str, Any]:
    """Return the spec of the paper's ReLU-output model, with features of equal importance."""
    return trained(
        f"Hidden layer of ReLU(W^T W x + b): {n} features in {d} dimensions, each active with "
        f"probability {p}, uniform on [0, 1], all equally important.",
        n,
        d,
        coins(p),
        training=training,
    )


def composed(k: int, d: int) -> dict[str, Any]:
    """Return two sets of ``k`` features, exactly one of each active (Anders et al. 2024)."""
    return trained(
        f"Composed features: one of {k} and one of {k} others active in every sample, "
        f"2 x {k} in {d} dimensions. Methods that look for the sparsest code find pairs.",
        2 * k,
        d,
        {"kind": "anticorrelated", "size": k, "p": 1.0},
    )


def compressed(mixing: str, sigma: float = 0.0) -> dict[str, Any]:
    """Return ``ReLU(x) + M x`` of 100 features by 50 neurons (Bhagat et al. 2025)."""
    return trained(
        f"50 neurons of W_2 ReLU(W_1 x), trained to compute ReLU(x) + M x of 100 signed features; "
        f"mixing matrix: {mixing}.",
        100,
        50,
        coins(0.01),
        model={"kind": "compressed", "mixing": mixing, "sigma": sigma},
        training={"batch": 1024, "lr": 3e-3, "restarts": 1},
        magnitude=SIGNED,
    )


TRAINED_ZOO: dict[str, dict[str, Any]] = {
    "relu-5in2-p0.05/v1": relu(5, 2, 0.05),
    "relu-5in2-p0.1/v1": relu(5, 2, 0.1),
    "relu-20in5-p0.05/v1": relu(20, 5, 0.05),
    "relu-20in5-p0.1/v1": relu(20, 5, 0.1),
    "relu-80in20-p0.05/v1": relu(80, 20, 0.05, restarts=2),
    "relu-80in20-p0.1/v1": relu(80, 20, 0.1, restarts=2),
    "relu-100in20-p0.05/v1": relu(100, 20, 0.05, restarts=2),
    "relu-20in5-p0.1-decay0.7/v1": trained(
        "The ReLU-output model with importance 0.7^i: the least important features get the least "
        "room.",
        20,
        5,
        coins(0.1),
        importance=0.7,
    ),
    "relu-40in10-zipf/v1": trained(
        "The ReLU-output model of features whose densities fall like 1 / rank, from 0.2 to 0.005.",
        40,
        10,
        {"kind": "independent", "p": {"exponent": 1.0, "high": 0.2, "low": 0.005}},
    ),
    "one-hot-8in2/v1": trained(
        "The ReLU-output model in the sparse limit, exactly one of eight features active: a "
        "regular polygon.",
        8,
        2,
        {"kind": "exactly", "count": 1},
        training={"restarts": 8},
    ),
    "linear-20in5-p0.1/v1": trained(
        "Hidden layer of the linear model W^T W x + b with importance 0.7^i: the top five "
        "principal components, and no superposition.",
        20,
        5,
        coins(0.1),
        model={"kind": "linear"},
        importance=0.7,
        training={"restarts": 1},
    ),
    "penalised-20in5-p0.1/v1": trained(
        "The ReLU-output model with a price on hidden activations: fewer features, less "
        "superposition.",
        20,
        5,
        coins(0.1),
        training={"l1": 0.1, "restarts": 4},
    ),
    "hardened-20in5-p0.1/v1": trained(
        "The ReLU-output model under adversarial training, by half of the mean input length.",
        20,
        5,
        coins(0.1),
        training={"attack": 0.5, "restarts": 4},
    ),
    "identity-40in10-p0.05/v1": trained(
        "The ReLU-output model with a linear layer, fixed at the identity, between.",
        40,
        10,
        coins(0.05),
        model={"kind": "relu-output-identity"},
        training={"restarts": 2},
    ),
    "correlated-20in10-p0.05/v1": trained(
        "Two sets of ten features, each set on or off as a whole: local orthogonal bases.",
        20,
        10,
        {"kind": "correlated", "size": 10, "p": 0.05},
    ),
    "anticorrelated-20in5-p0.4/v1": trained(
        "Ten pairs of features of which at most one is active (each with probability 0.2).",
        20,
        5,
        {"kind": "anticorrelated", "size": 2, "p": 0.4},
    ),
    "hidden-relu-10in5-p0.06/v1": trained(
        "Hidden layer of ReLU(W^T ReLU(W x) + b) with importance 0.75^i: a privileged basis. A "
        "feature is the ray ReLU(W_i).",
        10,
        5,
        coins(0.06),
        model={"kind": "hidden-relu"},
        importance=0.75,
        training={"restarts": 16},
    ),
    "absolute-20in8-p0.03/v1": trained(
        "Hidden layer of ReLU(W_2 ReLU(W_1 x) + b), trained to compute |x|, importance 0.8^i. Two "
        "rays a feature, ReLU(w) and ReLU(-w): 40 in all, positive values first.",
        20,
        8,
        coins(0.03),
        model={"kind": "absolute-value"},
        importance=0.8,
        magnitude=SIGNED,
        training={"steps": 4000, "restarts": 6},
    ),
    "absolute-3in6/v1": trained(
        "Absolute values of three features by six neurons, exactly: ReLU(x) + ReLU(-x).",
        3,
        6,
        coins(1.0),
        model={"kind": "absolute-value"},
        magnitude=SIGNED,
        training={"restarts": 24},
    ),
    "compressed-100in50-none/v1": compressed("none"),
    "compressed-100in50-embedding/v1": compressed("embedding"),
    "compressed-100in50-symmetric0.02/v1": compressed("symmetric", 0.02),
    "compressed-100in50-asymmetric0.02/v1": compressed("asymmetric", 0.02),
    "residual-100in50/v1": trained(
        "50 neurons on a residual stream of 200 dimensions, trained to compute x + ReLU(x) of 100 "
        "signed features. Two rays a feature.",
        100,
        50,
        coins(0.01),
        model={"kind": "residual-mlp", "n_embedding": 200},
        training={"batch": 1024, "lr": 3e-3, "restarts": 1},
        magnitude=SIGNED,
    ),
    "composed-16in6/v1": composed(8, 6),
    "composed-8in3/v1": composed(4, 3),
    "memorised-1000in2-t5/v1": trained(
        "Five unit-norm samples of 1000 features, over and over: data points, not features, form "
        "a pentagon.",
        1000,
        2,
        coins(0.01),
        training={"batch": 64, "weight_decay": 1e-4, "restarts": 6},
        repeat=5,
        unit_norm=True,
    ),
}
