"""What a road starts from and where it ends: data with a part held out, and a candidate."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from unfold.arrays import unit_rows
from unfold.directions.polish import Polished, anneal, normalised, pursue, refine_noisy
from unfold.directions.rays import repeated_point

#: Samples a polish looks at, and held-out ones that judge.
POLISH, HELD_OUT = 15_000, 4_000

#: Samples below which cumulants of third and higher order say little.
FEW = 10_000

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
    positive: bool = True


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


def audible(X: np.ndarray, D: np.ndarray, noise: float) -> np.ndarray:
    """Return a mask of directions that are ever much louder than the noise.

    A polish looks at samples at unit norm, and so takes samples of nothing but noise for features
    too. What was learned from them is never louder than they are.
    """
    d = X.shape[1]
    fit = pursue(X, D, max(1, 3 * d // 10), 1.2 * noise * np.sqrt(d))
    codes = fit.codes.tocsc()
    loud = np.array([
        np.quantile(codes.data[start:end], 0.9) if end > start else 0.0
        for start, end in zip(codes.indptr[:-1], codes.indptr[1:], strict=True)
    ])  # fmt: skip
    kept = (loud >= 3 * noise * np.sqrt(d)) | (loud >= 0.25 * np.median(loud[loud > 0]))
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
        if scene.n is None:
            kept = audible(scene.X[: 4 * POLISH], dictionary, noise)
            dictionary, uses = dictionary[kept], uses[kept]
    return Candidate(
        road,
        np.asarray(unit_rows(dictionary)),
        uses / (uses + 5.0),
        {"exact_fraction": share, "tolerance": result.tolerance, "noise": noise},
        noise=noise,
        n_iter=result.n_iter,
        sure=exact or noisy,
    )
