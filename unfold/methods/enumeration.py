"""How many directions to look for when nobody says: the one rule of methods that cannot tell."""

from typing import Any

import numpy as np

from unfold.arrays import to_numpy, unit_rows

#: Directions per dimension that a method starts with when it is not told how many there are.
EXPANSION = 4


def width(n_components: int | None, X: Any) -> int:
    """Return how many directions an overcomplete method learns on ``X``.

    Parameters
    ----------
    n_components : int or None
        What the user asked for; None is four a dimension, but not more than samples.
    X : array or tensor of shape (n_samples, d)

    Returns
    -------
    int
    """
    n_samples, d = X.shape
    return int(n_components) if n_components is not None else max(1, min(EXPANSION * d, n_samples))


def complete_width(n_components: int | None, X: Any, method: str) -> int:
    """Return how many directions a method that is limited to ``d`` of them looks for.

    Parameters
    ----------
    n_components : int or None
        None is all of them, ``min(n_samples, d)``.
    X : array or tensor of shape (n_samples, d)
    method : str
        Whom to name in the message.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If more directions are asked for than dimensions or samples.
    """
    most = int(min(X.shape))
    if n_components is None:
        return most
    if n_components > most:
        raise ValueError(
            f"{method} finds at most min(n_samples, d) = {most} directions in X of shape "
            f"{tuple(X.shape)}, got n_components={n_components}: lower it, or take an "
            f"overcomplete method."
        )
    return int(n_components)


def distinct(
    D: np.ndarray,
    usage: np.ndarray,
    *,
    positive: bool = True,
    least: float = 1e-4,
    coherence: float = 0.98,
) -> np.ndarray:
    """Return which atoms to keep: those in use, and of near-duplicates the most used one.

    Parameters
    ----------
    D : ndarray of shape (k, d)
    usage : ndarray of shape (k,)
        How much each atom is used: a count of samples, an energy.
    positive : bool
        Whether an atom and its opposite differ, as they do when codes are non-negative.
    least : float
        Share of the mean usage under which an atom counts as dead.
    coherence : float
        Cosine from which two atoms count as one.

    Returns
    -------
    ndarray of shape (k,), bool
        At least one atom is kept.
    """
    D = to_numpy(unit_rows(D))
    cosine = D @ D.T if positive else np.abs(D @ D.T)
    keep = np.zeros(len(D), dtype=bool)
    for j in np.argsort(-usage, kind="stable"):
        alive = usage[j] > least * usage.mean() or not keep.any()
        keep[j] = alive and not (cosine[j, keep] > coherence).any()
    return keep


def active_atoms(n_active: float | None, X: Any) -> int:
    """Return how many atoms a sample may use, by default about the root of the dimension.

    Parameters
    ----------
    n_active : float or None
        What the user or a hint says; means are rounded up.
    X : array or tensor of shape (n_samples, d)

    Returns
    -------
    int
        Between 1 and d.

    Raises
    ------
    ValueError
        If ``n_active`` is not positive.
    """
    d = X.shape[1]
    if n_active is None:
        return max(1, round(d**0.5))
    if not n_active > 0:
        raise ValueError(f"n_active must be positive, or None for about sqrt(d), got {n_active!r}.")
    return int(min(d, np.ceil(n_active)))
