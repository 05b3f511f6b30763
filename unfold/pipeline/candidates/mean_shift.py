"""Clusters of parallel samples, and the local subspaces of a hierarchy: for many dimensions."""

from dataclasses import replace

import numpy as np

from unfold.methods.active_samples import (
    CLUSTERED,
    active_samples,
    loud_samples,
    noise_norm,
)
from unfold.methods.clustering.local_subspaces import intersections, local_subspaces
from unfold.methods.clustering.mean_shift import find_clusters
from unfold.methods.clustering.residuals import (
    Explained,
    grow_from_residuals,
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
)
from unfold.pipeline.judge import REFINED, Candidate, judged
from unfold.pipeline.split import POLISH, Split

#: Noise, as a share of a sample's norm, that a refinement cannot go below.
NOISY = 0.03
#: Share of what clusters leave unexplained that intersections of subspaces must leave less than.
LESS = 0.8
#: Fewest clusters that are more than chance.
FEWEST = 4


def by_mean_shift(split: Split) -> Candidate | None:
    """Return directions that start from clusters of parallel samples, or None where there are none.

    Features are the clusters themselves, or in a hierarchy what their local subspaces share: a
    world is hierarchical where that leaves less unexplained. Features too rare for a cluster come
    from the residuals of unexplained samples.
    """
    noise = noise_norm(split.X, split.rng)
    clusters = find_clusters(split.X, split.rng, noise=noise)
    if len(clusters.centres) < FEWEST:
        return None
    subspaces = local_subspaces(split.X, clusters)
    nodes = intersections(subspaces)
    shared = len({node.parent for node in nodes} - {-1})
    common = np.array([node.direction for node in nodes]).reshape(-1, split.X.shape[1])
    judges = split.held_out[active_samples(split.held_out, CLUSTERED, noise)]
    if not shared or left_over(judges, common, noise) > LESS * left_over(
        judges, clusters.centres, noise
    ):
        D, seen = grow_from_residuals(split.X, clusters.centres, split.rng, noise)
        return flat(split, D, seen)
    D, seen = grow_from_residuals(split.X, common, split.rng, noise, tree=True)
    explained = float(Explained.by(D, judges, noise).met.mean())
    measured = {
        "exact_fraction": explained,
        "wide_subspaces": float(np.mean([one.rank > 1 for one in subspaces])),
        "shared_nodes": float(shared),
    }
    return Candidate(
        "local subspaces", D, seen.usage / (seen.usage + 5.0), measured,
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
    X, d, rng = split.X[loud_samples(split.X)], D.shape[1], split.rng
    if split.n is not None and len(D) > split.n:
        return judged(split, finished(X, D, split.n, max(2, d // 8)), "clusters + polish")
    if seen.noise < NOISY * np.median(seen.norms):
        result = anneal(X[:FINISH], D, n_nonzero=max(2, d // 8))
        known, draw = result.dictionary, X[:FINISH]
        draw = draw[active_samples(draw, CLUSTERED, seen.noise)]
        kept = indispensable(known, Explained.by(known, draw), draw, 0.0, rng)
        result = replace(result, dictionary=known[kept], usage=result.usage[kept])
        return judged(split, result, "clusters + polish")
    D, sigma = refine_noisy(
        X[: 4 * POLISH], D, seen.noise / np.sqrt(d), n_nonzero=max(1, 3 * d // 10)
    )
    draw = X[:FINISH][active_samples(X[:FINISH], CLUSTERED, seen.noise)]
    D, seen = without_surplus(D, draw, seen.noise, rng)
    judges = split.held_out[active_samples(split.held_out, CLUSTERED, seen.noise)]
    explained = float(Explained.by(D, judges, seen.noise).met.mean())
    return Candidate(
        "clusters" + REFINED, D, seen.usage / (seen.usage + 5.0),
        {"exact_fraction": explained, "noise": float(sigma)}, noise=float(sigma),
        sure=explained > 0.5,
    )  # fmt: skip
