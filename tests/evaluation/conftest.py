"""Problems and records made by hand, so that scores are tested without any generator of ours."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from evaluation.running.record import Record
from evaluation.scoring.controls import CHANCE, ORACLE
from evaluation.scoring.metrics import METRICS
from evaluation.scoring.score import METRICS_VERSION
from toy.problem import Observed, Problem, Truth


def _planted(
    k: int = 80,
    d: int = 20,
    density: float = 0.1,
    n: int = 2000,
    seed: int = 0,
    noise: float = 0.0,
    **changes: Any,
) -> Problem:
    """Random features in Gaussian directions; ``changes`` overrides fields of the truth."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((k, d))
    fields: dict[str, Any] = {
        "directions": directions / np.linalg.norm(directions, axis=1, keepdims=True),
        "norms": rng.uniform(0.5, 2, k),
        "represented": np.ones(k, dtype=bool),
        "density": np.full(k, density),
        "positive": True,
        "bias": np.zeros(d),
    } | changes
    codes = rng.uniform(0.2, 1, (2, n, k)) * (rng.random((2, n, k)) < density)
    if not fields["positive"]:
        codes *= rng.choice([-1, 1], codes.shape)
    if "codes_test" in changes:
        codes = np.stack([changes["codes_test"]] * 2)
    atoms = fields["norms"][:, None] * fields["directions"]
    train, test = (
        (z @ atoms + fields["bias"] + noise * rng.standard_normal((z.shape[0], d))).astype("f4")
        for z in codes
    )
    truth = Truth(**(fields | {"codes_train": codes[0], "codes_test": codes[1]}))
    return Problem(f"planted-{k}in{d}", seed, {}, "", Observed(train, test), truth)


def _sparse(problem: Problem) -> Problem:
    """The same problem with its codes stored as CSR."""
    t = problem.truth
    truth = Truth(
        t.directions,
        t.norms,
        t.represented,
        csr_array(t.codes_train),
        csr_array(t.codes_test),
        t.density,
        t.positive,
        t.bias,
    )
    return Problem(problem.id, problem.seed, {}, "", problem.observed, truth)


@pytest.fixture(scope="session")
def planted() -> Callable[..., Problem]:
    """Factory of planted problems."""
    return _planted


@pytest.fixture(scope="session")
def as_sparse() -> Callable[[Problem], Problem]:
    """Same problem, sparse codes."""
    return _sparse


_PROBLEMS = [
    ("relu-20in5-p0.05/v1", 20, 5, 0.05, 0.0),
    ("relu-20in5-p0.1/v1", 20, 5, 0.1, 0.0),
    ("relu-80in20-p0.05/v1", 80, 20, 0.05, 0.0),
    ("relu-80in20-p0.1/v1", 80, 20, 0.1, 0.0),
    ("planted-40in20-p0.05/v1", 40, 20, 0.05, 0.0),
    ("planted-80in20-p0.1/v1", 80, 20, 0.1, 0.0),
    ("planted-80in20-p0.05-noise0.02/v1", 80, 20, 0.05, 0.02),
    ("tree-256in64/v1", 256, 64, 0.02, 0.0),
]
_METHODS = {"alpha": 0.95, "beta": 0.7, "gamma": 0.68, "delta": 0.3}
_FAMILIES = ("sparse coding", "moments", "autoencoder", "ica")


def _cell(method: str, problem: tuple, seed: int, track: str, value: float, **changes: Any):
    """A record whose dictionary scores all follow from one value in [0, 1]."""
    name, k, d, density, noise = problem
    rng = np.random.default_rng([seed, *f"{method}{name}{track}".encode()])
    scores = {n: m.chance + value * (m.best - m.chance) for n, m in METRICS.items()}
    fields: dict[str, Any] = {
        "key": f"{method}-{name}-{seed}-{track}",
        "suite": "synthetic",
        "problem": name,
        "problem_digest": f"{seed:064x}",
        "problem_facts": {
            "family": name.split("-")[0],
            "n_features": k,
            "d": d,
            "density": density,
            "noise": noise,
            "n_samples": 100_000,
        },
        "method": method,
        "method_path": f"demo:{method}",
        "seed": seed,
        "track": track,
        "family": _FAMILIES[len(method) % 4],
        "status": "ok",
        "n_atoms": k,
        "metrics": scores,
        "metrics_version": METRICS_VERSION,
        "fit_seconds": float(rng.uniform(0.1, 30)),
        "encode_seconds": 0.1,
        "peak_bytes": int(rng.uniform(1e8, 2e9)),
        "environment": {"python": "3.11.7", "numpy": "2.4.0", "cpu": "example", "cores": 2},
        "command": f"unfold run -m '{method}' -p {name} --seeds {seed}",
        "started_at": "2026-01-01T00:00:00Z",
    }
    fields |= changes
    if fields["status"] != "ok":
        fields |= {"metrics": {}, "n_atoms": None, "fit_seconds": None}
    return Record(**fields)


def _records(
    methods: Mapping[str, float] | None = None,
    n_problems: int = 8,
    seeds: Sequence[int] = (0, 1, 2),
    tracks: Sequence[str] = ("blind", "informed"),
    spread: float = 0.03,
    controls: bool = True,
) -> list[Record]:
    """Records of methods of known strength; problems differ in difficulty, seeds a little."""
    methods = dict(_METHODS if methods is None else methods)
    if controls:
        methods |= {CHANCE: 0.0, ORACLE: 1.0}
    found = []
    for index, problem in enumerate(_PROBLEMS[:n_problems]):
        for seed, track in product(seeds, tracks):
            for method, strength in methods.items():
                rng = np.random.default_rng([seed, index, *method.encode()])
                hard = 1 - 0.08 * index * (1 - strength)
                value = np.clip(strength * hard + spread * rng.standard_normal(), 0, 1)
                value = strength if method in (CHANCE, ORACLE) else float(value)
                found.append(_cell(method, problem, seed, track, value))
    return found


@pytest.fixture(scope="session")
def records() -> Callable[..., list[Record]]:
    """Factory of synthetic records."""
    return _records
