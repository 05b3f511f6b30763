"""Events as atoms, and the features of a hierarchy read off where their fans meet."""

from typing import Any, ClassVar

import numpy as np

from unfold.directions.codes import sharp_codes
from unfold.directions.fans import find_events, measure_events, meet
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
        cost="O(M^2 d) for M = 20,000 samples",
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
        centred = self._centred(X)
        centres = find_events(centred, self._rng())
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
    tree. Where every fan is a line the events themselves are returned.

    Parameters
    ----------
    n_components : int, optional
        Most directions, by samples; unless given, all that were read off.
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
        cost="O(M^2 d) for M = 20,000 samples, then O(E^2 d) for E events",
        fails="constant magnitudes; noise above the variation of magnitudes; dense codes",
        enumerates=True,
    )

    def _fit(self, X: np.ndarray) -> None:
        centred = self._centred(X)
        centres = find_events(centred, self._rng())
        events = measure_events(centred, centres) if len(centres) else []
        if not events:
            self.status_ = Status.STALLED
            centres = centres if len(centres) else centred[:1] + 1e-12
            self.components_ = centres[: self.n_components]
            self.parents_ = np.full(len(self.components_), -1)
            return
        nodes = meet(events)
        weights = np.array([node.weight for node in nodes])
        order = np.argsort(-weights, kind="stable")[: self.n_components]
        place = {int(old): new for new, old in enumerate(order)}
        self.components_ = np.stack([nodes[i].direction for i in order])
        self.parents_ = np.array([place.get(nodes[i].parent, -1) for i in order])
