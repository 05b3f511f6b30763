"""Atoms of an overcomplete guess: where they start, how many there are, which are in use."""

from typing import Any

import numpy as np
from scipy import sparse

from unfold.arrays import to_numpy, unit_rows
from unfold.same_direction import LEARNED
from unfold.same_direction import distinct as unlike


def skewness_signs(S: np.ndarray) -> np.ndarray:
    """Return the sign of each column's third moment, +1 where it has none.

    Features that are zero most of the time and positive else have positive skewness, which
    tells a direction from its opposite.
    """
    centred = S - S.mean(axis=0)
    centred = centred / (np.abs(centred).max(initial=0.0) or 1.0)  # cubes of large codes overflow
    return np.where((centred**3).sum(axis=0) < 0, -1.0, 1.0)


def drawn_samples(X: np.ndarray, k: int, rng: np.random.RandomState) -> np.ndarray:
    """Return ``k`` unit vectors of samples drawn by energy, random ones where X has too few."""
    energy = np.sum(np.square(X / (np.abs(X).max() or 1.0), dtype=np.float64), axis=1)
    some = min(k, int(np.count_nonzero(energy)))
    picks = rng.choice(len(X), size=some, replace=False, p=energy / energy.sum())
    rest = rng.standard_normal((k - some, X.shape[1]))
    return unit_rows(np.concatenate([X[picks], rest]))


#: Samples assigned at a time: their products with all atoms fit a cache.
BLOCK = 1024


def nearest_directions(
    X: np.ndarray, D: np.ndarray, *, positive: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the direction (n,) that each sample is nearest to, and its length along it.

    Half a turn of spherical k-means; `mean_directions` is the other.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
        Unit rows.
    positive : bool
        Whether a sample counts for a direction only with its own sign; lengths are then not
        negative.
    """
    owner, length = np.empty(len(X), np.int64), np.empty(len(X), np.result_type(X, D))
    for i in range(0, len(X), BLOCK):
        inner = X[i : i + BLOCK] @ D.T
        best = (inner if positive else np.abs(inner)).argmax(axis=1)
        owner[i : i + BLOCK], length[i : i + BLOCK] = best, inner[np.arange(len(best)), best]
    return owner, np.maximum(length, 0) if positive else length


def mean_directions(
    X: np.ndarray, D: np.ndarray, owner: np.ndarray, length: np.ndarray
) -> np.ndarray:
    """Return the unit mean of every direction's samples, by length; itself where it has none."""
    weights = sparse.csr_array((length, owner, np.arange(len(X) + 1)), shape=(len(X), len(D)))
    total = weights.T @ X
    alive = np.linalg.norm(total, axis=1, keepdims=True) > 0
    return np.where(alive, unit_rows(total), D)


#: Rounds of k-means that new directions start from: assignments hardly change after.
START_ROUNDS = 4


def from_residuals(
    residuals: np.ndarray, count: int, rng: np.random.RandomState, *, positive: bool = True
) -> np.ndarray:
    """Return ``count`` new directions, learned on what the other atoms leave unexplained.

    A few rounds of spherical k-means from residuals drawn by energy, so that a new atom stands
    for many badly explained samples rather than for one.

    Parameters
    ----------
    residuals : ndarray of shape (n, d)
    count : int
    rng : RandomState
    positive : bool
        Whether a residual may count for a direction only with its own sign.

    Returns
    -------
    ndarray of shape (count, d)
        Unit rows.
    """
    D = drawn_samples(residuals, count, rng)
    for _ in range(START_ROUNDS):
        D = mean_directions(residuals, D, *nearest_directions(residuals, D, positive=positive))
    return D


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
    coherence: float = LEARNED,
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
    alive = usage > least * usage.mean()
    alive[usage.argmax()] = True
    places = np.flatnonzero(alive)
    D = to_numpy(unit_rows(D))[places]
    keep = np.zeros(len(usage), dtype=bool)
    keep[places[unlike(D, usage[places], cosine=coherence, positive=positive)]] = True
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
