"""Directions that independent runs of one learner agree on: for few samples."""

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np

from unfold.arrays import root_mean_square
from unfold.io.formats.encoder import Encoder
from unfold.io.formats.solved import Lasso
from unfold.methods.atoms import drawn_samples, width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder
from unfold.methods.dictionary_learning.ksvd import HINTS, KSVD
from unfold.same_direction import APART, SAME, distinct
from unfold.sparse_coding.description_length import description_length

#: Share of the runs that must have found an atom.
QUORUM = 0.4
#: Median share of the runs from which the result counts as settled.
MAJORITY = 0.5
#: Share of the samples that choose by description length, and most of them.
JUDGES, MOST_JUDGES = 0.2, 2000
#: Atoms used this much less than the median one are not counted.
LEAST_USAGE = 0.2


@dataclass(frozen=True, eq=False)
class _Setting:
    """A hypothesis about the codes."""

    n_active: int
    positive: bool


@dataclass(eq=False, repr=False, kw_only=True)
class Consensus(SparseCoder):
    """K-SVD from several starts; what most runs find is kept and refined together.

    An alternation that starts at random ends with a tenth of its atoms wrong, but every run with
    other ones: features are found again and again, artefacts once. Votes also tell how many
    features there are. How many are active, and whether codes are signed, is chosen by
    the description length of held-out samples, unless given.

    Parameters
    ----------
    n_components : int, optional
        By default as many as the runs agree on, learning four a dimension.
    n_active : int, optional
        Most active atoms of a sample; chosen among 2, 3, 5 and 10 unless given.
    positive : bool, optional
        Whether codes are non-negative; chosen unless given.
    n_runs : int
        Starts; half as many while settings are compared.
    alpha : float
        Weight of the L1 penalty in `transform`, as a share of the root mean square norm.
    max_iter : int
        Alternations of a run.
    max_samples : int
        Samples used, drawn at random where there are more.

    Attributes
    ----------
    votes_ : ndarray of shape (n_components_,)
        Share of the runs that found each direction.
    n_active_ : int
    positive_ : bool

    References
    ----------
    Own. Agreement of runs as evidence: Himberg, Hyvärinen and Esposito (2004), Validating the
    independent components of neuroimaging time series (Icasso).
    """

    search_space: ClassVar = {"n_active": (2, 3, 5, 10), "alpha": (0.02, 0.1)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="K-SVD from several starts; atoms that most runs find, refined together",
        paper="own; agreement after Himberg, Hyvärinen & Esposito 2004, Icasso",
        cost="n_runs times K-SVD, O(N k (d + n_active)) an alternation",
        fails="where single runs find little: more than about d / 4 active; features never apart",
        enumerates=True,
        hints=HINTS,
    )

    n_active: int | None = None
    positive: bool | None = None  # type: ignore[assignment]  # None: tried both ways
    n_runs: int = 10
    max_iter: int = 40
    max_samples: int = 5000

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        self.scale_ = root_mean_square(X)
        X = X.astype(np.float64) / self.scale_
        X = X[rng.permutation(len(X))[: self.max_samples]]
        if X.any(axis=1).any():
            X = X[X.any(axis=1)]
        setting = self._chosen(X, rng)
        D, votes = self._agreed(X, setting, max(2, self.n_runs), rng)
        self.n_active_, self.positive_ = setting.n_active, setting.positive
        order = np.argsort(-votes, kind="stable")
        self.components_, self.votes_ = D[order], votes[order]
        self.n_iter_ = self.max_iter
        self.status_ = FitStatus.CONVERGED if np.median(votes) > MAJORITY else FitStatus.STALLED

    def _chosen(self, X: np.ndarray, rng: np.random.RandomState) -> _Setting:
        """Return the setting under which held-out samples are described shortest."""
        most = max(1, X.shape[1] // 2)
        counts = sorted({min(n, most) for n in (2, 3, 5, 10)})
        if self.n_active is not None:
            counts = [max(1, min(int(np.ceil(self.n_active)), X.shape[1]))]
        signs = (True, False) if self.positive is None else (bool(self.positive),)
        settings = [_Setting(n, sign) for n, sign in product(counts, signs)]
        n_judges = min(int(JUDGES * len(X)), MOST_JUDGES)
        if len(settings) == 1 or n_judges < 1:
            return settings[0]
        judges, learnt = X[:n_judges], X[n_judges:]
        nats = []
        for setting in settings:
            D, _ = self._agreed(learnt, setting, max(2, self.n_runs // 2), rng)
            nats.append(description_length(judges, D, setting.n_active, positive=setting.positive))
        return settings[int(np.argmin(nats))]

    def _agreed(
        self, X: np.ndarray, setting: _Setting, n_runs: int, rng: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return atoms that runs agree on, refined, and the share of runs that found each."""
        learner = KSVD(positive=setting.positive, max_iter=self.max_iter)
        wide = width(self.n_components, X)
        runs = [
            learner.alternate(X, drawn_samples(X, wide, rng), setting.n_active, rng)
            for _ in range(n_runs)
        ]
        D, votes = elected(runs, positive=setting.positive)
        if self.n_components is None:
            kept = votes >= min(max(QUORUM, 2 / n_runs), votes.max())
        else:
            kept = np.arange(len(D)) < self.n_components
        D, votes = D[kept], votes[kept]
        D = learner.settle(X, D, setting.n_active, self.max_iter // 3)
        if self.n_components is None:
            usage = np.count_nonzero(learner.pursued(X, D, setting.n_active), axis=0)
            used = usage >= LEAST_USAGE * np.median(usage)
            D, votes = D[used], votes[used]
        return D, votes

    def _encoder(self) -> Encoder:
        return Lasso(self.alpha * self.scale_, self.positive_)


def elected(runs: list[np.ndarray], *, positive: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the atoms of several runs, once each, and the share of runs that found them.

    Parameters
    ----------
    runs : list of ndarray of shape (k, d)
        Unit rows.
    positive : bool
        Whether an atom and its opposite differ.

    Returns
    -------
    atoms : ndarray of shape (m, d)
        Most votes first; among equals those of the first runs. No two are close.
    votes : ndarray of shape (m,)
    """
    pool = np.concatenate(runs)
    owner = np.repeat(np.arange(len(runs)), [len(run) for run in runs])
    cosine = pool @ pool.T if positive else np.abs(pool @ pool.T)
    found = np.zeros((len(pool), len(runs)), bool)
    for run in range(len(runs)):
        found[:, run] = (cosine[:, owner == run] >= SAME).any(axis=1)
    votes = found.mean(axis=1)
    kept = distinct(pool, votes, cosine=APART, positive=positive)
    return pool[kept], votes[kept]
