"""Alternating dictionary learning: sparse codes, then the dictionary that they call for."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square
from unfold.deadline import check_time
from unfold.methods.atoms import drawn_samples, width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder, sparse_codes
from unfold.methods.dictionary_learning.optimal_directions import directions_and_offset
from unfold.methods.dictionary_learning.pruning import merge, needed, sums
from unfold.methods.location import geometric_median, tame
from unfold.sparse_coding.debias import debias

#: (alpha at the start, alpha at the end, extra atoms that make an atom needed) of each round.
ROUNDS = ((0.3, 0.02, 0.1), (0.2, 0.02, 0.2), (0.1, 0.01, 0.3))


@final
@dataclass(eq=False, repr=False, kw_only=True)
class AlternatingDictionary(SparseCoder):
    """Dictionary learning that starts with too many atoms and keeps those that are needed.

    Each of three rounds anneals the L1 penalty from coarse to fine: codes of a fresh batch by
    `unfold.sparse_encode`, then the method of optimal directions, then near-duplicates merge.
    The shrunken L1 codes are what moves atoms in the rounds: debiased ones explain the batch
    with any dictionary that is rich enough, and leave it where it is. A round ends by dropping
    atoms that others replace at no cost in sparsity, and atoms that are sums of two others used
    by chance together. Debiased, robustly weighted steps on one batch finish. The offset of the
    data is part of every step: it starts at the geometric median, where sparse non-negative codes
    leave it nearer than the mean does.

    Parameters
    ----------
    n_components : int, optional
        By default the number of atoms that survive is the estimate; else at least so many do,
        and the most used of them are returned.
    alpha : float
        Weight of the L1 penalty in `transform`, as a share of the root mean square norm.
    positive : bool
        Whether codes are non-negative, so that directions have a sign.
    batch_size : int
        Samples of each step.
    max_iter : int
        Steps in all three rounds together.
    tol : float
        Largest change of a direction (1 - cosine) in the last step that counts as converged.

    References
    ----------
    Engan, Aase & Husøy 1999, Method of optimal directions for frame design, for the dictionary
    step; the rest is our own.
    """

    search_space: ClassVar = {"alpha": (0.003, 0.01, 0.03, 0.1)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="Sparse codes over an unknown overcomplete dictionary of unknown size.",
        paper="own, on the dictionary step of Engan, Aase & Husøy 1999 (MOD)",
        cost="O(batch k (d + active atoms) + k^3)",
        fails="when more than about a third of d features are active in a sample; k^3 beyond "
        "some thousands of atoms",
        enumerates=True,
        hints={"n_components": "n_features", "positive": "positive"},
    )

    alpha: float = 0.01
    batch_size: int = 4096
    max_iter: int = 60
    tol: float = 1e-3

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        centre = geometric_median(X)
        Y = tame(X.astype(np.float64) - centre)
        self.scale_ = root_mean_square(Y)
        Y /= self.scale_
        D = drawn_samples(Y, 2 * max(width(self.n_components, X), width(None, X)), rng)
        offset = np.zeros(X.shape[1])
        for start, end, rise in ROUNDS:
            alphas = np.geomspace(start, end, max(1, self.max_iter // len(ROUNDS)))
            for alpha in alphas:
                B = Y[rng.choice(len(Y), min(self.batch_size, len(Y)), replace=False)]
                D, offset = self._step(B, D, offset, alpha)
            D = self._pruned(B - offset, D, end, rise)
        offset = self._finish(B, D, offset)
        self.mean_ = centre + self.scale_ * offset

    def _step(
        self, B: np.ndarray, D: np.ndarray, offset: np.ndarray, alpha: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the dictionary and the offset that L1 codes of the batch call for."""
        check_time()
        codes = sparse_codes(B - offset, D, alpha, positive=self.positive)
        usage = np.count_nonzero(codes, axis=0)
        moved, offset = directions_and_offset(B, D, codes, offset)
        return merge(moved, usage, positive=self.positive, least=self.n_components or 1), offset

    def _pruned(self, B: np.ndarray, D: np.ndarray, alpha: float, rise: float) -> np.ndarray:
        """Return the atoms that codes of the batch, its offset off, cannot do without."""
        check_time()
        least = self.n_components or 1
        codes = sparse_codes(B, D, alpha, positive=self.positive)
        D = D[
            needed(
                D,
                codes,
                lambda rows, atoms: sparse_codes(B[rows], atoms, alpha, positive=self.positive),
                rise=rise,
                least=least,
            )
        ]
        return D[~sums(D, sparse_codes(B, D, alpha, positive=self.positive), least=least)]

    def _finish(self, B: np.ndarray, D: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Set ``components_`` after debiased steps on one batch, weighted against outliers."""
        change = np.inf
        for _ in range(5):
            codes = sparse_codes(B - offset, D, ROUNDS[-1][1], positive=self.positive)
            exact = debias(B - offset, D, codes, positive=self.positive)
            residual = np.linalg.norm(B - offset - exact @ D, axis=1)
            level = np.median(residual) ** 2 + np.finfo(np.float32).eps ** 2
            weights = 1 / np.sqrt(residual**2 + level)
            moved, offset = directions_and_offset(B, D, exact, offset, weights)
            change = float((1 - (moved * D).sum(axis=1)).max())
            D = moved
        self.n_iter_ = self.max_iter
        self.status_ = FitStatus.CONVERGED if change < self.tol else FitStatus.MAX_ITER
        usage = np.count_nonzero(codes, axis=0)
        self.components_ = D[np.argsort(-usage, kind="stable")[: self.n_components]]
        return offset
