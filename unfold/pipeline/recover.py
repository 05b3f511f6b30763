"""The default: a race of candidates, from the cheapest on, that held-out samples decide."""

import time
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from unfold.arrays import to_numpy
from unfold.io.formats.encoder import Encoder, Identity
from unfold.io.formats.solved import Sparsest
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.clustering.one_sparse import frequent, ray_directions
from unfold.methods.codes import Encoded
from unfold.methods.location import geometric_median, tame
from unfold.pipeline.candidates.alternating import by_alternating
from unfold.pipeline.candidates.consensus import agreement
from unfold.pipeline.candidates.cumulants import by_moments
from unfold.pipeline.candidates.hierarchy import by_hierarchy
from unfold.pipeline.candidates.independent_components import by_independent_components
from unfold.pipeline.candidates.independent_subspaces import by_independent_subspaces
from unfold.pipeline.candidates.mean_shift import by_mean_shift
from unfold.pipeline.candidates.one_sparse import (
    by_one_sparse,
    complete_one_sparse,
    leaves_much,
)
from unfold.pipeline.candidates.online import by_online
from unfold.pipeline.candidates.opposites import one_of_each, twofold
from unfold.pipeline.candidates.tail_power import by_tail_power
from unfold.pipeline.judge import Candidate, better, explains_more, refined
from unfold.pipeline.race import Race, Run
from unfold.pipeline.split import Split

#: Share of the samples explained that no other candidate need beat.
MOST = 0.6
#: Seconds that `recover` takes at most where nobody says.
TIME_LIMIT = 120.0
#: Share of the time left that one candidate may take, so that others get a turn; that of the floor
#: in many dimensions, where others seldom win; that of the last that is dear; and the share of all
#: time that judging takes.
SHARE, SHARE_OF_FLOOR, LAST, JUDGING = 0.6, 0.8, 0.9, 0.1
#: Steps of the online dictionary where no candidate was done in time.
FIRST_STEPS = 5
#: Most dimensions in which all pairs of atoms are compared, as the alternation does.
PAIRWISE = 160
#: Most atoms that a polish is worth its time for: it solves for all of them at once, often.
POLISHED = 1024
#: Variance explained by few atoms below which single-feature samples are not all there is.
ALL = 0.98
#: Most dimensions, and fewest samples, for features that are only active together, or for votes.
FEW_DIMENSIONS, ENOUGH = 64, 50


def structured(split: Split) -> Candidate:
    """Return the first candidate, from the cheapest on, that the held-out samples confirm."""
    rays, counts = frequent(*ray_directions(split.X, split.rng))
    d = split.X.shape[1]
    complete = len(rays) > 0 and complete_one_sparse(split, rays, counts)
    if complete and (d <= 40 or not leaves_much(split, rays, counts)):
        return by_one_sparse(split, rays, counts)
    if d <= 40:
        return by_moments(split, rays)
    clusters = by_mean_shift(split)
    if complete and (clusters is None or not explains_more(split, clusters.dictionary, rays)):
        return by_one_sparse(split, rays, counts)
    if clusters is not None and clusters.sure and clusters.evidence["exact_fraction"] > MOST:
        return clusters
    tails = by_tail_power(split, rays if clusters is None else clusters.dictionary)
    return tails if clusters is None or better(tails, clusters) else clusters


def single_features(split: Split) -> Candidate | None:
    """Return the directions of one-sparse samples where these are all the features there are."""
    rays, counts = frequent(*ray_directions(split.X, split.rng))
    if not len(rays) or not complete_one_sparse(split, rays, counts):
        return None
    if split.X.shape[1] > 40 and leaves_much(split, rays, counts):
        return None
    return by_one_sparse(split, rays, counts)


@dataclass(eq=False, repr=False, kw_only=True)
class Recover(Encoded):
    """The recommended pipeline: a race of candidates that held-out samples decide.

    Independent components come first, where there are no more of them than dimensions and all are
    active all the time; then samples of single features. Where either are all there is, nothing
    else need run.
    Then an online dictionary fits the offset with its atoms, and keeps those that pay for
    themselves: a floor for whatever follows. About that offset come the structures that can be
    told exactly: rank-one points of cumulants, clusters of samples, hierarchies, tails, joint
    cumulants of dense codes; and where nothing is sure of itself, features that are only active
    together, and votes of K-SVD runs. The shortest description of held-out samples wins.

    Parameters
    ----------
    n_components : int, optional
        How many directions; found from the data unless given.
    time_limit : float or None
        Seconds after which the best candidate so far is returned, with ``status_`` telling.
    n_active : int, optional
        Active atoms a sample, where known; found from the data unless given.
    progress : bool
        Say on standard error what runs. Ctrl-C ends the race with the best so far.

    Attributes
    ----------
    candidates_ : list of dict
        A row a candidate: name, seconds, n_components, nats, saved, explained, kept, why.
    candidate_ : str
        What won (also ``road_``), as in "one-sparse" or "subspace power + polish".
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

    centres: ClassVar[bool] = False  # the offset is fitted with the dictionary

    time_limit: float | None = TIME_LIMIT
    n_active: int | None = None
    progress: bool = False
    positive_: bool = field(init=False)
    noise_: float = field(init=False)
    road_: str = field(init=False)

    def _fit(self, X: np.ndarray) -> None:
        limit = float("inf") if self.time_limit is None else float(self.time_limit)
        if not limit > 0:
            raise ValueError(f"time_limit must be above 0 seconds, or None, got {self.time_limit}.")
        end = time.monotonic() + (1 - JUDGING) * limit
        centre = geometric_median(X)
        unit = float(np.quantile(np.linalg.norm(X - centre, axis=1), 0.95)) or 1.0
        Y = tame(np.asarray(X, np.float64) / unit - centre / unit) + centre / unit
        split = Split.of(np.asarray(Y, X.dtype), self.n_components, self._rng(), self.n_active)
        race = self._race(split, end)
        if race.best is None:
            race.late("first steps", lambda: by_online(split.few(), n_steps=FIRST_STEPS))
        assert race.best is not None
        self._publish(race, race.best, unit)

    def _race(self, split: Split, end: float) -> Race:
        """Run candidates from the cheapest on, until nothing is left that could win."""
        race = Race(split, end, self.progress)
        if race.run("independent components", lambda: by_independent_components(split)):
            return race
        race.run("one-sparse samples", lambda: single_features(split))
        if race.judgement is not None and race.judgement.explained >= ALL:
            return race
        many = split.X.shape[1] > PAIRWISE
        share = SHARE_OF_FLOOR if many else SHARE
        floor = race.run("online dictionary", lambda: by_online(split), share)
        if floor is not None and (not race.settled or twofold(floor.dictionary)):
            race.run("signed codes", lambda: by_online(split, positive=False), SHARE)
        if not race.settled and not many:
            entered(race, "alternating", lambda: by_alternating(split))
        start = race.best if race.judgement is not None and race.judgement.saved > 0 else None
        # the offset of a candidate that explains nothing is worth nothing
        centred = split.about(None if start is None else start.offset)
        offset = centred.bias - split.bias
        if start is not None and start.positive and len(start.dictionary) <= POLISHED:
            entered(race, "refinement of the best", lambda: polished(centred, start, offset))
        entered(race, "structured", lambda: shifted(structured(centred), offset), LAST)
        if race.judgement is None or race.judgement.explained < ALL:
            race.run("hierarchy", lambda: shifted(by_hierarchy(centred), offset), SHARE)
        if split.X.shape[1] <= FEW_DIMENSIONS and len(split.X) >= ENOUGH:
            self._dense(race, centred, offset)
        return race

    def _dense(self, race: Race, centred: Split, offset: np.ndarray) -> None:
        """Run candidates for features that no sparse code shows, where nothing is exact or sure."""
        if race.judgement is None or not race.judgement.exact:
            race.run("sets", lambda: shifted(by_independent_subspaces(centred), offset), SHARE)
        best = race.best
        unsure = best is None or not best.sure
        # both signs of every feature: codes may be signed after all
        unsure |= best is not None and best.positive and twofold(best.dictionary)
        if unsure:
            race.run("agreement", lambda: shifted(agreement(centred), offset), SHARE)

    def _publish(self, race: Race, best: Candidate, unit: float) -> None:
        """Set the fitted attributes from the candidate that won."""
        order = np.argsort(-best.confidence, kind="stable")[: self.n_components]
        judgement = race.judgement
        assert judgement is not None
        self.positive_ = best.positive
        self.components_ = best.dictionary[order]
        bias = race.split.bias + (0.0 if best.offset is None else best.offset)
        self.mean_ = bias * unit
        self.road_ = best.road
        self.evidence_ = {**best.evidence, **judgement.row()}
        self.confidence_ = best.confidence[order]
        self.noise_ = best.noise * unit
        self._linear_codes = best.dense and len(order) <= best.dictionary.shape[1]
        self.n_iter_ = best.n_iter
        self.candidates_ = race.rows
        if race.stopped:
            self.status_ = FitStatus.MAX_ITER
        elif not best.sure or not (judgement.saved > 0 or best.dense):
            self.status_ = FitStatus.STALLED

    @property
    def candidate_(self) -> str:
        """What won: the name of its row in ``candidates_``."""
        return self.road_

    def _encoder(self) -> Encoder:
        if self._linear_codes:
            return self._linear(np.linalg.pinv(to_numpy(self.components_)), Identity())
        return Sparsest(float(self.noise_), bool(self.positive_))


def entered(race: Race, name: str, candidate: Run, share: float = SHARE) -> None:
    """Run a candidate for non-negative codes; of opposite directions, one each for signed ones."""
    found = race.run(name, candidate, share)
    if found is not None and found.positive and twofold(found.dictionary):
        race.run(f"{name}, signed codes", lambda: one_of_each(found))


def polished(centred: Split, start: Candidate, offset: np.ndarray) -> Candidate | None:
    """Return the polish of a candidate: no less sure, since the judge still has to prefer it."""
    found = refined(centred, start.dictionary, f"{start.road} + polish")
    return shifted(replace(found, sure=found.sure or start.sure), offset)


def shifted(candidate: Candidate | None, offset: np.ndarray) -> Candidate | None:
    """Return a candidate that was found about another offset, with that offset."""
    if candidate is None or not offset.any():
        return candidate
    own = offset if candidate.offset is None else candidate.offset + offset
    return replace(candidate, offset=own)


def recover(
    X: Any,
    n_components: int | None = None,
    *,
    n_active: int | None = None,
    time_limit: float | None = TIME_LIMIT,
    progress: bool = False,
    random_state: Any = 0,
) -> Recover:
    """Recover the feature directions of activations by the recommended pipeline.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, d)
    n_components : int, optional
        How many directions; found from the data unless given.
    n_active : int, optional
        Active atoms a sample, where known.
    time_limit : float or None
        Seconds after which the best so far is returned; None waits for all.
    progress : bool
        Say on standard error what runs.
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
    method = Recover(
        n_components, n_active=n_active, time_limit=time_limit, progress=progress,
        random_state=random_state,
    )  # fmt: skip
    return method.fit(X)
