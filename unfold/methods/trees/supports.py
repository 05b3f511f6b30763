"""Features of a tree by one weighted least squares over all samples, on supports closed upward.

With the tree known the support of every sample is known: its events and all their ancestors. So
all samples of a tree pool into its root, and what is common to siblings is not guessed from means
but read off how magnitudes vary from sample to sample.
"""

import numpy as np
from scipy import linalg, sparse

from unfold.arrays import unit_rows
from unfold.sparse_coding.trees import Tree, codes_on

#: Quantile of squared residuals below which samples weigh nearly alike.
TRUSTED = 0.3
#: Pull toward the last directions, as a share of the mean squared code: only what no sample
#: determines feels it.
PULL = 1e-6


def centroid_differences(events: np.ndarray, tree: Tree) -> np.ndarray:
    """Return a first direction (n_nodes, d) of every node: its mean event less its parent's.

    Parameters
    ----------
    events : ndarray of shape (n_events, d)
        Events at their amplitudes.
    tree : Tree
    """
    ancestors = tree.ancestors()
    below = ancestors[: tree.n_events].T.tocsr()
    counts = np.maximum(np.diff(below.indptr), 1)
    centroids = (below @ events) / counts[:, None]
    inner = tree.parents >= 0
    directions = centroids.copy()
    directions[inner] -= centroids[tree.parents[inner]]
    return unit_rows(directions).astype(events.dtype)


def weighted_step(
    X: np.ndarray, D: np.ndarray, mean: np.ndarray, support: sparse.csr_array, tree: Tree
) -> tuple[np.ndarray, np.ndarray]:
    """Return directions and offset after one weighted least squares at the codes they give.

    Samples weigh by ``1 / (r^2 + q)``, with their squared residual and its .3 quantile: those
    whose support is wrong hardly count. The offset is a constant column of the codes. A child is
    known up to its ancestors only, and made orthogonal to them.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (n_nodes, d)
    mean : ndarray of shape (d,)
    support : csr_array of shape (n, n_nodes)
    tree : Tree

    Returns
    -------
    directions : ndarray of shape (n_nodes, d)
    mean : ndarray of shape (d,)
    """
    Z = codes_on(X - mean, D, support)
    left = ((X - mean - Z @ D) ** 2).sum(axis=1)
    floor = np.quantile(left, TRUSTED) + 1e-12 * float(np.mean(X * X)) * X.shape[1]
    weights = floor / (left + floor)
    ones = sparse.csr_array(np.ones((len(X), 1), X.dtype))
    with_one = sparse.csr_array(sparse.hstack([Z, ones], format="csr"))
    # in double: rounded sums of squares over many samples may have no positive root left
    weighted = sparse.csr_array(sparse.diags_array(weights.astype(np.float64)) @ with_one)
    gram = (with_one.T @ weighted).toarray()
    pull = PULL * gram.diagonal()[:-1].mean()
    old = np.concatenate([D, mean[None]]).astype(np.float64)
    gram[np.diag_indices(len(gram))] += pull
    right = weighted.T @ X + pull * old
    # codes may be of any unit, and the constant is one
    unit = 1 / np.sqrt(np.maximum(gram.diagonal(), np.finfo(np.float64).tiny))
    gram *= unit[:, None] * unit
    new = linalg.solve(gram, right * unit[:, None], assume_a="pos", overwrite_a=True)
    new *= unit[:, None]
    return without_ancestors(new[:-1], tree).astype(X.dtype), new[-1].astype(X.dtype)


def without_ancestors(D: np.ndarray, tree: Tree) -> np.ndarray:
    """Return unit directions, each orthogonal to all of its ancestors."""
    D = unit_rows(D)
    depths = tree.depths()
    for depth in range(1, int(depths.max(initial=0)) + 1):
        nodes = np.flatnonzero(depths == depth)
        chain: list[np.ndarray] = []
        at = tree.parents[nodes]
        while (at >= 0).all():
            chain.append(at)
            at = tree.parents[at]
        for up in chain:  # ancestors are orthogonal to one another already
            D[nodes] -= (D[nodes] * D[up]).sum(axis=1, keepdims=True) * D[up]
        D[nodes] = unit_rows(D[nodes])
    return D
