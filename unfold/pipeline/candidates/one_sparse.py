"""Directions of one-sparse samples, and the evidence that they are all there are."""

import numpy as np

from unfold.pipeline.judge import Candidate
from unfold.pipeline.split import POLISH, Split


def complete_one_sparse(split: Split, rays: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether rays are frequent enough that none can be missing, and explain the data."""
    if split.n is not None and len(rays) < split.n:
        return False
    if np.quantile(counts, 0.1) < 10:
        return False
    return silence_explained(split, counts) and split.evidence(rays, 1e-3) > 0.05


def leaves_much(split: Split, rays: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether rays fail on codes so sparse that the right directions would not.

    Features that are active only with others, as in a tree, have no ray of their own.
    """
    silent = max(int((split.X == 0).all(axis=1).sum()), 1)
    active = float((counts / (counts + silent)).sum())
    return active < 0.05 * split.X.shape[1] and split.evidence(rays, 1e-3) < 0.8


def silence_explained(split: Split, counts: np.ndarray) -> bool:
    """Tell whether silent samples are as many as independent features of these rays leave.

    A feature alone occurs p / (1 - p) times as often as none, and none with the product of all
    (1 - p): features without a ray would leave fewer silent samples than that.
    """
    silent = int((split.X == 0).all(axis=1).sum())
    if silent < 50:
        return True
    expected = len(split.X) * np.exp(-np.log1p(counts / silent).sum())
    return bool(silent > 0.6 * expected)


def by_one_sparse(split: Split, rays: np.ndarray, counts: np.ndarray) -> Candidate:
    """Return the candidate of exact rays; of as many as wanted, those with most energy."""
    shares = {"exact_fraction": split.evidence(rays, 1e-3), "tolerance": 1e-3}
    positive = not antipodal(rays)
    if not positive:
        first = np.arange(len(rays)) < (rays @ rays.T).argmin(axis=1)
        rays, counts = rays[first], counts[first]
    if split.n is not None and len(rays) > split.n:
        strongest = np.sort(np.argsort(-energies(split, rays, positive), kind="stable")[: split.n])
        rays, counts = rays[strongest], counts[strongest]
        shares["exact_fraction"] = split.evidence(
            rays if positive else np.concatenate([rays, -rays]), 1e-3
        )
    return Candidate("one-sparse", rays, counts / (counts + 2.0), shares, positive=positive)


def antipodal(rays: np.ndarray) -> bool:
    """Tell whether rays come in opposite pairs: directions of codes of both signs."""
    return bool(((rays @ rays.T).min(axis=1) < -1 + 1e-6).all())


def energies(split: Split, rays: np.ndarray, positive: bool) -> np.ndarray:
    """Return the energy of the samples that lie on each ray."""
    some = split.X[: 20 * POLISH]
    norms = np.linalg.norm(some, axis=1)
    cosine = (some / np.maximum(norms, 1e-300)[:, None]) @ rays.T
    on = (cosine if positive else np.abs(cosine)) > 1 - 1e-6
    return np.asarray((norms**2) @ on)
