"""Directions that the largest values point to, climbed from samples: for many dimensions."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from unfold.arrays import unit_rows
from unfold.deadline import check_time
from unfold.io.formats.encoder import Encoder
from unfold.io.formats.solved import Sparsest
from unfold.methods.active_samples import active_samples, unit_samples
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import Encoded, pursue
from unfold.methods.dictionary_learning.refinement import (
    FRESH,
    STALLED,
    Refined,
    anneal,
    used_enough,
)
from unfold.methods.ica.whitening import chunks, whitening
from unfold.same_direction import APART, GUESSED, distinct, joined

#: Samples that tails and residuals are taken from, and that the last refinement looks at.
TAIL, FINISH = 40_000, 20_000
#: Unexplained samples that are worth another look.
HARD = 500
#: Gain of the share explained for which there is another round, and fewest samples to seed it.
BETTER, FEWEST = 0.01, 50
#: Residual, as a share of a sample's norm, up to which it counts as explained.
EXPLAINED = 0.1


def unexplained(X: np.ndarray, D: np.ndarray, n_nonzero: int) -> np.ndarray:
    """Return the samples that few atoms do not fit: where the rare features are common."""
    hard = []
    for start in range(0, len(X), TAIL):
        part = X[start : start + TAIL]
        part = part[active_samples(part)]
        hard.append(part[~pursue(unit_rows(part), D, n_nonzero, EXPLAINED).met])
    return np.concatenate(hard) if hard else X[:0]


def reseeded(
    X: np.ndarray,
    known: np.ndarray,
    n: int | None,
    rng: np.random.RandomState,
    *,
    n_nonzero: int,
    max_rounds: int,
) -> Refined:
    """Return directions climbed from samples, then from what the known ones do not explain.

    Each round climbs the tails, joins what is new to what is known, refines briefly and drops
    directions that hardly any sample needs; the last refinement goes down to the noise.
    """
    sample = torch.as_tensor(np.ascontiguousarray(X[rng.permutation(len(X))[:TAIL]]))
    white = whitening(sample)
    Z = white.apply(sample)
    size = 2 * n if n is not None else 8 * white.rank
    some = X[rng.permutation(len(X))[:10_000]]
    seeds, result = some, None
    share = 0.0
    for _ in range(max_rounds):
        check_time()
        starts = seeds[rng.permutation(len(seeds))[:size]]
        V = torch.as_tensor(np.asarray(starts, np.float64)) - white.mean
        found, value = tail_power(Z, (V @ white.forward).float())
        A = white.directions(found)
        climbed = A[distinct(A, value, cosine=GUESSED)].numpy()
        result = anneal(some, joined(known, climbed, APART), n_nonzero=n_nonzero, max_iter=3)
        known = result.dictionary[used_enough(result, None)]
        fit = pursue(unit_samples(some), known, n_nonzero, EXPLAINED)
        missed = unit_samples(some)[~fit.met]
        if (
            fit.share < share + BETTER
            or len(missed) < FEWEST
            or (n is not None and len(known) >= n)
        ):
            break
        share = fit.share
        # what a poorly fitted sample keeps after its atoms points to the one it lacks
        seeds = missed - np.asarray(fit.codes[~fit.met] @ known) + white.mean.numpy()
    return finished(X, known, n, n_nonzero)


def finished(X: np.ndarray, D: np.ndarray, n: int | None, n_nonzero: int) -> Refined:
    """Return directions refined down to the noise, without those that few samples need."""
    last = anneal(X[:FINISH], D, n_nonzero=n_nonzero)
    kept = used_enough(last, n)
    if kept.all():
        return last
    return anneal(X[:FINISH], last.dictionary[kept], n_nonzero=n_nonzero, start=FRESH)


def tail_power(
    Z: Tensor, V: Tensor, *, threshold: float = 3.0, n_iter: int = 8
) -> tuple[Tensor, Tensor]:
    """Iterate ``v <- E[z relu(z.v - q)]`` on white samples from given starts, all at once.

    Where ``z.v`` is largest a feature near ``v`` is active, and the mean of those samples points
    along it: far in the tail one feature's samples outnumber all others'.

    Parameters
    ----------
    Z : Tensor of shape (n, d)
        White samples.
    V : Tensor of shape (s, d)
        Starts, such as samples themselves.
    threshold : float
        Where the tail begins, in standard deviations.
    n_iter : int

    Returns
    -------
    directions : Tensor of shape (s, d)
        Unit rows.
    weight : Tensor of shape (s,)
        Mean excess over the threshold along each.
    """
    V = unit_rows(V.to(Z.dtype))
    weight = torch.zeros(len(V), dtype=Z.dtype, device=Z.device)
    for _ in range(n_iter):
        check_time()
        step = torch.zeros_like(V)
        weight = torch.zeros_like(weight)
        for block in chunks(Z):
            excess = torch.relu(block @ V.T - threshold)
            step += excess.T @ block
            weight += excess.sum(0)
        V = torch.where(weight[:, None] > 0, unit_rows(step), V)
    return V, weight / len(Z)


@dataclass(eq=False, repr=False, kw_only=True)
class TailPower(Encoded):
    """Tail power iteration with reseeding from residuals and an annealed refinement.

    From many samples at once, iterates ``v <- E[z relu(z.v - q)]`` on white data: far in the
    tail along a direction one feature's samples dominate, and their mean points along it. What
    known directions leave unexplained seeds the next round.

    Parameters
    ----------
    n_components : int, optional
        How many directions; unless given, those that enough samples need.
    max_rounds : int
        Most rounds of reseeding.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="ica",
        solves="fixed points of the mean of samples beyond a threshold along a direction",
        paper="own; the nonlinearity replaces the cube of Qu et al. 2020, Geometric analysis of "
        "nonconvex optimization landscapes for overcomplete learning",
        cost="O(N k d) an iteration, two matrix products",
        fails="hierarchies; d below 30 with more than d / 6 active; below 30 samples a feature",
        enumerates=True,
    )

    max_rounds: int = 4

    def _fit(self, X: np.ndarray) -> None:
        none = np.empty((0, X.shape[1]))
        result = reseeded(
            X,
            none,
            self.n_components,
            self._rng(),
            n_nonzero=max(2, X.shape[1] // 8),
            max_rounds=self.max_rounds,
        )
        self.components_ = result.dictionary
        self.n_iter_ = result.n_iter
        self.noise_ = 0.0 if result.exact else result.noise
        if result.exact_fraction < STALLED:
            self.status_ = FitStatus.STALLED

    def _encoder(self) -> Encoder:
        return Sparsest(float(self.noise_), positive=True)
