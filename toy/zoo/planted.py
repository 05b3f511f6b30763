"""Specs of planted worlds: sparse combinations of known directions, without a network."""

from typing import Any

ONE: dict[str, Any] = {"kind": "normal", "mean": 1.0, "std": 0.0}


def planted(n: int, d: int, p: float, noise: float, signed: bool) -> dict[str, Any]:
    """Return the spec of independent features along random directions."""
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
    n: int, d: int, roots: int, depth: int, high: float, low: float, **rest: Any
) -> dict[str, Any]:
    """Return the spec of a world of correlated hierarchies with Zipf densities."""
    alone = rest.pop("alone", 0.0)
    return {
        "about": f"{n} features in {d} dimensions: {roots} trees of depth {depth}, four children "
        f"a parent of which at most one is active, and free features; Zipf densities; "
        f"roots and free features correlated; strong parents have strong children"
        + (f"; at least {alone:.0%} of a parent's activity is without a child." if alone else "."),
        "features": {
            "n": n,
            "gate": {
                "kind": "tree",
                "roots": roots,
                "branching": 4,
                "depth": depth,
                "p": {"exponent": 0.5, "high": high, "low": low},
                "alone": alone,
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
        **rest,
    }


def ksvd(snr: float | None) -> dict[str, Any]:
    """Return the synthetic benchmark of Aharon, Elad & Bruckstein (2006) at an SNR in dB."""
    return {
        "about": f"K-SVD benchmark: 50 atoms in 20 dimensions, 3 active with normal coefficients, "
        f"1500 samples, SNR {'infinite' if snr is None else f'{snr:g} dB'}.",
        "features": {
            "n": 50,
            "gate": {"kind": "exactly", "count": 3},
            "magnitude": {"kind": "normal", "mean": 0.0, "std": 1.0, "folded": False},
        },
        "source": {"kind": "planted", "d": 20},
        "noise": 0.0 if snr is None else (3 / 20 / 10 ** (snr / 10)) ** 0.5,
        "n_train": 1500,
        "n_test": 1500,
    }


def sharkey(n: int, d: int, active: float, correlated: bool) -> dict[str, Any]:
    """Return the world of Sharkey, Braun & Millidge (2022): densities that decay by 0.99."""
    decay = [0.99**i for i in range(n)]
    p = [active * weight / sum(decay) for weight in decay]
    gate: dict[str, Any] = {"kind": "independent", "p": p}
    if correlated:
        gate = {"kind": "copula", "p": p, "rank": 25, "scale": 0.1}
    return {
        "about": f"{n} random directions in {d} dimensions, densities falling by 0.99 from each to "
        f"the next, {active} active on average{', correlated' if correlated else ''}.",
        "features": {"n": n, "gate": gate},
        "source": {"kind": "planted", "d": d},
        "n_train": 200_000,
    }


def orthogonal(about: str, n: int, d: int, gate: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """Return orthogonal features of value one: nothing hard but who fires with whom."""
    spread = rest.pop("length_spread", 0.0)
    return {
        "about": about,
        "features": {"n": n, "gate": gate, "magnitude": ONE},
        "source": {"kind": "planted", "d": d, "orthogonal": True, "length_spread": spread},
        "n_train": 100_000,
        **rest,
    }


def pair(together: float, first: float, second: float) -> dict[str, Any]:
    """Return the gate of two features from the probabilities of both, and of either alone."""
    sets = [((0, 1), together), ((0,), first), ((1,), second)]
    kept = [(features, p) for features, p in sets if p > 0]
    return {"kind": "patterns", "patterns": [f for f, _ in kept], "p": [p for _, p in kept]}


_PARENTS = [-1, 0, 0, 0, -1, 4, 4, 4, -1, 8, 8, 8] + [-1] * 8
_FAMILY = [0.15, 0.03, 0.03, 0.03]


def _directed(how: str, **source: float) -> dict[str, Any]:
    """Return the smallest planted world with directions of another kind."""
    world = planted(40, 20, 0.05, 0.0, False)
    return world | {
        "about": f"{world['about'].rstrip('.')}; directions {how}.",
        "source": {"kind": "planted", "d": 20} | source,
    }


PLANTED_ZOO: dict[str, dict[str, Any]] = {
    "planted-40in20-p0.05/v1": planted(40, 20, 0.05, 0.0, False),
    "planted-40in20-p0.05-signed/v1": planted(40, 20, 0.05, 0.0, True),
    "planted-80in20-p0.05-noise0.02/v1": planted(80, 20, 0.05, 0.02, False),
    "planted-80in20-p0.1/v1": planted(80, 20, 0.1, 0.0, False),
    "incoherent-40in20-p0.05/v1": _directed(
        "of which no two have a cosine beyond 0.3", coherence=0.3
    ),
    "coherent-40in20-p0.05/v1": _directed(
        "that all lean towards a common one, by 0.3 in cosine", common=0.3
    ),
    "anisotropic-40in20-p0.05/v1": _directed("that thin out over dimensions", spectrum=0.5),
    "zipf-80in20/v1": {
        "about": "80 random unit directions in 20 dimensions with densities that fall like "
        "rank^-0.5, from 0.2 to 0.005, and no two features alike in strength.",
        "features": {
            "n": 80,
            "gate": {
                "kind": "independent",
                "p": {"exponent": 0.5, "high": 0.2, "low": 0.005},
            },
            "magnitude": {"kind": "normal", "mean": 2.0, "last_mean": 1.0, "std": 0.5},
        },
        "source": {"kind": "planted", "d": 20},
        "n_train": 100_000,
    },
    "copula-80in20-p0.05/v1": {
        "about": "80 random unit directions in 20 dimensions, each active with probability 0.05, "
        "correlated through five shared factors.",
        "features": {
            "n": 80,
            "gate": {"kind": "copula", "p": 0.05, "rank": 5, "scale": 0.3},
        },
        "source": {"kind": "planted", "d": 20},
        "n_train": 100_000,
    },
    "one-hot-160in20/v1": {
        "about": "160 random unit directions in 20 dimensions, exactly one active in every sample.",
        "features": {"n": 160, "gate": {"kind": "exactly", "count": 1}},
        "source": {"kind": "planted", "d": 20},
    },
    "exactly-100in47-k10/v1": {
        "about": "100 random directions in 47 dimensions, exactly 10 active, uniform on [0, 1].",
        "features": {"n": 100, "gate": {"kind": "exactly", "count": 10}},
        "source": {"kind": "planted", "d": 47},
    },
    "tree-256in64/v1": tree(256, 64, 8, 2, 0.2, 0.005, n_train=300_000),
    "tree-256in64-alone0.3/v1": tree(256, 64, 8, 2, 0.2, 0.005, alone=0.3, n_train=300_000),
    "tree-512in96/v1": tree(512, 96, 4, 3, 0.1, 0.002, n_train=300_000),
    "tree-4096in512/v1": tree(4096, 512, 32, 3, 0.2, 0.0005, n_train=300_000, n_test=2_000),
    # The published parameters of SynthSAEBench-16k. Its own densities are not what it declares
    # (59 active asked for, 34 realised); here the feasible ones, 35 active, are declared.
    "tree-16384in768/v1": tree(16_384, 768, 128, 3, 0.4, 0.0005, n_train=50_000, n_test=2_000),
    "ksvd-50in20-snr10/v1": ksvd(10),
    "ksvd-50in20-snr20/v1": ksvd(20),
    "ksvd-50in20-snr30/v1": ksvd(30),
    "ksvd-50in20/v1": ksvd(None),
    "sharkey-512in256/v1": sharkey(512, 256, 5, correlated=False),
    "sharkey-512in256-correlated/v1": sharkey(512, 256, 5, correlated=True),
    "sharkey-128in64/v1": sharkey(128, 64, 3, correlated=False),
    "absorption-4in50/v1": orthogonal(
        "Four orthogonal features of value one; the second is only active with the first "
        "(Chanin et al. 2024). Sparsity pays for a latent that holds their sum.",
        4,
        50,
        {"kind": "forest", "parents": [-1, 0, -1, -1], "p": [0.25, 0.05, 0.05, 0.05]},
    ),
    "absorption-4in50-control/v1": orthogonal(
        "The same features, independent: nothing to absorb.",
        4,
        50,
        {"kind": "independent", "p": [0.25, 0.05, 0.05, 0.05]},
    ),
    "hedging-2in50/v1": orthogonal(
        "A parent (density 0.25) and a child active in a fifth of its samples (Chanin et al. "
        "2025). A dictionary too narrow for both mixes them.",
        2,
        50,
        pair(0.05, 0.2, 0.0),
    ),
    "hedging-2in50-anticorrelated/v1": orthogonal(
        "A feature (density 0.25) and another: probability 0.1 where it is active, else 0.2.",
        2,
        50,
        pair(0.025, 0.225, 0.15),
    ),
    "hedging-2in50-control/v1": orthogonal(
        "Two independent features, of densities 0.25 and 0.2.",
        2,
        50,
        {"kind": "independent", "p": [0.25, 0.2]},
    ),
    "family-20in20/v1": orthogonal(
        "Three parents, each with three exclusive children, and eight features on their own "
        "(Nabeshima 2024): do wide latents keep the parents?",
        20,
        20,
        {"kind": "forest", "parents": _PARENTS, "p": _FAMILY * 3 + [0.05] * 8},
        length_spread=0.05,
    ),
}
