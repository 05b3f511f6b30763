"""The roads that `unfold.recover` may take, and the evidence that decides between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from unfold.arrays import unit_rows
from unfold.count import replicated
from unfold.gauss_newton import contributions, fit_cumulants, residual_points
from unfold.methods.cumulants import fit_dense, misfit
from unfold.moments import Cumulants, cumulants
from unfold.polish import Polished, anneal, normalised, pursue, refine_noisy
from unfold.rays import frequent, ray_directions, repeated_point
from unfold.subspace_power import (
    distinct,
    flattening_rank,
    oriented,
    rank_one_points,
    stacked_span,
)

#: Samples a polish looks at, and held-out ones that judge.
POLISH, HELD_OUT = 15_000, 4_000

REFINED = " + refinement at the noise"


@dataclass(frozen=True, eq=False)
class Scene:
    """The data as every road sees them.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Samples less the bias, held-out ones excluded.
    held_out : ndarray of shape (m, d)
    bias : ndarray of shape (d,)
    n : int or None
        Directions wanted.
    rng : RandomState
    """

    X: np.ndarray
    held_out: np.ndarray
    bias: np.ndarray
    n: int | None
    rng: np.random.RandomState

    @classmethod
    def of(cls, X: np.ndarray, n: int | None, rng: np.random.RandomState) -> "Scene":
        """Return the scene of raw samples: bias off, some samples held out.

        Raises
        ------
        ValueError
            If all samples are equal.
        """
        if not np.ptp(X, axis=0).any():
            raise ValueError(
                "All samples are equal: there is no direction to find in constant data."
            )
        found = repeated_point(X)
        bias = np.zeros(X.shape[1]) if found is None else found
        Y = X if not bias.any() else (X - bias).astype(X.dtype)
        aside = min(HELD_OUT, len(Y) // 5)
        order = rng.permutation(len(Y))
        return cls(Y[order[aside:]], Y[order[:aside]] if aside else Y, bias, n, rng)

    @property
    def few_atoms(self) -> int:
        """Most atoms of a sample that the polish learns from."""
        d = self.X.shape[1]
        return max(1, d // 4) if d > 4 else 1

    def generator(self) -> torch.Generator:
        """Return a generator of its own for one road."""
        return torch.Generator().manual_seed(int(self.rng.randint(2**31)))

    def evidence(self, D: np.ndarray, tolerance: float) -> float:
        """Return the share of held-out samples that few atoms fit within a tolerance."""
        return pursue(normalised(self.held_out), D, self.few_atoms, tolerance).share


@dataclass(frozen=True, eq=False)
class Candidate:
    """A dictionary, the road that led to it and what speaks for it."""

    road: str
    dictionary: np.ndarray
    confidence: np.ndarray
    evidence: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.0
    n_iter: int = 1
    sure: bool = True


def choose_road(scene: Scene) -> Candidate:
    """Return the first candidate, from the cheapest road on, that the held-out samples confirm."""
    rays, counts = frequent(*ray_directions(scene.X, scene.rng))
    if len(rays) and complete_rays(scene, rays, counts):
        return by_rays(scene, rays, counts)
    d = scene.X.shape[1]
    if d <= 40:
        return by_moments(scene, rays)
    from unfold.high_dimension import by_events, by_tails

    events = by_events(scene)
    return by_tails(scene, rays) if events is None else events


def complete_rays(scene: Scene, rays: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether rays are frequent enough that none can be missing, and explain the data."""
    if scene.n is not None and len(rays) < scene.n:
        return False
    if np.quantile(counts, 0.1) < 10:
        return False
    return silence_explained(scene, counts) and scene.evidence(rays, 1e-3) > 0.05


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
    """Return the candidate of exact rays."""
    rays, counts = rays[: scene.n], counts[: scene.n]
    shares = {"exact_fraction": scene.evidence(rays, 1e-3), "tolerance": 1e-3}
    return Candidate("rays", rays, counts / (counts + 2.0), shares)


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
        sure=misfit(fit) < 1.3,
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


def joined(first: np.ndarray, second: np.ndarray, coherence: float = 0.95) -> np.ndarray:
    """Return the first directions and those of the second that none of them is close to."""
    if not len(first):
        return second
    new = (second @ first.T).max(axis=1) < coherence
    return np.concatenate([first, second[new]])


def polished(scene: Scene, start: np.ndarray, road: str) -> Candidate:
    """Polish a start, drop directions that few samples need, and weigh what is left."""
    draw = scene.X[:POLISH]
    result = anneal(draw, start, n_nonzero=scene.few_atoms)
    for _ in range(3):
        kept = needed(result, scene.n)
        if kept.all():
            break
        result = anneal(
            draw, result.dictionary[kept], n_nonzero=scene.few_atoms,
            start=min(0.15, 4 * result.tolerance),
        )  # fmt: skip
    return judged(scene, result, road)


def needed(result: Polished, n: int | None) -> np.ndarray:
    """Return a mask of directions used by enough closely fitted samples, at most ``n``."""
    typical = float(np.median(result.usage))
    kept = result.usage > 0.1 * typical
    D = result.dictionary
    order = np.argsort(-result.usage, kind="stable")
    coherent = np.triu(D[order] @ D[order].T > 0.995, 1).any(axis=0)
    kept[order[coherent]] = False
    if n is not None and kept.sum() > n:
        rank = np.argsort(-np.where(kept, result.usage, -1.0), kind="stable")
        kept = np.zeros_like(kept)
        kept[rank[:n]] = True
    return kept if kept.any() else np.ones_like(kept)


def judged(scene: Scene, result: Polished, road: str) -> Candidate:
    """Return a polished dictionary as a candidate, judged on held-out samples."""
    share = scene.evidence(result.dictionary, result.tolerance)
    uses = result.usage * min(len(scene.X), POLISH)
    exact = result.tolerance <= 1e-3 and share > 0.01
    noisy = result.tolerance <= 0.15 and share > 0.15
    dictionary, noise = result.dictionary, 0.0 if exact else result.noise
    if noisy and not exact:
        dictionary, noise = refine_noisy(
            scene.X[: 4 * POLISH], dictionary, noise, n_nonzero=max(1, 3 * scene.X.shape[1] // 10)
        )
        road += REFINED
    return Candidate(
        road,
        np.asarray(unit_rows(dictionary)),
        uses / (uses + 5.0),
        {"exact_fraction": share, "tolerance": result.tolerance, "noise": noise},
        noise=noise,
        n_iter=result.n_iter,
        sure=exact or noisy,
    )


def settle(scene: Scene, candidate: Candidate) -> Candidate:
    """Order directions by confidence, and return no more than wanted."""
    order = np.argsort(-candidate.confidence, kind="stable")[: scene.n]
    return replace(
        candidate, dictionary=candidate.dictionary[order], confidence=candidate.confidence[order]
    )
