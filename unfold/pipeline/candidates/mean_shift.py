"""Roads for many dimensions: crowds, with fans where there is a hierarchy, and tails."""

from dataclasses import replace

import numpy as np

from unfold.methods.clustering.local_subspaces import local_subspaces, meet
from unfold.methods.clustering.mean_shift import find_clusters, silence
from unfold.methods.clustering.residuals import (
    Explained,
    audible_samples,
    completed,
    indispensable,
    without_surplus,
)
from unfold.methods.dictionary_learning.refinement import (
    anneal,
    refine_noisy,
)
from unfold.methods.ica.tail_power import (
    FINISH,
    finished,
    loud,
)
from unfold.pipeline.judge import REFINED, Candidate, judged
from unfold.pipeline.split import POLISH, Split

#: Noise, as a share of a sample's norm, that a polish cannot go below.
NOISY = 0.03
#: Share of what crowds leave unexplained that fans must leave less than.
LESS = 0.8


def by_mean_shift(split: Split) -> Candidate | None:
    """Return directions that start from crowds of parallel samples, or None where none crowd.

    Features are the crowds themselves, or in a hierarchy what the fans of events share: a world is
    hierarchical where that leaves less unexplained. Features too rare to crowd come from the
    residuals of unexplained samples.
    """
    noise = silence(split.X, split.rng)
    crowds = find_clusters(split.X, split.rng, noise=noise)
    if len(crowds.centres) < 4:
        return None
    events = local_subspaces(split.X, crowds)
    nodes = meet(events)
    shared = len({node.parent for node in nodes} - {-1})
    fans = np.array([node.direction for node in nodes]).reshape(-1, split.X.shape[1])
    judges = audible_samples(split.held_out, noise)
    if not shared or left_over(judges, fans, noise) > LESS * left_over(
        judges, crowds.centres, noise
    ):
        D, seen = completed(split.X, crowds.centres, split.rng, noise)
        return flat(split, D, seen)
    D, seen = completed(split.X, fans, split.rng, noise, tree=True)
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


def flat(split: Split, D: np.ndarray, seen: Explained) -> Candidate:
    """Return directions of features without a hierarchy, refined to the noise and judged."""
    X, d, rng = loud(split.X), D.shape[1], split.rng
    if split.n is not None and len(D) > split.n:
        return judged(split, finished(X, D, split.n, max(2, d // 8)), "crowds + polish")
    if seen.noise < NOISY * np.median(seen.norms):
        result = anneal(X[:FINISH], D, n_nonzero=max(2, d // 8))
        known, draw = result.dictionary, audible_samples(X[:FINISH], seen.noise)
        kept = indispensable(known, Explained.by(known, draw), draw, 0.0, rng)
        result = replace(result, dictionary=known[kept], usage=result.usage[kept])
        return judged(split, result, "crowds + polish")
    D, sigma = refine_noisy(
        X[: 4 * POLISH], D, seen.noise / np.sqrt(d), n_nonzero=max(1, 3 * d // 10)
    )
    D, seen = without_surplus(D, audible_samples(X[:FINISH], seen.noise), seen.noise, rng)
    judges = audible_samples(split.held_out, seen.noise)
    explained = float(Explained.by(D, judges, seen.noise).met.mean())
    return Candidate(
        "crowds" + REFINED, D, seen.usage / (seen.usage + 5.0),
        {"exact_fraction": explained, "noise": float(sigma)}, noise=float(sigma),
        sure=explained > 0.5,
    )  # fmt: skip
