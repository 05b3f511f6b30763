"""Planted dictionaries: directions without a network."""

import numpy as np

from toy.randomness import stream
from toy.spec import PlantedSpec


def plant(spec: PlantedSpec, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return feature vectors (k, d) and the bias (d,) of a planted world."""
    directions = random_directions(k, spec.d, stream(seed, "directions"))
    bias: np.ndarray = spec.bias * random_directions(1, spec.d, stream(seed, "bias"))[0]
    return directions, bias


def random_directions(k: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``k`` independent directions (k, d), uniform on the unit sphere."""
    vectors = rng.standard_normal((k, d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
