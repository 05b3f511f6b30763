"""Dictionaries side by side: what they share, what only one has, and what chance would share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from unfold import same_direction
from unfold.arrays import dictionary_of, is_tensor, to_numpy, unit_rows

#: Cosine from which an atom has a counterpart: below it more than half of the energy differs.
COUNTERPART = 0.7
#: Random pairs that a null is the mean of.
NULL_DRAWS = 3


@dataclass(frozen=True, eq=False)
class Pair:
    """Two dictionaries side by side.

    Attributes
    ----------
    names : tuple of str
    matches : ndarray of shape (n_matches, 2) of int
        One-to-one partners, closest first; copies within a dictionary take no part.
    cosines : ndarray of shape (n_matches,)
        Of the partners.
    stability : float
        Sum of those cosines over the larger number of atoms, in [0, 1].
    null : float or None
        The same for random directions with the second moments of the atoms; up to .04 low where
        a few dimensions hold most of them.
    one_to_many : tuple of dict of int to list of int
        Atoms of the first that several of the second are counterparts of (splits), and of the
        second that several of the first are.
    only_in : tuple of ndarray of int
        Atoms of each that have no counterpart in the other.
    overlap : float
        Mean squared cosine of the principal angles between the spans.
    chance_overlap : float
        What random spans of these dimensions have.
    """

    names: tuple[str, str]
    matches: np.ndarray = field(repr=False)
    cosines: np.ndarray = field(repr=False)
    stability: float
    null: float | None
    one_to_many: tuple[dict[int, list[int]], dict[int, list[int]]] = field(repr=False)
    only_in: tuple[np.ndarray, np.ndarray] = field(repr=False)
    overlap: float
    chance_overlap: float

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        several = [{str(i): many for i, many in side.items()} for side in self.one_to_many]
        return {
            "names": list(self.names),
            "stability": self.stability,
            "null": self.null,
            "matches": self.matches.tolist(),
            "cosines": self.cosines.round(6).tolist(),
            "one_to_many": several,
            "only_in": [side.tolist() for side in self.only_in],
            "overlap": self.overlap,
            "chance_overlap": self.chance_overlap,
        }


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several dictionaries, every two of them side by side.

    Attributes
    ----------
    names : tuple of str
    sizes, distinct : tuple of int
        Atoms, and atoms that point another way than every earlier one.
    d : int
    pairs : tuple of Pair
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    distinct: tuple[int, ...]
    d: int
    pairs: tuple[Pair, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON, with its version."""
        return {
            "format": "unfold-comparison",
            "version": 1,
            "names": list(self.names),
            "sizes": list(self.sizes),
            "distinct": list(self.distinct),
            "d": self.d,
            "pairs": [pair.as_json() for pair in self.pairs],
        }


def compare_dictionaries(
    *dictionaries: Any,
    names: Sequence[str] | None = None,
    null: bool = True,
    random_state: int = 0,
) -> Comparison:
    """Compare dictionaries, two by two.

    Parameters
    ----------
    *dictionaries : array-like of shape (k, d), fitted estimator, str or Path
        Two or more, of one dimension. Paths are read by `unfold.load_dictionary`.
    names : sequence of str, optional
        By default the names of files, or letters.
    null : bool
        Whether to say what chance would share.
    random_state : int
        Draws the null.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If there are fewer than two, they are not finite matrices of one dimension, or one is
        empty or all zeros.
    FileNotFoundError, FileError
        As `unfold.load_dictionary`.
    """
    if len(dictionaries) < 2:
        raise ValueError(f"Two dictionaries or more are compared, got {len(dictionaries)}.")
    own = tuple(_name(given, place) for place, given in enumerate(dictionaries))
    named = own if names is None else tuple(names)
    if len(named) != len(dictionaries):
        raise ValueError(f"{len(dictionaries)} dictionaries and {len(named)} names were given.")
    matrices = [_matrix(D, name) for D, name in zip(dictionaries, named, strict=True)]
    dimensions = {len(D[0]) for D in matrices}
    if len(dimensions) > 1:
        told = ", ".join(f"{n!r} has {D.shape[1]}" for n, D in zip(named, matrices, strict=True))
        raise ValueError(f"Dictionaries of one dimension are compared: {told}.")
    rng = np.random.default_rng(random_state)
    pairs = tuple(
        _pair((named[i], named[j]), matrices[i], matrices[j], rng if null else None)
        for i, j in combinations(range(len(matrices)), 2)
    )
    counts = tuple(len(distinct(D)) for D in matrices)
    return Comparison(named, tuple(map(len, matrices)), counts, dimensions.pop(), pairs)


def distinct(D: np.ndarray) -> np.ndarray:
    """Return positions of atoms that no earlier one is the same feature as; zero atoms are none.

    Parameters
    ----------
    D : ndarray of shape (k, d)
        In order of preference.
    """
    alive = np.flatnonzero(D.any(axis=1))
    U = unit_rows(np.asarray(D[alive], np.float64))
    return np.asarray(alive[same_direction.distinct(U, cosine=same_direction.APART)])


def partners(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return one-to-one partners of greatest total cosine, (n, 2), and their cosines (n,).

    Copies within a dictionary, zero atoms and pairs that point apart take no part.
    """
    from scipy.optimize import linear_sum_assignment

    first, second = distinct(A), distinct(B)
    U, V = (unit_rows(np.asarray(D, np.float64)) for D in (A[first], B[second]))
    cosines = np.clip(U @ V.T, 0, 1)
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    found = cosines[rows, columns]
    order = np.argsort(-found, kind="stable")
    order = order[found[order] > 0]
    return np.stack([first[rows[order]], second[columns[order]]], axis=1), found[order]


def _name(given: Any, place: int) -> str:
    return Path(given).name if isinstance(given, str | Path) else chr(ord("A") + place)


def _matrix(given: Any, name: str) -> np.ndarray:
    if isinstance(given, str | Path):
        from unfold.dictionaries import load_dictionary

        given = load_dictionary(given)
    plain = is_tensor(given) or isinstance(given, np.ndarray | list | tuple)
    D = np.asarray(to_numpy(given if plain else dictionary_of(given)), np.float64)
    if D.ndim != 2 or not D.size or not np.isfinite(D).all() or not D.any():
        raise ValueError(
            f"{name!r} is no dictionary: expected a finite matrix of directions (k, d), not all "
            f"zeros, got shape {D.shape}."
        )
    return np.asarray(unit_rows(D))


def _pair(
    names: tuple[str, str], A: np.ndarray, B: np.ndarray, rng: np.random.Generator | None
) -> Pair:
    matches, cosines = partners(A, B)
    larger = max(len(A), len(B))
    near = A @ B.T >= COUNTERPART
    ranks = [np.linalg.matrix_rank(D) for D in (A, B)]
    return Pair(
        names,
        matches,
        cosines,
        float(cosines.sum() / larger),
        None if rng is None else _null(A, B, rng),
        (_several(near), _several(near.T)),
        (np.flatnonzero(~near.any(axis=1)), np.flatnonzero(~near.any(axis=0))),
        _overlap(A, B),
        float(max(ranks) / A.shape[1]),
    )


def _several(near: np.ndarray) -> dict[int, list[int]]:
    return {int(i): np.flatnonzero(near[i]).tolist() for i in np.flatnonzero(near.sum(axis=1) > 1)}


def _null(A: np.ndarray, B: np.ndarray, rng: np.random.Generator) -> float:
    """Return the stability of Gaussian directions with the second moments of the atoms."""
    larger = max(len(A), len(B))
    found = []
    for _ in range(NULL_DRAWS):
        # A Gaussian mixture of the atoms has their second moments.
        first, second = (rng.standard_normal((len(D), len(D))) @ D for D in (A, B))
        found.append(partners(first, second)[1].sum() / larger)
    return float(np.mean(found))


def _overlap(A: np.ndarray, B: np.ndarray) -> float:
    first, second = (_basis(D) for D in (A, B))
    shared = np.linalg.norm(first @ second.T) ** 2
    return float(shared / min(len(first), len(second)))


def _basis(D: np.ndarray) -> np.ndarray:
    _, sizes, right = np.linalg.svd(D, full_matrices=False)
    return np.asarray(right[sizes > sizes[0] * max(D.shape) * np.finfo(float).eps])
