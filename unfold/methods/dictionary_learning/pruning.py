"""Which atoms of an overcomplete guess are features: doubles merge, what nothing needs goes."""

from collections.abc import Callable

import numpy as np

from unfold.arrays import to_numpy, unit_rows
from unfold.same_direction import SAME


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
            cluster = free & (cosine[j] > SAME)
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


#: Share of an atom's energy in the cone of two others from which it may be their sum.
IN_CONE = 0.98
#: Cosine with an atom from which another may be a part of it: two that cancel further are rare.
PART = 0.1


def sums(D: np.ndarray, codes: np.ndarray, *, least: int = 1, positive: bool = True) -> np.ndarray:
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
    positive : bool
        Whether codes are non-negative; else it is the plane of two atoms, not their cone.

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
        alike = cosine[m] if positive else np.abs(cosine[m])
        others = np.flatnonzero(~found & (lead > lead[m]) & (alike > PART))
        to_m, between = cosine[m, others], cosine[np.ix_(others, others)]
        weight = (to_m[:, None] - between * to_m) / np.maximum(1 - between**2, 1e-6)
        explained = weight * to_m[:, None] + weight.T * to_m
        by_chance = 2 * rate[others][:, None] * rate[others]
        pair = (explained > IN_CONE) & (lead[m] < by_chance)
        if positive:
            pair &= (weight > 0) & (weight.T > 0)
        found[m] = pair.any()
    return found


def leads(codes: np.ndarray) -> np.ndarray:
    """Return in how many samples each atom has the largest code."""
    some = codes.any(axis=1)
    return np.bincount(np.abs(codes[some]).argmax(axis=1), minlength=codes.shape[1])
