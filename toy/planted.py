"""Planted dictionaries: directions without a network."""

import numpy as np


def random_directions(k: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``k`` independent directions (k, d), uniform on the unit sphere."""
    vectors = rng.standard_normal((k, d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
