"""Rank-one points of cumulants, or their joint fit where codes are dense: for few dimensions."""

import numpy as np
import torch

from unfold.methods.ica.cumulants import Cumulants, cumulants
from unfold.methods.ica.joint_cumulants import fit_dense, misfit
from unfold.methods.ica.subspace_power import (
    flattening_rank,
    oriented,
    rank_one_points,
    replicated,
    stacked_span,
)
from unfold.methods.ica.tensor_fit import contributions, fit_cumulants, residual_points
from unfold.pipeline.judge import NOISY, REFINED, Candidate, refined
from unfold.pipeline.split import FEW, Split
from unfold.same_direction import LEARNED, distinct, joined

#: Loss of a joint fit a degree of freedom (one where only chance is left) up to which it is sure.
FITTED = 1.3
#: Share of held-out samples explained from which a sparse fit goes before a dense one.
SPARSE = 0.2


def by_moments(split: Split, rays: np.ndarray) -> Candidate:
    """Return the better of refined rank-one points and the joint cumulant fit."""
    generator = split.generator()
    moments = cumulants(torch.as_tensor(np.ascontiguousarray(split.X)))
    points = first_points(split, moments, generator)
    start = moments.white.directions(points).numpy()
    candidate = refined(split, joined(rays, start), "subspace power + polish")
    if candidate.sure:
        return completed(split, candidate, moments, generator)
    size = split.n if split.n is not None else None
    fit = fit_dense(moments, size, generator, start=points)
    dense = moments.white.directions(fit.atoms).numpy()
    value = contributions(moments, fit).numpy()
    price = 10.0 * (dense.shape[1] + 3)
    measured = {"misfit": misfit(fit), "exact_fraction": split.evidence(dense, NOISY)}
    by_fit = Candidate(
        "joint cumulants", dense, value / (value + price), measured, n_iter=fit.n_iter,
        # on few samples anything fits cumulants this noisy
        sure=misfit(fit) < FITTED and len(split.X) >= FEW, dense=True,
    )  # fmt: skip
    again = refined(split, dense, "joint cumulants + polish")
    if again.sure:
        return again
    return candidate if candidate.evidence["exact_fraction"] > SPARSE else by_fit


def first_points(split: Split, moments: Cumulants, generator: torch.Generator) -> torch.Tensor:
    """Return whitened rank-one points: as many as wanted, or as both halves agree on."""
    d = moments.white.rank
    if split.n is None:
        # generous: refinement drops what no sample needs, but cannot add what is missing
        points = replicated(moments, generator, least=0.75)
    else:
        n = min(split.n, flattening_rank(d))
        span = stacked_span(moments, n)
        found, values = rank_one_points(span, d, max(12 * n, 64), generator)
        points = found[distinct(found, values, positive=False)[: split.n]]
    return oriented(points, moments.tensors[3])


def completed(
    split: Split, candidate: Candidate, moments: Cumulants, generator: torch.Generator
) -> Candidate:
    """Return the candidate with directions that the cumulants still ask for, if samples do too.

    What the known directions leave of the cumulants points to missing ones; both signs are put
    to a refinement, which keeps what it needs.
    """
    for _ in range(3):
        known = len(candidate.dictionary)
        room = 4 if split.n is None else split.n - known
        if room < 1:
            break
        A = torch.as_tensor(candidate.dictionary) @ moments.white.forward
        fit = fit_cumulants(moments, A, phases=((10.0, 6),))
        fresh = residual_points(moments, fit, min(room, 8), generator)
        extra = moments.white.directions(fresh).numpy()
        start = joined(candidate.dictionary, np.concatenate([extra, -extra]), LEARNED)
        trial = refined(split, start, candidate.road.removesuffix(REFINED))
        better = trial.evidence["exact_fraction"] > candidate.evidence["exact_fraction"]
        if len(trial.dictionary) <= known or not (trial.sure and better):
            break
        candidate = trial
    return candidate
