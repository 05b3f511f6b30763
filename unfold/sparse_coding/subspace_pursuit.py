"""Codes over known subspaces: which few of them a sample lies in, and where."""

import numpy as np

#: Samples coded at once, which bounds the memory of their bases.
CHUNK = 2048
#: Relative to the largest diagonal entry, what is added to a Gram matrix that may be singular.
RIDGE = 1e-8
#: Length of what is new in a direction, as a share of its own, below which it is no new one.
DEPENDENT = 1e-6


def blocks(D: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return subspaces as padded arrays: indices (n_groups, size) of atoms, -1 where fewer.

    Parameters
    ----------
    D : ndarray of shape (m, d)
    groups : ndarray of shape (m,), int
        Which subspace each atom belongs to.

    Returns
    -------
    members : ndarray of shape (n_groups, size), int
        In the order of the group labels.
    bases : ndarray of shape (n_groups, size, d)
        Orthonormal rows that span each group; zero rows beyond its rank.
    """
    labels, inverse = np.unique(groups, return_inverse=True)
    size = int(np.bincount(inverse).max())
    members = np.full((len(labels), size), -1)
    bases = np.zeros((len(labels), min(size, D.shape[1]), D.shape[1]))
    for g in range(len(labels)):
        own = np.flatnonzero(inverse == g)
        members[g, : len(own)] = own
        _, s, Vt = np.linalg.svd(D[own], full_matrices=False)
        rank = int((s > DEPENDENT * s[0]).sum()) if s[0] > 0 else 0
        bases[g, :rank] = Vt[:rank]
    return members, bases


def subspace_pursuit(
    X: np.ndarray, D: np.ndarray, groups: np.ndarray, *, max_active: int, tolerance: float
) -> np.ndarray:
    """Return codes of samples over the union of few subspaces, by orthogonal matching pursuit.

    A step takes up the subspace that holds most of the residual, and fits all taken so far again;
    a sample is done when its residual is within ``tolerance``.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (m, d)
    groups : ndarray of shape (m,), int
    max_active : int
        Subspaces a sample.
    tolerance : float
        Length of a residual that is taken for noise.

    Returns
    -------
    ndarray of shape (n, m)

    References
    ----------
    Eldar, Kuppinger and Bölcskei (2010), Block-sparse signals: uncertainty relations and
    efficient recovery.
    """
    members, bases = blocks(D, groups)
    codes = np.zeros((len(X), len(D)))
    for start in range(0, len(X), CHUNK):
        rows = np.asarray(X[start : start + CHUNK], dtype=np.float64)
        chosen = _choose(rows, bases, max_active, tolerance)
        _fit(rows, D, members, chosen, codes[start : start + CHUNK])
    return codes


def _choose(X: np.ndarray, bases: np.ndarray, max_active: int, tolerance: float) -> np.ndarray:
    """Return which subspaces (n, max_active) each sample takes, -1 where it is done."""
    n, d = X.shape
    n_groups, size, _ = bases.shape
    chosen = np.full((n, max_active), -1)
    spans = np.zeros((n, 0, d))  # orthonormal, or zero, rows of what was taken up
    residual = X.copy()
    flat = bases.reshape(-1, d)
    for step in range(min(max_active, n_groups)):
        energy = ((residual @ flat.T) ** 2).reshape(n, n_groups, size).sum(axis=2)
        for before in range(step):
            taken = chosen[:, before] >= 0
            energy[np.flatnonzero(taken), chosen[taken, before]] = 0
        pick = energy.argmax(axis=1)
        on = np.linalg.norm(residual, axis=1) > tolerance
        if not on.any():
            break
        chosen[on, step] = pick[on]
        block = bases[pick] * on[:, None, None]
        block -= np.einsum("nst,ntd->nsd", np.einsum("nsd,ntd->nst", block, spans), spans)
        new = _orthonormal(block)
        residual -= np.einsum("ns,nsd->nd", np.einsum("nd,nsd->ns", residual, new), new)
        spans = np.concatenate([spans, new], axis=1)
    return chosen


def _orthonormal(block: np.ndarray) -> np.ndarray:
    """Return orthonormal rows spanning those of each block; what is dependent becomes zero."""
    rows: list[np.ndarray] = []
    for i in range(block.shape[1]):
        row = block[:, i].copy()
        for before in rows:
            row -= (row * before).sum(axis=1, keepdims=True) * before
        length = np.linalg.norm(row, axis=1, keepdims=True)
        rows.append(np.where(length > DEPENDENT, row / np.maximum(length, 1e-12), 0))
    return np.stack(rows, axis=1)


def _fit(
    X: np.ndarray, D: np.ndarray, members: np.ndarray, chosen: np.ndarray, codes: np.ndarray
) -> None:
    """Least squares of each sample on the atoms of its subspaces, written into ``codes``."""
    padded = np.concatenate([members, np.full((1, members.shape[1]), -1)])  # row -1: no subspace
    atoms = padded[chosen].reshape(len(X), -1)
    there = atoms >= 0
    A = np.where(there[:, :, None], D[atoms], 0.0)
    gram = np.einsum("nad,nbd->nab", A, A)
    scale = max(float((D**2).sum(axis=1).max()), 1e-300)
    gram[:, np.arange(A.shape[1]), np.arange(A.shape[1])] += np.where(there, RIDGE, 1.0) * scale
    values = np.linalg.solve(gram, np.einsum("nad,nd->na", A, X)[:, :, None])[:, :, 0]
    row, column = np.nonzero(there)
    codes[row, atoms[row, column]] = values[row, column]
