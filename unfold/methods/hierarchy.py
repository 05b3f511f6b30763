"""Events as atoms, and the features of a hierarchy read off where their fans meet."""

from typing import Any, ClassVar

import numpy as np

from unfold.directions.codes import sharp_codes
from unfold.directions.completion import completed
from unfold.directions.crowds import find_crowds, silence
from unfold.directions.fans import measure_events
from unfold.directions.lineage import parents_of
from unfold.directions.meet import meet
from unfold.directions.rays import repeated_point
from unfold.methods.base import MethodCard, Recovery
from unfold.solution import Status


class Events(Recovery):
    """Directions of single events: what the sparsest code of the data is made of.

    Crowds of nearly parallel samples are single features in a flat world, and whole paths from
    root to leaf where children are active only with their parents.

    Parameters
    ----------
    n_components : int, optional
        Most directions; unless given, all that enough samples crowd around.
    random_state : int, RandomState or None
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="compressed sensing",
        solves="peaks of the density of sample directions",
        paper="own; after Fukunaga and Hostetler 1975, mean shift",
        cost="O(M^2 d) for M = 100,000 samples at most",
        fails="more than about four events at once; reads paths, not features, in a hierarchy",
        enumerates=True,
    )

    def __init__(self, n_components: int | None = None, *, random_state: Any = 0) -> None:
        self.n_components = n_components
        self.random_state = random_state

    def _centred(self, X: np.ndarray) -> np.ndarray:
        found = repeated_point(X)
        self.mean_ = np.zeros(X.shape[1]) if found is None else found
        return np.asarray((X - self.mean_).astype(X.dtype))

    def _fit(self, X: np.ndarray) -> None:
        centred, rng = self._centred(X), self._rng()
        centres = find_crowds(centred, rng, noise=silence(centred, rng)).centres
        if not len(centres):
            self.status_ = Status.STALLED
            centres = centred[np.linalg.norm(centred, axis=1).argmax()][None]
        self.components_ = centres[: self.n_components]

    def _encode(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(sharp_codes(X, self.components_, self.mean_))


class FansMeet(Events):
    """Features of a hierarchy, read off where the fans of events meet.

    The samples of one event (one path from root to leaf) vary in the magnitudes of the features
    along the path, and so span a subspace, the event's fan. A parent is the direction common to
    the fans of all its descendants: peeling the most widely shared direction first yields the
    tree. Where every fan is a line the events themselves are returned. What is too rare to be an
    event of its own is read off the residuals of samples of which all else is known.

    Parameters
    ----------
    n_components : int, optional
        Most directions, by samples that use them; unless given, all that were read off.
    random_state : int, RandomState or None

    Attributes
    ----------
    parents_ : ndarray of shape (n_components_,)
        Position of each direction's parent, -1 for roots and flat features.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="hierarchy",
        solves="directions shared by the subspaces that single events span",
        paper="own",
        cost="O(M^2 d) for M = 100,000 samples at most, then O(E^2 d) for E events",
        fails="constant magnitudes; noise above the variation of magnitudes; dense codes",
        enumerates=True,
    )

    def _fit(self, X: np.ndarray) -> None:
        centred, rng = self._centred(X), self._rng()
        noise = silence(centred, rng)
        crowds = find_crowds(centred, rng, noise=noise)
        nodes = meet(measure_events(centred, crowds))
        if not nodes:
            self.status_ = Status.STALLED
            longest = centred[np.linalg.norm(centred, axis=1).argmax()][None]
            centres = crowds.centres if len(crowds.centres) else longest
            self.components_ = centres[: self.n_components]
            self.parents_ = np.full(len(self.components_), -1)
            return
        start = np.stack([node.direction for node in nodes])
        D, seen = completed(centred, start, rng, noise, tree=True)
        order = np.argsort(-seen.usage, kind="stable")[: self.n_components]
        self.components_ = D[order]
        self.parents_ = parents_of(seen.codes[:, order])
