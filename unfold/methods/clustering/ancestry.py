"""Who is active only with whom, and which directions hold those of their parents.

Where a child is active only with its parent, ``child + a parent`` explains every sample as well as
``child`` does, with a smaller code of the parent. Directions of different features are unrelated:
what a child holds of its parent is taken out.
"""

import numpy as np
from scipy import sparse

from unfold.arrays import unit_rows

#: Share of a feature's samples in which its ancestor is active.
ALWAYS = 0.9
#: Fewest samples that tell how magnitudes depend.
FEWEST = 20
#: How many times as often an ancestor is active: a feature that always comes with another is none.
MORE = 1.02
#: Share of the mean code of a feature from which it is plainly active, no mere correction.
PLAIN = 0.3
#: Least cosine of a child with a parent that it may hold; the same in deviations of chance.
RELATED, BEYOND_CHANCE = 0.3, 4.0
#: What a child holds of a parent, over the parent's own magnitude: about all of it.
ALIKE = 0.7, 1.4
#: Share of a child's samples in which the parent has a code, below which the child hides it.
HALF = 0.5


def parents_of(codes: sparse.csr_array) -> np.ndarray:
    """Return the parent (k,) of every feature, -1 for none, as codes (n, k) show it.

    It is the rarest of the features that are active whenever this one is.
    """
    active = _plainly_active(codes)
    together = sparse.csr_array(active.T @ active)
    count = together.diagonal()
    parents = np.full(len(count), -1)
    for x in np.flatnonzero(count >= FEWEST):
        row = slice(together.indptr[x], together.indptr[x + 1])
        others, shared = together.indices[row], together.data[row]
        above = others[(shared >= ALWAYS * count[x]) & (count[others] > MORE * count[x])]
        if len(above):
            parents[x] = above[count[above].argmin()]
    return parents


def _plainly_active(codes: sparse.csr_array) -> sparse.csr_array:
    """Return which codes are no mere corrections, far below the mean of their column."""
    count = np.maximum(np.bincount(codes.indices, minlength=codes.shape[1]), 1)
    mean = np.bincount(codes.indices, codes.data, minlength=codes.shape[1]) / count
    plain = sparse.csr_array(codes, copy=True)
    plain.data = (codes.data > PLAIN * mean[codes.indices]).astype(np.float32)
    plain.eliminate_zeros()
    return plain


def without_parents(D: np.ndarray, magnitudes: sparse.csr_array) -> np.ndarray:
    """Return directions less those of the parents that they contain.

    The magnitude of a child that hardly varies hides its parent: one direction for both fits as
    well. It gives itself away by holding the parent at the parent's own magnitude.

    Parameters
    ----------
    D : ndarray of shape (k, d)
        Unit rows.
    magnitudes : csr_array of shape (n, k)
        Codes of samples at their own norm.
    """
    active = sparse.csr_array(magnitudes > 0).astype(np.float32)
    count = np.maximum(np.asarray(active.sum(axis=0)), 1.0)
    mean = np.maximum(np.asarray(magnitudes.sum(axis=0)) / count, 1e-12)
    together = sparse.csr_array(active.T @ active)
    cosine = np.triu(D @ D.T, 1)
    least = max(RELATED, BEYOND_CHANCE / np.sqrt(D.shape[1]))
    held: dict[int, list[int]] = {}
    for one, other in np.argwhere(cosine > least):
        x, y = (one, other) if count[one] < count[other] else (other, one)
        alike = ALIKE[0] < mean[x] * cosine[one, other] / mean[y] < ALIKE[1]
        if alike and together[x, y] < HALF * count[x]:
            held.setdefault(int(x), []).append(int(y))
    fresh = D.copy()
    for x, inside in held.items():
        basis = np.linalg.qr(D[inside].T)[0]
        fresh[x] -= basis @ (basis.T @ fresh[x])
    return np.asarray(unit_rows(fresh))
