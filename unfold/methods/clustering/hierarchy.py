"""Features of a hierarchy, read off where the local subspaces of clusters intersect."""

from typing import ClassVar

import numpy as np

from unfold.methods.active_samples import noise_norm
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.clustering.ancestry import parents_of
from unfold.methods.clustering.local_subspaces import intersections, local_subspaces
from unfold.methods.clustering.mean_shift import ClusterMethod, find_clusters
from unfold.methods.clustering.residuals import grow_from_residuals


class SubspaceIntersection(ClusterMethod):
    """Features of a hierarchy, read off where local subspaces of samples intersect.

    The samples of one path from root to leaf cluster; they vary in the magnitudes of the features
    along the path, and so span a subspace. A parent is the direction common to the subspaces of
    all its descendants: peeling the most widely shared direction first yields the tree. Where
    every subspace is a line the clusters themselves are returned. What is too rare for a cluster
    of its own is read off the residuals of samples of which all else is known.

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
        solves="directions shared by the subspaces that clusters of samples span",
        paper="own",
        cost="O(M^2 d) for M = 100,000 samples at most, then O(E^2 d) for E clusters",
        fails="constant magnitudes; noise above the variation of magnitudes; dense codes",
        enumerates=True,
    )

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        noise = noise_norm(X, rng)
        clusters = find_clusters(X, rng, noise=noise)
        nodes = intersections(local_subspaces(X, clusters))
        if not nodes:
            self.status_ = FitStatus.STALLED
            longest = X[np.linalg.norm(X, axis=1).argmax()][None]
            centres = clusters.centres if len(clusters.centres) else longest
            self.components_ = centres[: self.n_components]
            self.parents_ = np.full(len(self.components_), -1)
            return
        start = np.stack([node.direction for node in nodes])
        D, seen = grow_from_residuals(X, start, rng, noise, tree=True)
        order = np.argsort(-seen.usage, kind="stable")[: self.n_components]
        self.components_ = D[order]
        self.parents_ = parents_of(seen.codes[:, order])
