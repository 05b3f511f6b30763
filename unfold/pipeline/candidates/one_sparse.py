"""Directions of one-sparse samples, and the evidence that they are all there are."""

import numpy as np

from unfold.pipeline.judge import EXACT, Candidate
from unfold.pipeline.split import POLISH, Split

#: Samples that nine rays in ten must have for none to be missing by chance.
FREQUENT, RAREST = 10, 0.1
#: Share of held-out samples that rays must explain, and from which they leave little.
SOME, MOST = 0.05, 0.8
#: Active features, as a share of the dimensions, up to which the right directions explain them.
SPARSE = 0.05
#: Silent samples from which their number says something, and the share of the expected number
#: that chance leaves.
ENOUGH_SILENT, SHORT = 50, 0.6
#: Distance of a cosine from one at which unit vectors are parallel but for rounding.
PARALLEL = 1e-6


def complete_one_sparse(split: Split, rays: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether rays are frequent enough that none can be missing, and explain the data."""
    if split.n is not None and len(rays) < split.n:
        return False
    if np.quantile(counts, RAREST) < FREQUENT:
        return False
    return silence_explained(split, counts) and split.evidence(rays, EXACT) > SOME


def leaves_much(split: Split, rays: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether rays fail on codes so sparse that the right directions would not.

    Features that are active only with others, as in a tree, have no ray of their own.
    """
    silent = max(int((split.X == 0).all(axis=1).sum()), 1)
    active = float((counts / (counts + silent)).sum())
    return active < SPARSE * split.X.shape[1] and split.evidence(rays, EXACT) < MOST


def silence_explained(split: Split, counts: np.ndarray) -> bool:
    """Tell whether silent samples are as many as independent features of these rays leave.

    A feature alone occurs p / (1 - p) times as often as none, and none with the product of all
    (1 - p): features without a ray would leave fewer silent samples than that.
    """
    silent = int((split.X == 0).all(axis=1).sum())
    if silent < ENOUGH_SILENT:
        return True
    expected = len(split.X) * np.exp(-np.log1p(counts / silent).sum())
    return bool(silent > SHORT * expected)


def by_one_sparse(split: Split, rays: np.ndarray, counts: np.ndarray) -> Candidate:
    """Return the candidate of exact rays; of as many as wanted, those with most energy."""
    shares = {"exact_fraction": split.evidence(rays, EXACT), "tolerance": EXACT}
    positive = not antipodal(rays)
    if not positive:
        first = np.arange(len(rays)) < (rays @ rays.T).argmin(axis=1)
        rays, counts = rays[first], counts[first]
    if split.n is not None and len(rays) > split.n:
        strongest = np.sort(np.argsort(-energies(split, rays, positive), kind="stable")[: split.n])
        rays, counts = rays[strongest], counts[strongest]
        shares["exact_fraction"] = split.evidence(
            rays if positive else np.concatenate([rays, -rays]), EXACT
        )
    return Candidate("one-sparse", rays, counts / (counts + 2.0), shares, positive=positive)


def antipodal(rays: np.ndarray) -> bool:
    """Tell whether rays come in opposite pairs: directions of codes of both signs."""
    return bool(((rays @ rays.T).min(axis=1) < -1 + PARALLEL).all())


def energies(split: Split, rays: np.ndarray, positive: bool) -> np.ndarray:
    """Return the energy of the samples that lie on each ray."""
    some = split.X[: 20 * POLISH]
    norms = np.linalg.norm(some, axis=1)
    cosine = (some / np.maximum(norms, 1e-300)[:, None]) @ rays.T
    on = (cosine if positive else np.abs(cosine)) > 1 - PARALLEL
    return np.asarray((norms**2) @ on)
