"""Purity: do the tokens that a feature fires on most belong together? Against chance."""

import numpy as np
from scipy import sparse

from unfold.comparison import distinct

#: Strongest activations of a feature that are looked at; one with fewer has no purity.
TOP = 20
#: Draws that the chance level is the mean of.
DRAWS = 500


def chance_purity(tokens: np.ndarray, seed: int = 0) -> float:
    """Return the mean purity of ``TOP`` tokens drawn at random."""
    rng = np.random.default_rng([seed, 0x707572])
    draws = (rng.choice(tokens, TOP, replace=False) for _ in range(DRAWS))
    return float(np.mean([_share(drawn) for drawn in draws]))


def purity_of_features(
    D: np.ndarray, codes: sparse.csr_array, tokens: np.ndarray, chance: float
) -> np.ndarray:
    """Return how pure each feature is: 0 at chance, 1 if it fires most on one token only.

    Features that fire less than ``TOP`` times, and all but the most used of those that point the
    same way, count 0: neither silence nor copies make a dictionary purer.

    Parameters
    ----------
    D : ndarray of shape (k, d)
        Unit rows.
    codes : csr_array of shape (n, k)
    tokens : ndarray of shape (n,)
    chance : float
        As of `chance_purity`, below 1.

    Returns
    -------
    ndarray of shape (k,)
    """
    columns = sparse.csc_array(abs(codes))
    usage = np.diff(columns.indptr)
    purity = np.zeros(len(D))
    for feature in np.flatnonzero((usage >= TOP) & _first_of_their_kind(D, usage)):
        entries = slice(columns.indptr[feature], columns.indptr[feature + 1])
        strongest = np.argsort(-columns.data[entries], kind="stable")[:TOP]
        share = _share(tokens[columns.indices[entries][strongest]])
        purity[feature] = (share - chance) / (1 - chance)
    return purity


def _share(tokens: np.ndarray) -> float:
    return float(np.unique(tokens, return_counts=True)[1].max() / len(tokens))


def _first_of_their_kind(D: np.ndarray, usage: np.ndarray) -> np.ndarray:
    """Return which atoms no more used one is close to."""
    order = np.argsort(-usage, kind="stable")
    first = np.zeros(len(D), bool)
    first[order[distinct(D[order])]] = True
    return first
