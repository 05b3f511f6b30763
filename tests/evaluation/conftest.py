"""Problems and records made by hand, so that scores are tested without any generator of ours."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

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
        t.directions, t.norms, t.represented, csr_array(t.codes_train), csr_array(t.codes_test),
        t.density, t.positive, t.bias,
    )  # fmt: skip
    return Problem(problem.id, problem.seed, {}, "", problem.observed, truth)


@pytest.fixture(scope="session")
def planted() -> Callable[..., Problem]:
    """Factory of planted problems."""
    return _planted


@pytest.fixture(scope="session")
def as_sparse() -> Callable[[Problem], Problem]:
    """Same problem, sparse codes."""
    return _sparse
