"""The roads that `unfold.recover` may take, and the evidence that decides between them."""

from dataclasses import replace

import numpy as np
import torch

from unfold.directions.count import replicated
from unfold.directions.dense import fit_dense, misfit
from unfold.directions.gauss_newton import contributions, fit_cumulants, residual_points
from unfold.directions.high_dimension import by_crowds, by_tails
from unfold.directions.moments import Cumulants, cumulants
from unfold.directions.rays import frequent, ray_directions
from unfold.directions.scene import FEW, POLISH, REFINED, Candidate, Scene, joined, polished
from unfold.directions.subspace_power import (
    distinct,
    flattening_rank,
    oriented,
    rank_one_points,
    stacked_span,
)

#: Share of the samples explained that no other road need beat.
MOST = 0.6


def choose_road(scene: Scene) -> Candidate:
    """Return the first candidate, from the cheapest road on, that the held-out samples confirm."""
    rays, counts = frequent(*ray_directions(scene.X, scene.rng))
    d = scene.X.shape[1]
    complete = len(rays) > 0 and complete_rays(scene, rays, counts)
    if complete and (d <= 40 or not leaves_much(scene, rays, counts)):
        return by_rays(scene, rays, counts)
    if d <= 40:
        return by_moments(scene, rays)
    crowds = by_crowds(scene)
    if complete and (crowds is None or not explains_more(scene, crowds.dictionary, rays)):
        return by_rays(scene, rays, counts)
    if crowds is not None and crowds.sure and crowds.evidence["exact_fraction"] > MOST:
        return crowds
    tails = by_tails(scene, rays if crowds is None else crowds.dictionary)
    return tails if crowds is None or better(tails, crowds) else crowds


def better(one: Candidate, other: Candidate) -> bool:
    """Tell whether the first candidate is the surer, or explains more samples."""
    if one.sure != other.sure:
        return one.sure
    return one.evidence["exact_fraction"] > other.evidence["exact_fraction"]


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


def explains_more(scene: Scene, one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether far more held-out samples are sparse, exactly, in the first dictionary."""
    return scene.evidence(one, 1e-3) > scene.evidence(other, 1e-3) + 0.2


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


def by_moments(scene: Scene, rays: np.ndarray) -> Candidate:
    """Return the better of polished rank-one points and the joint cumulant fit."""
    generator = scene.generator()
    moments = cumulants(torch.as_tensor(np.ascontiguousarray(scene.X)))
    points = first_points(scene, moments, generator)
    start = moments.white.directions(points).numpy()
    candidate = polished(scene, joined(rays, start), "subspace power + polish")
    if candidate.sure:
        return completed(scene, candidate, moments, generator)
    size = scene.n if scene.n is not None else None
    fit = fit_dense(moments, size, generator, start=points)
    dense = moments.white.directions(fit.atoms).numpy()
    value = contributions(moments, fit).numpy()
    price = 10.0 * (dense.shape[1] + 3)
    measured = {"misfit": misfit(fit), "exact_fraction": scene.evidence(dense, 0.15)}
    by_fit = Candidate(
        "joint cumulants", dense, value / (value + price), measured, n_iter=fit.n_iter,
        # on few samples anything fits cumulants this noisy
        sure=misfit(fit) < 1.3 and len(scene.X) >= FEW,
    )  # fmt: skip
    again = polished(scene, dense, "joint cumulants + polish")
    if again.sure:
        return again
    return candidate if candidate.evidence["exact_fraction"] > 0.2 else by_fit


def first_points(scene: Scene, moments: Cumulants, generator: torch.Generator) -> torch.Tensor:
    """Return whitened rank-one points: as many as wanted, or as both halves agree on."""
    d = moments.white.rank
    if scene.n is None:
        # generous: the polish drops what no sample needs, but cannot add what is missing
        points = replicated(moments, generator, least=0.75)
    else:
        n = min(scene.n, flattening_rank(d))
        span = stacked_span(moments, n)
        found, values = rank_one_points(span, d, max(12 * n, 64), generator)
        points = found[distinct(found, values)[: scene.n]]
    return oriented(points, moments.tensors[3])


def completed(
    scene: Scene, candidate: Candidate, moments: Cumulants, generator: torch.Generator
) -> Candidate:
    """Return the candidate with directions that the cumulants still ask for, if samples do too.

    What the known directions leave of the cumulants points to missing ones; both signs are put
    to the polish, which keeps what it needs.
    """
    for _ in range(3):
        known = len(candidate.dictionary)
        room = 4 if scene.n is None else scene.n - known
        if room < 1:
            break
        A = torch.as_tensor(candidate.dictionary) @ moments.white.forward
        fit = fit_cumulants(moments, A, phases=((10.0, 6),))
        fresh = residual_points(moments, fit, min(room, 8), generator)
        extra = moments.white.directions(fresh).numpy()
        start = joined(candidate.dictionary, np.concatenate([extra, -extra]), 0.98)
        trial = polished(scene, start, candidate.road.removesuffix(REFINED))
        better = trial.evidence["exact_fraction"] > candidate.evidence["exact_fraction"]
        if len(trial.dictionary) <= known or not (trial.sure and better):
            break
        candidate = trial
    return candidate


def settle(scene: Scene, candidate: Candidate) -> Candidate:
    """Order directions by confidence, and return no more than wanted."""
    order = np.argsort(-candidate.confidence, kind="stable")[: scene.n]
    return replace(
        candidate, dictionary=candidate.dictionary[order], confidence=candidate.confidence[order]
    )
