"""Features of a hierarchy, read off where the local subspaces of single events intersect."""

from typing import ClassVar

import numpy as np

from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.clustering.ancestry import parents_of
from unfold.methods.clustering.local_subspaces import local_subspaces, meet
from unfold.methods.clustering.mean_shift import ClusterMethod, find_clusters, silence
from unfold.methods.clustering.residuals import completed


class SubspaceIntersection(ClusterMethod):
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

    Attributes
    ----------
    parents_ : ndarray of shape (n_components_,)
        Position of each direction's parent, -1 for roots and flat features.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="clustering",
        solves="directions shared by the subspaces that single events span",
        paper="own",
        cost="O(M^2 d) for M = 100,000 samples at most, then O(E^2 d) for E events",
        fails="constant magnitudes; noise above the variation of magnitudes; dense codes",
        enumerates=True,
    )

    def _fit(self, X: np.ndarray) -> None:
        centred, rng = self._centred(X), self._rng()
        noise = silence(centred, rng)
        crowds = find_clusters(centred, rng, noise=noise)
        nodes = meet(local_subspaces(centred, crowds))
        if not nodes:
            self.status_ = FitStatus.STALLED
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
