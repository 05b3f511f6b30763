"""One matrix product instead of a solver: a linear encoder fitted to codes that exist."""

from dataclasses import replace

import numpy as np

from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import JumpRelu, Linear

#: Ridge of the regression, relative to the mean variance of a coordinate: keeps it solvable where
#: samples do not span the space, and is below single precision elsewhere.
RIDGE = 1e-6


def amortised(found: Dictionary, X: np.ndarray, codes: np.ndarray) -> Dictionary:
    """Return the same atoms with an encoder ``JumpReLU(x W + b)`` that imitates given codes.

    The map is the least-squares one; each latent's threshold is the one with the least squared
    error against its codes, found exactly, and each is then rescaled on the samples where it is
    active. Codes of either sign become two latents. What it costs is in the facts:
    ``explained_variance_codes`` and ``explained_variance_encoder``, on ``X``.

    Parameters
    ----------
    found : Dictionary
    X : ndarray of shape (n, d)
    codes : ndarray of shape (n, k)
        What the iterative encoder gives for ``X``.

    Returns
    -------
    Dictionary
        With k latents, or 2k where codes have both signs.

    Raises
    ------
    ValueError
        If there are no more samples than dimensions, or no code is active.
    """
    n, d = X.shape
    if n <= d or not np.any(codes):
        raise ValueError(
            f"An encoder is fitted to codes of more samples than dimensions, some of them active; "
            f"got {n} samples in {d} dimensions with {np.count_nonzero(codes)} active codes."
        )
    own = _explained(X, codes @ found.atoms + found.offset)
    atoms = found.atoms
    weights, bias = _regression(X - found.offset, codes)
    if (codes < 0).any():
        atoms = np.concatenate([atoms, -atoms])
        codes = np.concatenate([np.maximum(codes, 0), np.maximum(-codes, 0)], axis=1)
        weights = np.concatenate([weights, -weights], axis=1)
        bias = np.concatenate([bias, -bias])
    H = (X - found.offset) @ weights + bias
    threshold = np.array([_threshold(h, z) for h, z in zip(H.T, codes.T, strict=True)])
    active = H * (threshold < H)
    energy = (active**2).sum(axis=0)
    scale = np.where(energy > 0, (active * codes).sum(axis=0) / np.where(energy > 0, energy, 1), 1)
    scale = np.where(scale > 0, scale, 1.0)
    encoder = Linear(weights * scale, bias * scale, found.offset, JumpRelu(threshold * scale))
    made = replace(found, atoms=atoms, encoder=encoder)
    facts = {
        "explained_variance_codes": own,
        "explained_variance_encoder": _explained(X, made.reconstruct(X)),
    }
    return replace(made, facts={**found.facts, **facts})


def _regression(X: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (d, k) and bias (k,) that predict codes best."""
    centre, mean = X.mean(axis=0), codes.mean(axis=0)
    Y = X - centre
    gram = Y.T @ Y
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram, Y.T @ (codes - mean))
    return weights, mean - centre @ weights


def _threshold(h: np.ndarray, z: np.ndarray) -> float:
    """Return the threshold of one latent with the least ``sum (z - h [h > t])^2``, at least 0."""
    order = np.argsort(-h)
    h, z = h[order], z[order]
    h = h[h > 0]
    error = np.concatenate([[0.0], np.cumsum((z[: len(h)] - h) ** 2 - z[: len(h)] ** 2)])
    # Equal pre-activations are all above a threshold, or none is.
    allowed = np.concatenate([[True], h[:-1] > h[1:], [True]]) if len(h) else np.array([True])
    best = int(np.argmin(np.where(allowed, error, np.inf)))
    if best == 0:
        return float(h[0]) if len(h) else 0.0
    following = h[best] if best < len(h) else 0.0
    return float((h[best - 1] + following) / 2)


def _explained(X: np.ndarray, rebuilt: np.ndarray) -> float:
    total = float(((X - X.mean(axis=0)) ** 2).sum())
    return 1 - float(((X - rebuilt) ** 2).sum()) / total
