"""Which atoms pay for themselves: backward elimination by description length."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from unfold.deadline import time_left
from unfold.sparse_coding.description_length import (
    numbers_nats,
    on_nats,
    sample_nats,
    variances,
    within,
)

#: Atoms that are tried at a time, and cosine from which two are not: each might be the other's
#: substitute.
TOGETHER, ALIKE = 16, 0.3
#: Active atoms that a sample may win or lose by one atom less: beyond, a pursuit has failed.
MORE = 1.0
#: Samples by which an atom is tried, at most; those of a first look, and standard errors of their
#: mean from which that look decides.
TRIED, GLANCE, DOUBT = 512, 32, 4.0


@dataclass(frozen=True, eq=False)
class Atoms:
    """Some atoms of a dictionary: their places, themselves, their products."""

    places: np.ndarray
    D: np.ndarray
    gram: np.ndarray


@dataclass(frozen=True, eq=False)
class Price:
    """What samples cost over given atoms, in nats.

    Attributes
    ----------
    error : float
        Residual norm of the codes.
    variance : float
        Of a coordinate of the residual.
    on : ndarray of shape (k,)
        Nats of an active atom.
    positive : bool
    """

    error: float
    variance: float
    on: np.ndarray
    positive: bool

    def of(self, X: np.ndarray, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Return the supports (n, width) of samples, filled up with -1, and their nats (n,)."""
        Z = within(X, atoms.D, self.error, positive=self.positive, gram=atoms.gram)
        left = np.sum(np.square(X - Z @ atoms.D, dtype=np.float64), axis=1)
        nats = sample_nats(X, left, Z, self.variance, self.on[atoms.places])
        return _padded(Z, atoms.places), nats


def eliminate(
    X: np.ndarray,
    D: np.ndarray,
    error: float,
    *,
    positive: bool,
    least: int = 1,
    weight: float = 1,
) -> np.ndarray:
    """Return which atoms shorten the description of samples by more than they cost.

    An atom costs its numbers, each to the precision that the samples warrant: ``d/2 log N`` nats.
    It saves what the samples that use it would need more without it, coded by pursuit over the
    other atoms. From the least used on, atoms that save less than they cost go: doubles, sums
    of features that are active together by chance, and what was learned from noise. Atoms that
    were not tried when the time is over stay.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples less their offset.
    D : ndarray of shape (k, d)
        Unit rows.
    error : float
        Residual norm of the codes.
    positive : bool
        Whether codes are non-negative.
    least : int
        Fewest atoms to keep.
    weight : float
        Samples that each of these stands for.

    Returns
    -------
    ndarray of shape (k,), bool

    References
    ----------
    Rissanen (1978), Modeling by shortest data description.
    """
    gram = D @ D.T
    codes = within(X, D, error, positive=positive, gram=gram)
    uses = np.bincount(codes.indices, minlength=len(D))
    order = np.argsort(uses, kind="stable")
    kept = uses > 0
    kept[order[len(D) - min(least, len(D)) :]] = True
    left = np.sum(np.square(X - codes @ D, dtype=np.float64), axis=1)
    variance = variances(X, left)[1]
    price = Price(error, variance, on_nats(codes, variance, signed=not positive), positive)
    supports, nats = price.of(X, Atoms(np.arange(len(D)), D, gram))
    own = len(X) * numbers_nats(X.shape[1], weight * len(X))
    most = MORE * float(np.median(price.on))
    waiting = [int(j) for j in order if kept[j]]
    while waiting and kept.sum() > max(least, 1) and time_left() > 0:
        block, waiting = _apart(gram, waiting)
        others = kept.copy()
        others[block] = False
        places = np.flatnonzero(others)
        if not len(places):
            break
        atoms = Atoms(places, D[places], gram[np.ix_(places, places)])

        def lost(some: np.ndarray, atoms: Atoms = atoms) -> np.ndarray:
            return np.clip(price.of(X[some], atoms)[1] - nats[some], -most, most)

        for j in block:
            users = np.flatnonzero((supports == j).any(axis=1))
            if _pays(lost, users, own):
                continue
            if len(users):
                new, nats[users] = price.of(X[users], atoms)
                supports = _replaced(supports, users, new)
            kept[j] = False
            if kept.sum() <= max(least, 1):
                break
    return kept


def _pays(lost: Callable[[np.ndarray], np.ndarray], users: np.ndarray, own: float) -> bool:
    """Tell whether what the users of an atom lose without it comes to what it costs.

    A few users are asked first; more of them where their answer leaves a doubt.
    """
    for size in (GLANCE, TRIED):
        some = users[:: max(1, -(-len(users) // size))]
        if not len(some):
            return False
        losses = lost(some) * len(users)
        doubt = DOUBT * float(losses.std()) / np.sqrt(len(some))
        if len(some) == len(users) or abs(float(losses.mean()) - own) > doubt:
            break
    return float(losses.mean()) >= own


def _apart(gram: np.ndarray, waiting: list[int]) -> tuple[list[int], list[int]]:
    """Return the first atoms in line that are unlike each other, and the others."""
    block: list[int] = []
    rest: list[int] = []
    for j in waiting:
        free = len(block) < TOGETHER and not (np.abs(gram[j, block]) > ALIKE).any()
        (block if free else rest).append(j)
    return block, rest


def _padded(codes: sparse.csr_array, names: np.ndarray) -> np.ndarray:
    counts = np.diff(codes.indptr)
    out = np.full((len(counts), max(1, int(counts.max(initial=0)))), -1)
    column = np.arange(codes.nnz) - np.repeat(codes.indptr[:-1], counts)
    out[np.repeat(np.arange(len(counts)), counts), column] = names[codes.indices]
    return out


def _replaced(supports: np.ndarray, rows: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the supports with those of some samples replaced, wider where they need it."""
    wider = max(0, new.shape[1] - supports.shape[1])
    out = np.pad(supports, ((0, 0), (0, wider)), constant_values=-1)
    out[rows] = -1
    out[rows, : new.shape[1]] = new
    return out
