"""The zoo: versioned ids and what each stands for. Data only, and a parser for the free ones."""

import difflib
import re
from typing import Any

#: Settings under which the represented features of the trained toys are really learned.
RELU_TRAINING: dict[str, Any] = {
    "steps": 2000,
    "batch": 512,
    "lr": 0.01,
    "schedule": "cosine",
    "weight_decay": 0.0,
    "restarts": 8,
}


def relu(n: int, d: int, p: float, **overrides: Any) -> dict[str, Any]:
    """Return the spec of a trained ReLU-output toy with features of equal importance."""
    return {
        "about": f"Hidden layer of ReLU(W^T W x + b): {n} features in {d} dimensions, "
        f"each active with probability {p}, uniform on [0, 1], all equally important.",
        "features": {"n": n, "gate": {"kind": "independent", "p": p}},
        "source": {
            "kind": "trained",
            "model": {"kind": "relu-output"},
            "d": d,
            "training": RELU_TRAINING | overrides,
        },
        "n_train": 100_000,
    }


def planted(n: int, d: int, p: float, noise: float, signed: bool) -> dict[str, Any]:
    """Return the spec of sparse combinations of random directions."""
    return {
        "about": f"{n} random unit directions in {d} dimensions, each active with probability {p}, "
        f"uniform on [{-1 if signed else 0}, 1], noise {noise} per coordinate.",
        "features": {
            "n": n,
            "gate": {"kind": "independent", "p": p},
            "magnitude": {"kind": "uniform", "low": -1.0 if signed else 0.0, "high": 1.0},
        },
        "source": {"kind": "planted", "d": d},
        "noise": noise,
        "n_train": 100_000 if n * d <= 4000 else 200_000,
    }


def tree(
    n: int, d: int, roots: int, depth: int, high: float, low: float, **sizes: int
) -> dict[str, Any]:
    """Return the spec of a world of correlated hierarchies with Zipf densities."""
    return {
        "about": f"{n} features in {d} dimensions: {roots} trees of depth {depth}, four children "
        f"a parent of which at most one is active, and free features; Zipf densities; "
        f"roots and free features correlated; strong parents have strong children.",
        "features": {
            "n": n,
            "gate": {
                "kind": "tree",
                "roots": roots,
                "branching": 4,
                "depth": depth,
                "p": {"exponent": 0.5, "high": high, "low": low},
                "rank": 25,
                "scale": 0.1,
            },
            "magnitude": {
                "kind": "normal",
                "mean": 5.0,
                "last_mean": 4.0,
                "std": 0.5,
                "std_spread": 0.5,
            },
            "inherit": True,
        },
        "source": {"kind": "planted", "d": d, "bias": 0.5},
        **sizes,
    }


ZOO: dict[str, dict[str, Any]] = {
    "relu-5in2-p0.05/v1": relu(5, 2, 0.05),
    "relu-5in2-p0.1/v1": relu(5, 2, 0.1),
    "relu-20in5-p0.05/v1": relu(20, 5, 0.05),
    "relu-20in5-p0.1/v1": relu(20, 5, 0.1),
    "relu-80in20-p0.05/v1": relu(80, 20, 0.05, restarts=2),
    "relu-80in20-p0.1/v1": relu(80, 20, 0.1, restarts=2),
    "planted-40in20-p0.05/v1": planted(40, 20, 0.05, 0.0, False),
    "planted-40in20-p0.05-signed/v1": planted(40, 20, 0.05, 0.0, True),
    "planted-80in20-p0.05-noise0.02/v1": planted(80, 20, 0.05, 0.02, False),
    "planted-80in20-p0.1/v1": planted(80, 20, 0.1, 0.0, False),
    "tree-256in64/v1": tree(256, 64, 8, 2, 0.2, 0.005, n_train=300_000),
    # The published parameters of SynthSAEBench-16k, but for the rates; see TreeSpec.
    "tree-16384in768/v1": tree(16_384, 768, 128, 3, 0.4, 0.0005, n_train=50_000, n_test=2_000),
}

_PLANTED = re.compile(
    r"planted-(?P<n>\d+)in(?P<d>\d+)-p(?P<p>0?\.\d+|1(\.0*)?)"
    r"(-noise(?P<noise>\d*\.?\d+))?(?P<signed>-signed)?/v1"
)


def list_problems() -> list[str]:
    """Return the versioned ids of the zoo.

    Planted worlds of any size can be asked for besides those listed, as
    ``planted-{n}in{d}-p{p}[-noise{s}][-signed]/v1``.
    """
    return sorted(ZOO)


def lookup(problem_id: str) -> dict[str, Any]:
    """Return the spec that an id stands for.

    Raises
    ------
    ValueError
        If there is no such id; the message names the nearest ones.
    """
    if problem_id in ZOO:
        return ZOO[problem_id]
    if match := _PLANTED.fullmatch(problem_id):
        return planted(
            int(match["n"]),
            int(match["d"]),
            float(match["p"]),
            float(match["noise"] or 0),
            bool(match["signed"]),
        )
    near = difflib.get_close_matches(problem_id, ZOO, n=3, cutoff=0.5)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    raise ValueError(
        f"Unknown problem {problem_id!r}.{hint} toy.list_problems() names all; planted worlds of "
        f"any size go by planted-{{n}}in{{d}}-p{{p}}[-noise{{s}}][-signed]/v1."
    )
