"""Which returned atom stands for which true feature: one-to-one, signed, optimal."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csc_array, csr_array, issparse
from scipy.sparse.csgraph import connected_components

from toy.problem import Truth
from unfold.arrays import unit_rows
from unfold.same_direction import APART

Codes: TypeAlias = np.ndarray | csr_array

#: Directions closer than this are one feature: no method could tell them apart.
COINCIDENT = 0.999
#: An atom this close to a feature that is listed but not scored is neither right nor wrong.
EXCUSED = APART
#: What a squared distance of unit vectors is off by, computed as a difference.
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a method returned: a dictionary, and the codes of the test activations in it.

    Attributes
    ----------
    dictionary : ndarray of shape (m, d)
    codes_test : ndarray or csr_array of shape (n_test, m)
    groups : ndarray of shape (m,), int, optional
        Which feature each atom is a coordinate of, where features have several dimensions.
    """

    dictionary: np.ndarray
    codes_test: Codes
    groups: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Target:
    """The part of the truth that is scored.

    Attributes
    ----------
    directions : ndarray of shape (k, d)
        Unit rows, one for each represented feature; coinciding ones merged into one.
    amplitudes : csc_array of shape (n_test, k)
        Codes times norms, so that ``observed = amplitudes @ directions`` (+ bias, noise).
    ignored : ndarray of shape (u, d)
        Unit directions of features the model barely represents: finding them is not scored.
    positive : bool
        Whether a direction and its negative are two different features.
    """

    directions: np.ndarray
    amplitudes: csc_array
    ignored: np.ndarray
    positive: bool


@dataclass(frozen=True, eq=False)
class Matching:
    """The one-to-one assignment of greatest total cosine.

    Attributes
    ----------
    atom : ndarray of shape (k,)
        Index of the atom that stands for each true feature; -1 where none does.
    cosine : ndarray of shape (k,)
        Its cosine, in [0, 1]; 0 where there is none.
    sign : ndarray of shape (k,)
        -1 where codes are signed and the atom points the other way.
    best_cosine : ndarray of shape (k,)
        Greatest cosine with any atom, one-to-one or not.
    n_returned : int
        Atoms that count: not zero, and no finding of an ignored feature.
    """

    atom: np.ndarray
    cosine: np.ndarray
    sign: np.ndarray
    best_cosine: np.ndarray
    n_returned: int


def target(truth: Truth) -> Target:
    """Return the features that are scored: represented ones, coinciding ones merged.

    Raises
    ------
    ValueError
        If the truth represents no feature at all.
    """
    represented = np.asarray(truth.represented, dtype=bool)
    if not represented.any():
        raise ValueError(
            "The truth represents no feature, so there is nothing to score: "
            "train the toy model longer, or give it more dimensions."
        )
    directions = np.asarray(truth.directions, dtype=np.float64)
    norms = np.asarray(truth.norms, dtype=np.float64)[represented]
    group, sign = _coincident(directions[represented], signed=not truth.positive)
    # One sparse product merges, scales and signs: column g sums the features of group g.
    merge = csr_array((sign * norms, (np.arange(len(group)), group)))
    merged = csr_array((sign, (np.arange(len(group)), group))).T @ directions[represented]
    codes = csr_array(truth.codes_test)[:, np.flatnonzero(represented)].astype(np.float64)
    ignored = directions[~represented]
    return Target(
        directions=unit_rows(merged),
        amplitudes=csc_array(codes @ merge),
        ignored=unit_rows(ignored[np.linalg.norm(ignored, axis=1) > 0]),
        positive=bool(truth.positive),
    )


def match(dictionary: np.ndarray, target: Target) -> Matching:
    """Match atoms to true features one-to-one, by the greatest total cosine.

    Negative cosines count as 0, so a hopeless pair never costs a good one its partner. Takes
    about k * m floats of 8 bytes, twice.

    Parameters
    ----------
    dictionary : ndarray of shape (m, d)
        Rows of any length; zero rows are no atoms. ``m`` may be 0.
    target : Target

    Raises
    ------
    ValueError
        If the dictionary is not a finite matrix with as many columns as the truth has.
    """
    k, d = target.directions.shape
    dictionary = checked_dictionary(np.asarray(dictionary, dtype=np.float64), d)
    alive = np.linalg.norm(dictionary, axis=1) > 0
    if not alive.any():
        empty = np.zeros(k)
        return Matching(np.full(k, -1), empty, np.ones(k), empty, 0)
    cosines = target.directions @ unit_rows(dictionary).T
    signs = np.ones_like(cosines, dtype=np.int8)
    if not target.positive:
        signs[cosines < 0] = -1
        np.abs(cosines, out=cosines)
    np.clip(cosines, 0, 1, out=cosines)
    best = cosines.max(axis=1)
    feature, column = linear_sum_assignment(cosines, maximize=True)
    found = cosines[feature, column] > 0
    feature, column = feature[found], column[found]
    atom, cosine, sign = np.full(k, -1), np.zeros(k), np.ones(k)
    atom[feature], cosine[feature] = column, cosines[feature, column]
    sign[feature] = signs[feature, column]
    spare = alive.copy()
    spare[atom[cosine >= EXCUSED]] = False
    excused = _near(dictionary[spare], target.ignored, signed=not target.positive)
    return Matching(atom, cosine, sign, best, int(alive.sum() - excused.sum()))


def checked_dictionary(dictionary: np.ndarray, d: int) -> np.ndarray:
    """Return the dictionary if it is a finite matrix of ``d`` columns.

    Raises
    ------
    ValueError
        If it is not.
    """
    if dictionary.ndim != 2 or dictionary.shape[1] != d:
        raise ValueError(
            f"Expected a dictionary of shape (n_atoms, {d}), got {dictionary.shape}: "
            f"one direction a row, in the space of the activations."
        )
    if not np.isfinite(dictionary).all():
        raise ValueError("The dictionary holds NaN or infinity.")
    return dictionary


def _near(atoms: np.ndarray, ignored: np.ndarray, *, signed: bool) -> np.ndarray:
    """Tell which atoms lie within `EXCUSED` of an ignored direction."""
    if not len(atoms) or not len(ignored):
        return np.zeros(len(atoms), dtype=bool)
    cosines = unit_rows(atoms) @ ignored.T
    return np.asarray((np.abs(cosines) if signed else cosines).max(axis=1) >= EXCUSED)


def _coincident(directions: np.ndarray, *, signed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Group directions that coincide: (group, sign within the group), each of shape (k,)."""
    k, d = directions.shape
    # An orthonormal projection only shortens distances, so it can rule pairs out, never lose
    # one: what it lets through is few, and is then measured in full.
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((d, min(d, 32))))[0]
    low = directions @ basis
    square = (low**2).sum(axis=1)
    left, right = [], []
    for start in range(0, k, 1024):
        product = low[start : start + 1024] @ low[start:].T
        distance = square[start : start + 1024, None] + square[None, start:]
        distance -= 2 * (np.abs(product) if signed else product)
        i, j = np.nonzero(distance < 2 * (1 - COINCIDENT) + ROUNDING)
        keep = i < j
        left.append(i[keep] + start)
        right.append(j[keep] + start)
    i, j = np.concatenate(left), np.concatenate(right)
    cosines = np.einsum("ij,ij->i", directions[i], directions[j])
    same = (np.abs(cosines) if signed else cosines) > COINCIDENT
    graph = csr_array((np.ones(same.sum()), (i[same], j[same])), shape=(k, k))
    n_groups, group = connected_components(graph, directed=False)
    first = np.full(n_groups, k)
    np.minimum.at(first, group, np.arange(k))
    aligned = np.einsum("ij,ij->i", directions, directions[first[group]])
    return group, np.where(aligned < 0, -1.0, 1.0)


def as_columns(codes: Codes) -> csc_array:
    """Return codes as a float64 CSC matrix, the one form all code metrics read.

    Raises
    ------
    ValueError
        If they are not a finite matrix.
    """
    shape = codes.shape if issparse(codes) else np.shape(np.asarray(codes))
    if len(shape) != 2:
        raise ValueError(f"Expected codes of shape (n_samples, n_atoms), got {shape}.")
    columns = csc_array(codes, dtype=np.float64)
    if not np.isfinite(columns.data).all():
        raise ValueError("The codes hold NaN or infinity.")
    return columns
