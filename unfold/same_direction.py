"""Which directions count as one: the only place that decides it, and the cosines it decides by.

Which cosine depends on how well directions are known: refined ones that differ at all differ in
what they fit, while guesses of one feature lie some degrees apart. Methods take theirs from here,
strictest first; one with a reason for another names it beside its use.
"""

from typing import Any, Final

import numpy as np

from unfold.arrays import to_numpy

#: Refined to the noise: 6 degrees apart they would have separated, or fitted different samples.
REFINED: Final = 0.995
#: Learned to the end: what is left between copies of one atom that share its samples.
LEARNED: Final = 0.98
#: Found by two runs, or twice in one: two features of random direction never are, d > 16.
SAME: Final = 0.97
#: Still being learned, or climbed to from a random start: copies on their way to one place.
LEARNING: Final = 0.95
#: Below it another feature: a fifth of the energy differs. Boards count a match from here.
APART: Final = 0.9
#: Raw guesses, that a refinement is yet to sort out.
GUESSED: Final = 0.85


def distinct(
    D: Any, value: Any = None, *, cosine: float = LEARNING, positive: bool = True
) -> np.ndarray:
    """Return positions of directions, best first, that no better one kept is within a cosine of.

    Parameters
    ----------
    D : array or tensor of shape (k, d)
        Unit rows.
    value : array or tensor of shape (k,), optional
        What is better, such as usage; the order of the rows unless given.
    cosine : float
        Above it two directions are one.
    positive : bool
        Whether a direction and its opposite differ.

    Returns
    -------
    ndarray of shape (m,), int
    """
    rank = np.arange(len(D), 0, -1) if value is None else to_numpy(value)
    order = np.argsort(-rank, kind="stable")
    W = D[order]
    product = W @ W.T if positive else abs(W @ W.T)
    close = np.tril(to_numpy(product > cosine), -1)
    kept = np.ones(len(order), dtype=bool)
    for i in np.flatnonzero(close.any(axis=1)):
        kept[i] = not (close[i] & kept).any()
    return np.asarray(order[kept])


def new(found: np.ndarray, known: np.ndarray, cosine: float = LEARNING) -> np.ndarray:
    """Return which directions (m,) found none of those known is within a cosine of."""
    return np.asarray((found @ known.T).max(axis=1, initial=-1.0) < cosine)


def joined(known: np.ndarray, found: np.ndarray, cosine: float = LEARNING) -> np.ndarray:
    """Return the known directions, and those found that none of them is within a cosine of."""
    return np.concatenate([known, found[new(found, known, cosine)]]) if len(known) else found


def mutual(A: Any, B: Any, cosine: float = APART) -> np.ndarray:
    """Return positions of rows of ``A`` whose mutual nearest row of ``B`` is the same, up to sign.

    Parameters
    ----------
    A, B : arrays or tensors of shape (n, d), (m, d)
        Unit rows.
    cosine : float
        Least absolute cosine.
    """
    product = to_numpy(abs(A @ B.T))
    there, back = product.argmax(axis=1), product.argmax(axis=0)
    return np.flatnonzero((back[there] == np.arange(len(A))) & (product.max(axis=1) >= cosine))
