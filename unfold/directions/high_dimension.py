"""Roads for many dimensions: crowds, with fans where there is a hierarchy, and tails."""

from dataclasses import replace

import numpy as np
import torch

from unfold.directions.completion import (
    Explained,
    audible_samples,
    completed,
    indispensable,
    without_surplus,
)
from unfold.directions.crowds import find_crowds, silence
from unfold.directions.fans import measure_events
from unfold.directions.meet import meet
from unfold.directions.moments import whitening
from unfold.directions.polish import Polished, anneal, normalised, pursue, refine_noisy
from unfold.directions.scene import POLISH, REFINED, Candidate, Scene, joined, judged, needed
from unfold.directions.tails import spread_out, tail_power

#: Samples that tails and residuals are taken from, and that the last polish looks at.
TAIL, FINISH = 40_000, 20_000
#: Share of a large sample's norm below which samples may be noise alone.
QUIET = 0.2
#: Unexplained samples that are worth another look.
HARD = 500
#: Noise, as a share of a sample's norm, that a polish cannot go below.
NOISY = 0.03
#: Share of what crowds leave unexplained that fans must leave less than.
LESS = 0.8


def by_tails(scene: Scene, rays: np.ndarray, max_rounds: int = 4) -> Candidate:
    """Return polished tail directions, reseeded from residuals while that finds more."""
    n_nonzero, X = max(2, scene.X.shape[1] // 8), loud(scene.X)
    result = reseeded(X, rays, scene.n, scene.rng, n_nonzero=n_nonzero, max_rounds=max_rounds)
    for _ in range(2):
        known = result.dictionary
        hard = unexplained(X, known, n_nonzero)
        if len(hard) < HARD or (scene.n is not None and len(known) >= scene.n):
            break
        trial = reseeded(hard, known, scene.n, scene.rng, n_nonzero=n_nonzero, max_rounds=2)
        if len(trial.dictionary) <= len(known):
            break
        result = trial
    return judged(scene, result, "tail power + polish")


def loud(X: np.ndarray) -> np.ndarray:
    """Return the samples that are not quiet.

    A polish looks at samples at unit norm: those of nothing but noise would all become features.
    """
    norms = np.linalg.norm(X, axis=1)
    return X[norms >= QUIET * np.quantile(norms, 0.9)]


def unexplained(X: np.ndarray, D: np.ndarray, n_nonzero: int) -> np.ndarray:
    """Return the samples that few atoms do not fit: where the rare features are common."""
    hard = []
    for start in range(0, len(X), TAIL):
        part = X[start : start + TAIL]
        part = part[np.linalg.norm(part, axis=1) > 1e-3 * np.linalg.norm(part, axis=1).mean()]
        fit = pursue(normalised(part), D, n_nonzero, 0.1)
        if len(fit.met) == len(part):
            hard.append(part[~fit.met])
    return np.concatenate(hard) if hard else X[:0]


def reseeded(
    X: np.ndarray,
    known: np.ndarray,
    n: int | None,
    rng: np.random.RandomState,
    *,
    n_nonzero: int,
    max_rounds: int,
) -> Polished:
    """Return directions climbed from samples, then from what the known ones do not explain.

    Each round climbs the tails, joins what is new to what is known, polishes briefly and drops
    directions that hardly any sample needs; the last polish goes down to the noise.
    """
    sample = torch.as_tensor(np.ascontiguousarray(X[rng.permutation(len(X))[:TAIL]]))
    white = whitening(sample)
    Z = white.apply(sample)
    size = 2 * n if n is not None else 8 * white.rank
    some = X[rng.permutation(len(X))[:10_000]]
    seeds, result = some, None
    share = 0.0
    for _ in range(max_rounds):
        starts = seeds[rng.permutation(len(seeds))[:size]]
        V = torch.as_tensor(np.asarray(starts, np.float64)) - white.mean
        found, value = tail_power(Z, (V @ white.forward).float())
        A = white.directions(found)
        climbed = A[spread_out(A, value, 0.85)].numpy()
        result = anneal(some, joined(known, climbed, 0.9), n_nonzero=n_nonzero, max_iter=3)
        known = result.dictionary[needed(result, None)]
        fit = pursue(normalised(some), known, n_nonzero, 0.1)
        missed = normalised(some)[~fit.met]
        if fit.share < share + 0.01 or len(missed) < 50 or (n is not None and len(known) >= n):
            break
        share = fit.share
        # what a poorly fitted sample keeps after its atoms points to the one it lacks
        seeds = missed - np.asarray(fit.codes[~fit.met] @ known) + white.mean.numpy()
    return finished(X, known, n, n_nonzero)


def by_crowds(scene: Scene) -> Candidate | None:
    """Return directions that start from crowds of parallel samples, or None where none crowd.

    Features are the crowds themselves, or in a hierarchy what the fans of events share: a world is
    hierarchical where that leaves less unexplained. Features too rare to crowd come from the
    residuals of unexplained samples.
    """
    noise = silence(scene.X, scene.rng)
    crowds = find_crowds(scene.X, scene.rng, noise=noise)
    if len(crowds.centres) < 4:
        return None
    events = measure_events(scene.X, crowds)
    nodes = meet(events)
    shared = len({node.parent for node in nodes} - {-1})
    fans = np.array([node.direction for node in nodes]).reshape(-1, scene.X.shape[1])
    judges = audible_samples(scene.held_out, noise)
    if not shared or left_over(judges, fans, noise) > LESS * left_over(
        judges, crowds.centres, noise
    ):
        D, seen = completed(scene.X, crowds.centres, scene.rng, noise)
        return flat(scene, D, seen)
    D, seen = completed(scene.X, fans, scene.rng, noise, tree=True)
    explained = float(Explained.by(D, judges, noise).met.mean())
    measured = {
        "exact_fraction": explained,
        "wide_fans": float(np.mean([event.rank > 1 for event in events])),
        "shared_nodes": float(shared),
    }
    return Candidate(
        "events, fans, meet", D, seen.usage / (seen.usage + 5.0), measured,
        noise=noise / np.sqrt(D.shape[1]), sure=explained > 0.5,
    )  # fmt: skip


def left_over(X: np.ndarray, D: np.ndarray, noise: float) -> float:
    """Return the share of a sample's energy that directions leave unexplained, typically.

    The geometric mean: samples of unknown features say nothing about the known ones.
    """
    energy = (Explained.by(D, X, noise).residual ** 2).sum(axis=1)
    return float(np.exp(np.log(energy + 1e-4).mean()))


def flat(scene: Scene, D: np.ndarray, seen: Explained) -> Candidate:
    """Return directions of features without a hierarchy, polished to the noise and judged."""
    X, d, rng = loud(scene.X), D.shape[1], scene.rng
    if scene.n is not None and len(D) > scene.n:
        return judged(scene, finished(X, D, scene.n, max(2, d // 8)), "crowds + polish")
    if seen.noise < NOISY * np.median(seen.norms):
        result = anneal(X[:FINISH], D, n_nonzero=max(2, d // 8))
        known, draw = result.dictionary, audible_samples(X[:FINISH], seen.noise)
        kept = indispensable(known, Explained.by(known, draw), draw, 0.0, rng)
        result = replace(result, dictionary=known[kept], usage=result.usage[kept])
        return judged(scene, result, "crowds + polish")
    D, sigma = refine_noisy(
        X[: 4 * POLISH], D, seen.noise / np.sqrt(d), n_nonzero=max(1, 3 * d // 10)
    )
    D, seen = without_surplus(D, audible_samples(X[:FINISH], seen.noise), seen.noise, rng)
    judges = audible_samples(scene.held_out, seen.noise)
    explained = float(Explained.by(D, judges, seen.noise).met.mean())
    return Candidate(
        "crowds" + REFINED, D, seen.usage / (seen.usage + 5.0),
        {"exact_fraction": explained, "noise": float(sigma)}, noise=float(sigma),
        sure=explained > 0.5,
    )  # fmt: skip


def finished(X: np.ndarray, D: np.ndarray, n: int | None, n_nonzero: int) -> Polished:
    """Return directions polished down to the noise, without those that few samples need."""
    last = anneal(X[:FINISH], D, n_nonzero=n_nonzero)
    kept = needed(last, n)
    if kept.all():
        return last
    return anneal(X[:FINISH], last.dictionary[kept], n_nonzero=n_nonzero, start=0.05)
