"""The tree over events: paths that share m of L nodes have a cosine of about m / L.

Average linkage in connected components, with merges of nearly the same height made one node, so
that neither depth nor number of children need be known.
"""

import numpy as np
from scipy import sparse
from scipy.cluster import hierarchy
from scipy.sparse import csgraph
from scipy.spatial.distance import squareform

from unfold.sparse_coding.trees import Tree

#: Mean cosine from which events share a node: a third of what depth 2 gives, above chance.
SHARED = 0.17
#: Merges of cosines this near are one node: half of the step between levels at depth 3.
SAME_LEVEL = 0.16
#: Cosine in standard deviations of chance from which two events are taken for relatives.
BEYOND_CHANCE = 4.5
#: Least cosine that links two events into a component.
LINKED = 0.27


def tree_of(events: np.ndarray) -> Tree:
    """Return the tree over unit events (k, d) that their cosines show.

    Parameters
    ----------
    events : ndarray of shape (k, d)

    Returns
    -------
    Tree
    """
    k, d = events.shape
    linked = max(LINKED, BEYOND_CHANCE / np.sqrt(d))
    cosine = events @ events.T
    _, component = csgraph.connected_components(sparse.csr_array(cosine > linked), directed=False)
    parents = np.full(k, -1).tolist()
    order = np.argsort(component, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(component[order])) + 1):
        if len(members) > 1:
            _grow(cosine[np.ix_(members, members)].astype(np.float64), members, parents)
    return Tree(np.array(parents), k)


def _grow(cosine: np.ndarray, members: np.ndarray, parents: list[int]) -> None:
    """Append the inner nodes of one component."""
    n = len(members)
    distance = squareform(np.clip(1 - cosine, 0, 2), checks=False)
    merges = hierarchy.linkage(distance, "average")
    height = 1 - merges[:, 2]
    node = {i: int(e) for i, e in enumerate(members)}  # cluster of the linkage -> node of the tree
    top: dict[int, tuple[float, int]] = {}
    # from the loosest merge down: a merge within a level of the node above it is that node
    for step in range(len(merges) - 1, -1, -1):
        cluster = n + step
        above = top.pop(cluster, None)
        if height[step] < SHARED:
            here = None
        elif above is not None and height[step] - above[0] < SAME_LEVEL:
            here = above
        else:
            parents.append(-1 if above is None else above[1])
            here = (float(height[step]), len(parents) - 1)
        for side in merges[step, :2].astype(int):
            if here is not None and side < n:
                parents[node[side]] = here[1]
            elif here is not None:
                top[side] = here
