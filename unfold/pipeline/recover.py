"""The default: look at the data, take the cheapest road that its own evidence bears out."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import Sparsest
from unfold.methods.base import FitStatus, MethodCard, Recovery
from unfold.methods.clustering.one_sparse import frequent, ray_directions
from unfold.methods.codes import sparsest_codes
from unfold.pipeline.candidates.consensus import agreement
from unfold.pipeline.candidates.cumulants import by_moments
from unfold.pipeline.candidates.independent_subspaces import by_independent_subspaces
from unfold.pipeline.candidates.mean_shift import by_mean_shift
from unfold.pipeline.candidates.one_sparse import (
    by_one_sparse,
    complete_one_sparse,
    leaves_much,
)
from unfold.pipeline.candidates.tail_power import by_tail_power
from unfold.pipeline.judge import Candidate, better, explains_more, shorter
from unfold.pipeline.split import Split

#: Share of the samples explained that no other road need beat.
MOST = 0.6


def choose(split: Split) -> Candidate:
    """Return the first candidate, from the cheapest road on, that the held-out samples confirm."""
    rays, counts = frequent(*ray_directions(split.X, split.rng))
    d = split.X.shape[1]
    complete = len(rays) > 0 and complete_one_sparse(split, rays, counts)
    if complete and (d <= 40 or not leaves_much(split, rays, counts)):
        return by_one_sparse(split, rays, counts)
    if d <= 40:
        return by_moments(split, rays)
    crowds = by_mean_shift(split)
    if complete and (crowds is None or not explains_more(split, crowds.dictionary, rays)):
        return by_one_sparse(split, rays, counts)
    if crowds is not None and crowds.sure and crowds.evidence["exact_fraction"] > MOST:
        return crowds
    tails = by_tail_power(split, rays if crowds is None else crowds.dictionary)
    return tails if crowds is None or better(tails, crowds) else crowds


def settle(split: Split, candidate: Candidate) -> Candidate:
    """Order directions by confidence, and return no more than wanted."""
    order = np.argsort(-candidate.confidence, kind="stable")[: split.n]
    return replace(
        candidate, dictionary=candidate.dictionary[order], confidence=candidate.confidence[order]
    )


class Recover(Recovery):
    """The recommended pipeline: directions of sparse or dense, clean or noisy, flat or tree codes.

    It looks for repeated samples (the bias, single-feature rays), then climbs the fourth
    cumulant or, in high dimension, the tails of the data; anneals a polish that ends at the
    noise level; fits third- to fifth-order cumulants jointly where codes are too dense for any
    sparse fit. In high dimension it starts from crowds of parallel samples or, in a hierarchy,
    from the directions that the spans of single events share, and completes them from residuals.
    Where no road is sure of itself, it looks for sets of features that are only active together,
    or else, as on few samples, lets runs of K-SVD vote. Which road is kept is decided by how many
    held-out samples a dictionary fits with few atoms, or describes shortest.

    Parameters
    ----------
    n_components : int, optional
        How many directions; found from the data unless given.
    random_state : int, RandomState or None

    Attributes
    ----------
    road_ : str
        The road taken, as in "one-sparse" or "subspace power + polish".
    evidence_ : dict of str to float
        What decided: among others the share of held-out samples fitted, and the tolerance.
    confidence_ : ndarray of shape (n_components_,)
        Per direction, between 0 and 1: evidence for it over evidence plus noise.
    noise_ : float
        Noise per coordinate that the fit leaves, 0 if none can be told.
    positive_ : bool
        Whether codes were taken to be non-negative; found from the data.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="pipeline",
        solves="rays, cumulants or tails for a start, then annealed polish or joint cumulant fit",
        paper="own",
        cost="near-linear in N; see docs/recover.md",
        fails="few samples (below about 50 activations a feature); d above 40 with dense codes",
        enumerates=True,
    )

    def _fit(self, X: np.ndarray) -> None:
        split = Split.of(X, self.n_components, self._rng())
        best: Candidate = settle(split, choose(split))
        if not best.sure and X.shape[1] <= 64 and len(split.X) >= 50:
            best = by_independent_subspaces(split) or shorter(split, best, agreement(split))
        self.positive_ = best.positive
        self.components_ = best.dictionary
        self.mean_ = split.bias
        self.road_ = best.road
        self.evidence_ = dict(best.evidence)
        self.confidence_ = best.confidence
        self.noise_ = best.noise
        self.n_iter_ = best.n_iter
        if not best.sure:
            self.status_ = FitStatus.STALLED

    def _exported(self) -> Dictionary:
        encoder = Sparsest(float(self.noise_), bool(self.positive_))
        return replace(super()._exported(), encoder=encoder)

    def _encode(self, X: np.ndarray) -> np.ndarray:
        D = self.components_
        if self.positive_:
            return np.asarray(sparsest_codes(X, D, self.mean_, noise=self.noise_))
        both = np.asarray(sparsest_codes(X, np.concatenate([D, -D]), self.mean_, noise=self.noise_))
        return both[:, : len(D)] - both[:, len(D) :]


def recover(X: Any, n_components: int | None = None, random_state: Any = 0) -> Recover:
    """Recover the feature directions of activations by the recommended pipeline.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, d)
    n_components : int, optional
        How many directions; found from the data unless given.
    random_state : int, RandomState or None

    Returns
    -------
    Recover
        Fitted: ``components_``, ``transform``, ``road_``, ``evidence_``, ``confidence_``.

    Raises
    ------
    ValueError
        If ``X`` is not a finite matrix of two or more samples, or is constant.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> D = np.array([[1.0, 0.0], [-0.5, 0.866], [-0.5, -0.866]])
    >>> X = (rng.random((5000, 3)) * (rng.random((5000, 3)) < 0.1)) @ D
    >>> recover(X).n_components_
    3
    """
    return Recover(n_components, random_state=random_state).fit(X)
