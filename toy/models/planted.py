"""Planted dictionaries: directions without a network."""

import numpy as np

from toy.randomness import stream
from toy.spec import PlantedSpec

#: Rounds of alternating projection; each about doubles the time a random dictionary costs.
ROUNDS = 2_000


def plant(spec: PlantedSpec, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return feature vectors (k, d) and the bias (d,) of a planted world.

    Raises
    ------
    ValueError
        If directions cannot be as orthogonal or as incoherent as asked.
    """
    rng = stream(seed, "directions")
    if spec.orthogonal:
        directions = orthogonal_directions(k, spec.d, rng)
    else:
        directions = random_directions(k, spec.d, rng, spec.common, spec.spectrum)
    if spec.coherence is not None:
        directions = lower_coherence(directions, spec.coherence)
    lengths = 1 + spec.length_spread * stream(seed, "lengths").standard_normal(k)
    bias: np.ndarray = spec.bias * random_directions(1, spec.d, stream(seed, "bias"))[0]
    return directions * np.abs(lengths)[:, None], bias


def random_directions(
    k: int, d: int, rng: np.random.Generator, common: float = 0.0, spectrum: float = 0.0
) -> np.ndarray:
    """Return ``k`` independent directions (k, d), uniform on the unit sphere by default.

    Parameters
    ----------
    k, d : int
    rng : numpy.random.Generator
    common : float
        Expected cosine between any two, from a direction that all share.
    spectrum : float
        Coordinate ``i`` (from 1, in a random basis) is scaled by ``i ** -spectrum``.
    """
    vectors = rng.standard_normal((k, d))
    if spectrum:
        basis = orthogonal_directions(d, d, rng)
        vectors = (vectors * np.arange(1, d + 1) ** -spectrum) @ basis
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if common:
        shared = rng.standard_normal(d)
        shared /= np.linalg.norm(shared)
        vectors -= np.outer(vectors @ shared, shared)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = np.sqrt(1 - common) * vectors + np.sqrt(common) * shared
    return vectors


def orthogonal_directions(k: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``k <= d`` orthonormal rows (k, d), uniformly turned."""
    if k > d:
        raise ValueError(f"{k} directions cannot be orthogonal in {d} dimensions.")
    q, r = np.linalg.qr(rng.standard_normal((d, k)))
    return np.ascontiguousarray((q * np.sign(np.diag(r))).T)


def lower_coherence(directions: np.ndarray, most: float) -> np.ndarray:
    """Return unit rows no two of which have ``|cos|`` above ``most``.

    Alternates between Gram matrices with small entries and Gram matrices of the right rank
    (Tropp, Dhillon, Heath & Strohmer 2005).

    Raises
    ------
    ValueError
        If it does not get there, as it cannot below the Welch bound.
    """
    k, d = directions.shape
    aim = 0.98 * most
    for _ in range(ROUNDS):
        gram = directions @ directions.T
        np.fill_diagonal(gram, 0)
        if np.abs(gram).max() <= most:
            return directions
        gram = np.clip(gram, -aim, aim)
        np.fill_diagonal(gram, 1)
        values, vectors = np.linalg.eigh(gram)
        directions = vectors[:, -d:] * np.sqrt(np.maximum(values[-d:], 0))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    welch = np.sqrt(max(0.0, (k - d) / (d * (k - 1)))) if k > 1 else 0.0
    raise ValueError(
        f"Could not place {k} directions in {d} dimensions with coherence at most {most}; "
        f"the Welch bound is {welch:.3f}, and what can be reached lies somewhat above it."
    )
