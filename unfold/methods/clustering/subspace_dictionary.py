"""Features of several dimensions: atoms that share a subspace, refitted to their samples."""

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any, ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square, unit_rows
from unfold.io.formats.encoder import Encoder
from unfold.io.formats.solved import SubspacePursuit
from unfold.methods.base import MethodCard
from unfold.methods.clustering.spherical_kmeans import SphericalKMeans
from unfold.methods.codes import Encoded
from unfold.sparse_coding.description_length import nats
from unfold.sparse_coding.subspace_pursuit import subspace_pursuit

#: A sample at this cosine from an atom is one that shows the atom alone.
ALONE = 0.9
#: An atom shown alone by less than this share of what good ones have is a mixture of features.
LEAST_SHOWN = 0.25
#: An atom at this cosine from a subspace lies in it; rings of seven k-means centres have .99.
INSIDE = 0.97
#: Least angle, as a sine, between atoms that are taken to span a subspace: thinner ones are noise.
THINNEST = 0.3
#: Atoms a dimension by which one subspace must beat a smaller one: quotients are rounded.
TIE = 1e-9
#: Sets of atoms that are tried for each dimension, and at once.
MOST_TRIED, TRIED_AT_ONCE = 60_000, 4_000
#: Dimensions of the activations for each one of a feature: in fewer, any atoms share a subspace.
ROOM = 4
#: Samples from which subspaces are refitted in a round, rounds, and samples that judge tolerances.
REFIT_SAMPLES, ROUNDS, JUDGED = 8_000, 4, 2_000
#: Residuals that are taken for noise, of which the shortest description picks one, in units of the
#: root mean square length.
TOLERANCES = (0.02, 0.05, 0.1, 0.2, 0.4)
#: A subspace that is used by less than this share of the samples of the median one is dropped.
LEAST_USED = 0.1
#: Fewest samples that a subspace can be refitted from.
FEWEST = 20


@final
@dataclass(eq=False, repr=False, kw_only=True)
class SubspaceDictionary(Encoded):
    """Features that are points in small subspaces, such as circles, rather than lines.

    Directions of samples that show one feature alone are found by spherical k-means; atoms that
    many samples show alone are kept. Of a circle there are several, in one plane: sets of two and
    three are tried, and the subspace that holds most atoms for its dimension is taken up, until
    none holds more atoms than it has dimensions. The atoms that are left are lines. Subspaces
    are then refitted to the samples that use them.

    Parameters
    ----------
    n_components : int, optional
        Most directions in all; the least used subspaces are left out. Found unless given.
    max_dimension : int
        Of a feature.
    max_active : int
        Features a sample.
    atoms_per_dimension : int
        Of k-means, for each dimension of the activations.
    max_samples : int

    Attributes
    ----------
    groups_ : ndarray of shape (n_components_,)
        Which feature each direction is a coordinate of; directions of one are orthonormal.
    tolerance_ : float
        Length of a residual that is taken for noise.

    References
    ----------
    Eldar, Kuppinger and Bölcskei (2010), Block-sparse signals. Engels et al. (2024), Not all
    language model features are one-dimensionally linear.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="clustering",
        solves="Features of two or three dimensions: circles, rings of points, simplices.",
        paper="own; block-sparse pursuit of Eldar, Kuppinger & Bölcskei 2010",
        cost="O(N k d) for the atoms, O(k^3 d) for triples of them",
        fails="where samples with one active feature are rare; above some fifty features of "
        "three dimensions; below 8 dimensions",
        enumerates=True,
        hints={},
    )

    max_dimension: int = 3
    max_active: int = 8
    atoms_per_dimension: int = 6
    max_samples: int = 50_000

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        X = np.asarray(X, dtype=np.float64)
        if len(X) > self.max_samples:
            X = X[rng.choice(len(X), self.max_samples, replace=False)]
        scale = root_mean_square(X)
        atoms = self._atoms_shown_alone(X, rng)
        bases = self._subspaces(atoms, rng)
        judged = X[rng.choice(len(X), min(len(X), JUDGED), replace=False)]
        self.tolerance_ = self._tolerance(judged, bases, scale)
        for _ in range(ROUNDS):
            some = X[rng.choice(len(X), min(len(X), REFIT_SAMPLES), replace=False)]
            bases = self._refitted(some, bases)
        self.n_iter_ = ROUNDS
        if self.n_components is not None:
            bases = _within(bases, self.n_components)
        self.components_ = np.concatenate(bases)
        self.groups_ = _labels(bases)

    def _encoder(self) -> Encoder:
        return SubspacePursuit(self.groups_, self.max_active, float(self.tolerance_))

    def _atoms_shown_alone(self, X: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """Return directions that many samples have, without the mixtures between them."""
        lengths = np.linalg.norm(X, axis=1)
        U = unit_rows(X[lengths > 0])
        k = min(self.atoms_per_dimension * X.shape[1], max(1, len(U) // FEWEST))
        seed = int(rng.randint(2**31 - 1))
        centres = _quietly(SphericalKMeans(k, positive=True, random_state=seed), X)
        shown = sum(
            (U[start : start + TRIED_AT_ONCE] @ centres.T > ALONE).sum(axis=0)
            for start in range(0, len(U), TRIED_AT_ONCE)
        )
        good = np.sort(np.asarray(shown))[len(centres) // 2 :]
        kept = np.asarray(shown) >= max(LEAST_SHOWN * np.median(good), 1)
        return centres[kept] if kept.any() else centres

    def _subspaces(self, atoms: np.ndarray, rng: np.random.RandomState) -> list[np.ndarray]:
        """Return orthonormal bases: greedily, of most atoms a dimension; lines of what is left."""
        most = max(1, min(self.max_dimension, atoms.shape[1] // ROOM))
        left, found = atoms, list[np.ndarray]()
        spans = {r: _spans(atoms, r, rng) for r in range(2, most + 1)}
        while len(left) > 1:
            best: tuple[float, np.ndarray] | None = None
            for r, tried in spans.items():
                inside = _inside(left, tried)
                if not len(tried) or inside.max() <= r:
                    continue
                fullest = int(inside.argmax())
                worth = inside[fullest] / r
                if best is None or worth > best[0] + TIE:  # of equals the smaller dimension
                    best = worth, tried[fullest]
            if best is None:
                break
            within = ((left @ best[1].T) ** 2).sum(axis=1) > INSIDE**2
            found.append(_principal(left[within], len(best[1])))
            left = left[~within]
        return found + [line[None] for line in left]

    def _tolerance(self, X: np.ndarray, bases: list[np.ndarray], scale: float) -> float:
        """Return the tolerance whose codes describe samples most briefly."""
        D, groups = np.concatenate(bases), _labels(bases)
        costs = [
            nats(
                X,
                D,
                subspace_pursuit(X, D, groups, max_active=self.max_active, tolerance=share * scale),
            )
            for share in TOLERANCES
        ]
        return TOLERANCES[int(np.argmin(costs))] * scale

    def _refitted(self, X: np.ndarray, bases: list[np.ndarray]) -> list[np.ndarray]:
        """Return the subspaces of what samples hold in each, most used first."""
        D, groups = np.concatenate(bases), _labels(bases)
        Z = subspace_pursuit(X, D, groups, max_active=self.max_active, tolerance=self.tolerance_)
        residual = X - Z @ D
        used, fitted = [], []
        for g, basis in enumerate(bases):
            own = Z[:, groups == g]
            on = own.any(axis=1)
            used.append(int(on.sum()))
            held = residual[on] + own[on] @ basis
            fitted.append(_principal(held, len(basis)) if used[-1] >= FEWEST else basis)
        order = np.argsort(-np.asarray(used), kind="stable")
        least = max(LEAST_USED * float(np.median(used)), 1)
        kept = [fitted[g] for g in order if used[g] >= least]
        return kept or [fitted[g] for g in order]


def _quietly(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Return the directions of a start, which need not have settled."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(estimator.fit(X).components_)


def _spans(atoms: np.ndarray, r: int, rng: np.random.RandomState) -> np.ndarray:
    """Return orthonormal bases (n, r, d) of sets of ``r`` atoms: all, or many at random."""
    k = len(atoms)
    if k < r:
        return np.zeros((0, r, atoms.shape[1]))
    if comb(k, r) <= MOST_TRIED:
        sets = np.array(list(combinations(range(k), r)))
    else:
        sets = rng.randint(k, size=(MOST_TRIED, r))
    Q, R = np.linalg.qr(atoms[sets].transpose(0, 2, 1))
    thick = np.abs(np.diagonal(R, axis1=1, axis2=2)).min(axis=1) > THINNEST
    return np.asarray(Q[thick].transpose(0, 2, 1))


def _inside(atoms: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Return how many atoms lie in each of the subspaces."""
    counts = np.zeros(len(spans), dtype=int)
    for start in range(0, len(spans), TRIED_AT_ONCE):
        some = spans[start : start + TRIED_AT_ONCE]
        energy = (some @ atoms.T) ** 2
        counts[start : start + TRIED_AT_ONCE] = (energy.sum(axis=1) > INSIDE**2).sum(axis=1)
    return counts


def _principal(X: np.ndarray, r: int) -> np.ndarray:
    """Return an orthonormal basis (r, d) of the directions of most energy."""
    return np.asarray(np.linalg.eigh(X.T @ X)[1][:, ::-1][:, :r].T)


def _labels(bases: list[np.ndarray]) -> np.ndarray:
    return np.repeat(np.arange(len(bases)), [len(basis) for basis in bases])


def _within(bases: list[np.ndarray], most: int) -> list[np.ndarray]:
    """Return the first subspaces that make so many directions at most; at least one direction."""
    kept: list[np.ndarray] = []
    for basis in bases:
        room = most - sum(map(len, kept))
        if len(basis) <= room:
            kept.append(basis)
    return kept or [bases[0][:most]]
