"""Codes over a forest of atoms: where one is active, all of its ancestors are."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from unfold.sparse_coding.block_pursuit import block_pursuit
from unfold.sparse_coding.kernels.debias import refit
from unfold.sparse_coding.solvers.gram import rank_tolerance


@dataclass(frozen=True)
class Tree:
    """A forest whose first nodes are the events; inner nodes follow, parents after children.

    Attributes
    ----------
    parents : ndarray of shape (n_nodes,)
        Parent of each node, -1 for roots and events on their own.
    n_events : int
    """

    parents: np.ndarray
    n_events: int

    def ancestors(self) -> sparse.csr_array:
        """Return which nodes (n_nodes, n_nodes) each has above it, itself included."""
        nodes = np.arange(len(self.parents))
        rows, columns, at = [nodes], [nodes], self.parents.copy()
        while (at >= 0).any():
            on = np.flatnonzero(at >= 0)
            rows.append(on)
            columns.append(at[on])
            at = np.where(at >= 0, self.parents[at], -1)
        r, c = np.concatenate(rows), np.concatenate(columns)
        shape = (len(nodes), len(nodes))
        return sparse.csr_array((np.ones(len(r), np.float32), (r, c)), shape=shape)

    def depths(self) -> np.ndarray:
        """Return the number of ancestors (n_nodes,) of each node."""
        return np.diff(self.ancestors().indptr) - 1


def closed(Z: sparse.csr_array, tree: Tree) -> sparse.csr_array:
    """Return codes (n, n_nodes) with an entry at every active event and each of its ancestors."""
    ones = sparse.csr_array((np.ones(Z.nnz, np.float32), Z.indices, Z.indptr), shape=Z.shape)
    return sparse.csr_array(ones @ tree.ancestors()[: Z.shape[1]])


def codes_on(X: np.ndarray, D: np.ndarray, support: sparse.csr_array) -> sparse.csr_array:
    """Return least-squares codes of samples on given supports, zero where these are dependent."""
    values, failed = np.zeros(support.nnz), np.zeros(len(X), bool)
    most = int(np.diff(support.indptr).max(initial=0))
    refit(
        np.ascontiguousarray(X),
        np.ascontiguousarray(D, X.dtype),
        support.indptr.astype(np.int64),
        support.indices.astype(np.int32),
        values,
        rank_tolerance(np.float64),
        np.zeros((most + 2, most + 1)),
        failed,
    )
    return sparse.csr_array(
        (values.astype(X.dtype), support.indices, support.indptr), shape=support.shape
    )


def closed_codes(X: np.ndarray, D: np.ndarray, Z: sparse.csr_array, tree: Tree) -> sparse.csr_array:
    """Return non-negative codes on the supports of others and all of their ancestors.

    Features that come out negative leave, and the rest is fitted again; so an ancestor has code 0
    where less than nothing would fit better.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples, the offset subtracted.
    D : ndarray of shape (k, d)
    Z : csr_array of shape (n, k)
        Codes whose supports are closed.
    tree : Tree
    """
    codes = codes_on(X, D, closed(Z, tree))
    while codes.nnz and codes.data.min() <= 0:
        codes.data[codes.data <= 0] = 0
        codes.eliminate_zeros()
        codes = codes_on(X, D, codes)
    return codes


def tree_pursuit(
    X: np.ndarray, D: np.ndarray, parents: np.ndarray, least: np.ndarray
) -> sparse.csr_array:
    """Return codes by pursuit, their supports closed under ancestors.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples, the offset subtracted.
    D : ndarray of shape (k, d)
        Unit rows.
    parents : ndarray of shape (k,)
        Parent of each atom, -1 for roots.
    least : ndarray of shape (k,)
        Code from which an atom is taken up: one far below its usual code mends the magnitude of
        another.

    Returns
    -------
    csr_array of shape (n, k)
    """
    found = block_pursuit(X, D)
    found.data[found.data < least.astype(found.dtype)[found.indices]] = 0
    found.eliminate_zeros()
    return closed_codes(X, D, found, Tree(parents, len(D)))
