"""The roads that `unfold.recover` may take, and the evidence that decides between them."""

import numpy as np

from unfold.pipeline.judge import Candidate
from unfold.pipeline.split import POLISH, Scene


def complete_rays(scene: Scene, rays: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether rays are frequent enough that none can be missing, and explain the data."""
    if scene.n is not None and len(rays) < scene.n:
        return False
    if np.quantile(counts, 0.1) < 10:
        return False
    return silence_explained(scene, counts) and scene.evidence(rays, 1e-3) > 0.05


def leaves_much(scene: Scene, rays: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether rays fail on codes so sparse that the right directions would not.

    Features that are active only with others, as in a tree, have no ray of their own.
    """
    silent = max(int((scene.X == 0).all(axis=1).sum()), 1)
    active = float((counts / (counts + silent)).sum())
    return active < 0.05 * scene.X.shape[1] and scene.evidence(rays, 1e-3) < 0.8


def silence_explained(scene: Scene, counts: np.ndarray) -> bool:
    """Tell whether silent samples are as many as independent features of these rays leave.

    A feature alone occurs p / (1 - p) times as often as none, and none with the product of all
    (1 - p): features without a ray would leave fewer silent samples than that.
    """
    silent = int((scene.X == 0).all(axis=1).sum())
    if silent < 50:
        return True
    expected = len(scene.X) * np.exp(-np.log1p(counts / silent).sum())
    return bool(silent > 0.6 * expected)


def by_rays(scene: Scene, rays: np.ndarray, counts: np.ndarray) -> Candidate:
    """Return the candidate of exact rays; of as many as wanted, those with most energy."""
    shares = {"exact_fraction": scene.evidence(rays, 1e-3), "tolerance": 1e-3}
    positive = not antipodal(rays)
    if not positive:
        first = np.arange(len(rays)) < (rays @ rays.T).argmin(axis=1)
        rays, counts = rays[first], counts[first]
    if scene.n is not None and len(rays) > scene.n:
        strongest = np.sort(np.argsort(-energies(scene, rays, positive), kind="stable")[: scene.n])
        rays, counts = rays[strongest], counts[strongest]
        shares["exact_fraction"] = scene.evidence(
            rays if positive else np.concatenate([rays, -rays]), 1e-3
        )
    return Candidate("rays", rays, counts / (counts + 2.0), shares, positive=positive)


def antipodal(rays: np.ndarray) -> bool:
    """Tell whether rays come in opposite pairs: directions of codes of both signs."""
    return bool(((rays @ rays.T).min(axis=1) < -1 + 1e-6).all())


def energies(scene: Scene, rays: np.ndarray, positive: bool) -> np.ndarray:
    """Return the energy of the samples that lie on each ray."""
    some = scene.X[: 20 * POLISH]
    norms = np.linalg.norm(some, axis=1)
    cosine = (some / np.maximum(norms, 1e-300)[:, None]) @ rays.T
    on = (cosine if positive else np.abs(cosine)) > 1 - 1e-6
    return np.asarray((norms**2) @ on)
