"""Purity: do the tokens and texts that a feature fires on most belong together, beyond chance."""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from unfold.arrays import unit_rows
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
    purity = np.zeros(len(D))
    for feature, rows in enumerate(strongest_rows(D, codes)):
        if rows is not None:
            purity[feature] = (_share(tokens[rows]) - chance) / (1 - chance)
    return purity


def likeness_of_features(D: np.ndarray, codes: sparse.csr_array, X: np.ndarray) -> np.ndarray:
    """Return how alike the strongest texts of each feature are: mean cosine of their activations.

    Parameters
    ----------
    D : ndarray of shape (k, d)
        Unit rows.
    codes : csr_array of shape (n_texts, k)
        Of texts.
    X : ndarray of shape (n_texts, d)
        What texts are compared by; their mean is taken off, so that chance is 0.

    Returns
    -------
    ndarray of shape (k,)
        In [-1, 1]; features as for `purity_of_features` count 0.
    """
    U = np.asarray(unit_rows(X - X.mean(axis=0)))
    likeness = np.zeros(len(D))
    for feature, rows in enumerate(strongest_rows(D, codes)):
        if rows is not None:  # over pairs: the square of a sum of unit vectors, less its diagonal
            likeness[feature] = ((U[rows].sum(axis=0) ** 2).sum() - TOP) / (TOP * (TOP - 1))
    return likeness


def strongest_rows(D: np.ndarray, codes: sparse.csr_array) -> Iterator[np.ndarray | None]:
    """Yield the ``TOP`` rows that each feature fires on most, None where it cannot be judged."""
    columns = sparse.csc_array(abs(codes))
    usage = np.diff(columns.indptr)
    judged = (usage >= TOP) & _first_of_their_kind(D, usage)
    for feature in range(len(D)):
        entries = slice(columns.indptr[feature], columns.indptr[feature + 1])
        strongest = np.argsort(-columns.data[entries], kind="stable")[:TOP]
        yield columns.indices[entries][strongest] if judged[feature] else None


def _share(tokens: np.ndarray) -> float:
    return float(np.unique(tokens, return_counts=True)[1].max() / len(tokens))


def _first_of_their_kind(D: np.ndarray, usage: np.ndarray) -> np.ndarray:
    """Return which atoms no more used one is close to."""
    order = np.argsort(-usage, kind="stable")
    first = np.zeros(len(D), bool)
    first[order[distinct(D[order])]] = True
    return first
