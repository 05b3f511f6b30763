"""Absorbed and hedged features: two conditions on activations and reconstruction, no labels.

In the spirit of Cao et al. 2026, Tree SAE (arXiv 2605.07922): that one feature is silent with
another says nothing by itself, so what happens to the reconstruction must say so too.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from unfold.same_direction import APART

#: Share of the samples in question on which both conditions must hold: the larger part.
MOST = 0.5
#: Samples in question, at least: as many as purity looks at.
FEWEST = 20
#: Quantile of a feature's amplitudes from which it counts as firing in earnest.
EARNEST = 0.1
#: Share of that amplitude that an absorbing atom must bring along: less could be the residual's.
BROUGHT = 0.5
#: How much more often than independent features hedged ones fire together.
LIFT = 2.0
#: Standard deviations of the cosine of random directions, from which one holds some of another.
HOLDS = 3.0


@dataclass(frozen=True, eq=False)
class Mixed:
    """Features that atoms mix.

    Attributes
    ----------
    absorbed : ndarray of shape (k,)
        Of the samples that each feature fires on or would, the share where another atom stands
        in for it.
    hedged : ndarray of shape (k,) of bool
        Atoms that hold some of another feature.
    """

    absorbed: np.ndarray
    hedged: np.ndarray


def mixed_features(
    X: np.ndarray, D: np.ndarray, codes: sparse.csr_array, constant: np.ndarray
) -> Mixed:
    """Find features that atoms mix, from what they do to samples.

    Feature ``p`` is *absorbed* by atom ``c`` where, on most samples of ``c``, ``p`` is silent
    (activation), and would fire in earnest if ``c`` were taken out, half of that or more being
    brought by ``c`` (reconstruction). Atom ``h`` *hedges*
    for ``q`` where the two fire together more than twice as often as independent ones
    (activation), and on most samples of ``h`` without ``q`` the reconstruction is better without
    what ``h`` holds of ``q`` (reconstruction).

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
        Rows of norm 1 or 0.
    codes : csr_array of shape (n, k)
    constant : ndarray of shape (d,)
        What is added to ``codes @ D``.

    Returns
    -------
    Mixed
    """
    k = len(D)
    residual = (X - constant - codes @ D) @ D.T
    by_atom = sparse.csc_array(codes)
    fires = codes.toarray() != 0
    columns = np.split(by_atom.data, by_atom.indptr[1:-1])
    usual = np.array([np.quantile(z, EARNEST) if len(z) else np.inf for z in columns])
    share, cosines, least = fires.mean(axis=0), D @ D.T, HOLDS / D.shape[1] ** 0.5
    taken, hedged = np.zeros_like(fires), np.zeros(k, bool)
    for atom in np.flatnonzero(np.diff(by_atom.indptr) >= FEWEST):
        part = slice(by_atom.indptr[atom], by_atom.indptr[atom + 1])
        rows, size = by_atom.indices[part], by_atom.data[part][:, None]
        near = cosines[atom]
        others = np.flatnonzero((np.abs(near) > least) & (np.abs(near) < APART) & (usual < np.inf))
        held = size * near[others]  # what the atom brings of each other feature
        left, silent = residual[np.ix_(rows, others)], ~fires[np.ix_(rows, others)]
        back = (held + left >= usual[others]) & (held >= BROUGHT * usual[others]) & silent
        silenced = (usual[others] > 0) & (back.mean(axis=0) > MOST)
        taken[np.ix_(rows, others[silenced])] |= back[:, silenced]
        alone = silent.sum(axis=0)
        together = (~silent).mean(axis=0) > LIFT * share[others]
        worse = ((2 * held * left + held**2 < 0) & silent).sum(axis=0)
        hedged[atom] = bool((together & (alone >= FEWEST) & (worse > MOST * alone)).any())
    lost = taken.sum(axis=0)
    return Mixed(lost / np.maximum(lost + fires.sum(axis=0), 1), hedged)
