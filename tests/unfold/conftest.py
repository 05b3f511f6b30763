"""Planted worlds and measures of what was found, for tests of everything that recovers."""

from collections.abc import Callable

import numpy as np
import pytest

from unfold.testing import random_rows

Planted = tuple[np.ndarray, np.ndarray, np.ndarray]


def _planted(d: int, k: int, p: float, n: int, seed: int = 0, sigma: float = 0.0) -> Planted:
    """Return samples, directions and codes: uniform amplitudes, each on with probability p."""
    rng = np.random.default_rng(seed)
    D = random_rows(rng, (k, d))
    Z = (rng.random((n, k)) < p) * rng.random((n, k))
    noise = sigma * rng.standard_normal((n, d)) if sigma else 0.0
    return Z @ D + noise, D, Z


def _worst_cosine(D: np.ndarray, found: np.ndarray) -> float:
    """Return the cosine of the best match of the direction that is matched worst."""
    return float((D @ np.asarray(found).T).max(axis=1).min())


@pytest.fixture(scope="session")
def planted() -> Callable[..., Planted]:
    """Factory of planted worlds, (d, k, p, n, seed, sigma) -> (X, D, Z)."""
    return _planted


@pytest.fixture(scope="session")
def worst_cosine() -> Callable[[np.ndarray, np.ndarray], float]:
    """Cosine of the worst-matched true direction; signs count."""
    return _worst_cosine
