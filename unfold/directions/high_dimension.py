"""Roads for many dimensions: tails with reseeding for flat worlds, events and fans for trees."""

import numpy as np
import torch

from unfold.directions.fans import find_events, measure_events, meet
from unfold.directions.moments import whitening
from unfold.directions.polish import Polished, anneal, normalised, pursue
from unfold.directions.scene import Candidate, Scene, joined, judged, needed
from unfold.directions.tails import spread_out, tail_power

#: Samples that tails and residuals are taken from.
TAIL = 40_000
#: Share of a large sample's norm below which samples may be noise alone.
QUIET = 0.2
#: Unexplained samples that are worth another look.
HARD = 500


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
    last = anneal(X[:20_000], known, n_nonzero=n_nonzero)
    kept = needed(last, n)
    if kept.all():
        return last
    return anneal(X[:20_000], last.dictionary[kept], n_nonzero=n_nonzero, start=0.05)


def by_events(scene: Scene) -> Candidate | None:
    """Return features read off the fans of single events, or None where there is no hierarchy.

    A world is taken for hierarchical where a tenth of the events or more vary in more than one
    magnitude, and where fans meet in directions that several events share.
    """
    centres = find_events(scene.X, scene.rng)
    if len(centres) < 4:
        return None
    events = measure_events(scene.X, centres)
    wide = np.array([event.rank > 1 for event in events])
    if len(events) < 4 or wide.mean() < 0.1:
        return None
    nodes = meet(events)
    if not any(node.parent >= 0 for node in nodes):
        return None
    covered = sum(event.count for event in events) / max(len(scene.X), 1)
    weights = np.array([node.weight for node in nodes], np.float64)
    evidence = {
        "covered": covered,
        "wide_fans": float(wide.mean()),
        "shared_nodes": float(len({node.parent for node in nodes if node.parent >= 0})),
    }
    return Candidate(
        "events, fans, meet",
        np.stack([node.direction for node in nodes]),
        weights / (weights + 30.0),
        evidence,
        sure=covered > 0.1,
    )
