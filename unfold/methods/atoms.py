"""Which atoms of an overcomplete guess are features: merge doubles, drop what nothing needs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unfold.arrays import to_numpy, unit_rows


def joined(first: np.ndarray, second: np.ndarray, coherence: float = 0.95) -> np.ndarray:
    """Return the first directions and those of the second that none of them is close to."""
    if not len(first):
        return second
    new = (second @ first.T).max(axis=1) < coherence
    return np.concatenate([first, second[new]])


def separate(centres: np.ndarray, near: float) -> np.ndarray:
    """Return the centres that no earlier one is within a cosine of."""
    close = np.tril(centres @ centres.T > near, -1)
    kept = np.ones(len(centres), bool)
    for i in range(len(centres)):
        kept[i] = not (close[i] & kept).any()
    return centres[kept]


def spread_out(V: Tensor, value: Tensor, coherence: float) -> Tensor:
    """Return positions of directions, best first, that no better one is within a cosine of."""
    order = torch.argsort(value, descending=True, stable=True)
    W = V[order]
    near = torch.triu((W @ W.T).gt(coherence), 1)
    alive = torch.ones(len(W), dtype=torch.bool, device=V.device)
    for i in range(len(W)):
        if alive[i]:
            alive &= ~near[i]
    return order[alive]


def skewness_signs(S: np.ndarray) -> np.ndarray:
    """Return the sign of each column's third moment, +1 where it has none.

    Features that are zero most of the time and positive else have positive skewness, which
    tells a direction from its opposite.
    """
    centred = S - S.mean(axis=0)
    return np.where((centred**3).sum(axis=0) < 0, -1.0, 1.0)


def drawn_samples(X: np.ndarray, k: int, rng: np.random.RandomState) -> np.ndarray:
    """Return ``k`` unit vectors of samples drawn by energy, random ones where X has too few."""
    energy = np.sum(np.square(X / (np.abs(X).max() or 1.0), dtype=np.float64), axis=1)
    some = min(k, int(np.count_nonzero(energy)))
    picks = rng.choice(len(X), size=some, replace=False, p=energy / energy.sum())
    rest = rng.standard_normal((k - some, X.shape[1]))
    return unit_rows(np.concatenate([X[picks], rest]))


#: Two atoms at this cosine are one.
COHERENCE = 0.97


def merge(D: np.ndarray, usage: np.ndarray, *, positive: bool = True, least: int = 1) -> np.ndarray:
    """Return ``D`` without unused atoms, and each cluster of near-duplicates made one atom.

    Parameters
    ----------
    D : ndarray of shape (k, d)
        Unit rows.
    usage : ndarray of shape (k,)
        Number of samples that use each atom: its weight in the mean of its cluster.
    positive : bool
        Whether an atom and its opposite differ, as they do when codes are non-negative.
    least : int
        Fewest atoms to return, where there are as many; the most used are kept.

    Returns
    -------
    ndarray of shape (k', d)
        Unit rows, most used cluster first.
    """
    signs = np.sign(D @ D.T)
    cosine = D @ D.T if positive else np.abs(D @ D.T)
    free = np.ones(len(D), dtype=bool)
    merged: list[np.ndarray] = []
    spare: list[int] = []
    for j in np.argsort(-usage, kind="stable"):
        if free[j] and usage[j] > 0:
            cluster = free & (cosine[j] > COHERENCE)
            merged.append((usage * signs[j])[cluster] @ D[cluster])
            free &= ~cluster
        else:
            spare.append(j)
    missing = min(least, len(D)) - len(merged)
    return to_numpy(unit_rows(np.array([*merged, *D[spare[: max(missing, 0)]]])))


def needed(
    D: np.ndarray,
    codes: np.ndarray,
    encode: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    rise: float,
    least: int = 1,
) -> np.ndarray:
    """Return which atoms make codes sparser, tried one by one from the least used.

    An atom leads the samples in whose codes it is largest. It is dropped when those samples,
    coded without it, take hardly more atoms than with it: a feature cannot be replaced by few
    others, while a double or a direction between two features can.

    Parameters
    ----------
    D : ndarray of shape (k, d)
    codes : ndarray of shape (n, k)
    encode : callable
        ``encode(rows, D)`` codes the samples of the given indices.
    rise : float
        Mean number of additional atoms from which an atom counts as needed.
    least : int
        Fewest atoms to keep.

    Returns
    -------
    ndarray of shape (k,), bool
    """
    codes = codes.copy()
    keep = np.ones(len(D), dtype=bool)
    for j in np.argsort(leads(codes), kind="stable"):
        if keep.sum() <= least:
            break
        led = np.flatnonzero((np.abs(codes).argmax(axis=1) == j) & codes.any(axis=1))
        keep[j] = False
        if len(led) == 0:
            continue
        without = encode(led, D[keep])
        before, after = (np.count_nonzero(Z, axis=1).mean() for Z in (codes[led], without))
        if after - before > rise:
            keep[j] = True
        else:
            codes[led] = 0
            codes[np.ix_(led, np.flatnonzero(keep))] = without
    return keep


def sums(D: np.ndarray, codes: np.ndarray, *, least: int = 1) -> np.ndarray:
    """Return which atoms stand for two others that happen to be active together.

    L1 codes like an atom at the sum of two features, most of all where these nearly cancel.
    Two things give it away: it lies in the cone of two atoms that lead more samples, and leads
    no more samples than the two would share by chance.

    Parameters
    ----------
    D : ndarray of shape (k, d)
        Unit rows.
    codes : ndarray of shape (n, k)
    least : int
        Fewest atoms that must be left.

    Returns
    -------
    ndarray of shape (k,), bool
    """
    rate, lead = np.count_nonzero(codes, axis=0) / len(codes), leads(codes) / len(codes)
    cosine = D @ D.T
    found = np.zeros(len(D), dtype=bool)
    for m in np.argsort(lead, kind="stable"):
        if len(D) - found.sum() <= least:
            break
        others = np.flatnonzero(~found & (lead > lead[m]))
        to_m, between = cosine[m, others], cosine[np.ix_(others, others)]
        weight = (to_m[:, None] - between * to_m) / np.maximum(1 - between**2, 1e-6)
        explained = weight * to_m[:, None] + weight.T * to_m
        by_chance = 2 * rate[others][:, None] * rate[others]
        pair = (weight > 0) & (weight.T > 0) & (explained > 0.98) & (lead[m] < by_chance)
        found[m] = pair.any()
    return found


def leads(codes: np.ndarray) -> np.ndarray:
    """Return in how many samples each atom has the largest code."""
    some = codes.any(axis=1)
    return np.bincount(np.abs(codes[some]).argmax(axis=1), minlength=codes.shape[1])


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
    for _ in range(4):
        inner = residuals @ D.T
        best = (inner if positive else np.abs(inner)).argmax(axis=1)
        size = inner[np.arange(len(inner)), best]
        weights = np.zeros_like(inner)
        weights[np.arange(len(inner)), best] = np.maximum(size, 0) if positive else size
        total = weights.T @ residuals
        alive = np.linalg.norm(total, axis=1) > 0
        D[alive] = unit_rows(total[alive])
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
