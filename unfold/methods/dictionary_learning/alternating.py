"""Alternating dictionary learning: sparse codes, then the dictionary that they call for."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square, unit_rows
from unfold.methods.atoms import drawn_samples, merge, needed, sums, width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder, sparse_codes
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
    by chance together. Debiased, robustly weighted steps on one batch finish.

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
        self.scale_ = root_mean_square(X)
        X = X.astype(np.float64) / self.scale_
        D = drawn_samples(X, 2 * max(width(self.n_components, X), width(None, X)), rng)
        for start, end, rise in ROUNDS:
            alphas = np.geomspace(start, end, max(1, self.max_iter // len(ROUNDS)))
            for alpha in alphas:
                B = X[rng.choice(len(X), min(self.batch_size, len(X)), replace=False)]
                D = self._step(B, D, alpha)
            D = self._pruned(B, D, end, rise)
        self._finish(B, D)

    def _step(self, B: np.ndarray, D: np.ndarray, alpha: float) -> np.ndarray:
        """Return the dictionary that L1 codes of the batch call for."""
        codes = sparse_codes(B, D, alpha, positive=self.positive)
        usage = np.count_nonzero(codes, axis=0)
        moved = optimal_directions(B, D, codes)
        return merge(moved, usage, positive=self.positive, least=self.n_components or 1)

    def _pruned(self, B: np.ndarray, D: np.ndarray, alpha: float, rise: float) -> np.ndarray:
        """Return the atoms that codes of the batch cannot do without."""
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

    def _finish(self, B: np.ndarray, D: np.ndarray) -> None:
        """Set ``components_`` after debiased steps on one batch, weighted against outliers."""
        change = np.inf
        for _ in range(5):
            codes = sparse_codes(B, D, ROUNDS[-1][1], positive=self.positive)
            exact = debias(B, D, codes, positive=self.positive)
            residual = np.linalg.norm(B - exact @ D, axis=1)
            level = np.median(residual) ** 2 + np.finfo(np.float32).eps ** 2
            moved = optimal_directions(B, D, exact, 1 / np.sqrt(residual**2 + level))
            change = float((1 - (moved * D).sum(axis=1)).max())
            D = moved
        self.n_iter_ = self.max_iter
        self.status_ = FitStatus.CONVERGED if change < self.tol else FitStatus.MAX_ITER
        usage = np.count_nonzero(codes, axis=0)
        self.components_ = D[np.argsort(-usage, kind="stable")[: self.n_components]]


def optimal_directions(
    X: np.ndarray, D: np.ndarray, codes: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the dictionary that best explains ``X`` by ``codes``, in unit rows.

    Least squares over all atoms at once, with a trace of ridge towards ``D``, so that an atom
    that no sample uses stays where it is.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
    codes : ndarray of shape (n, k)
    weights : ndarray of shape (n,), optional
        Of the samples' squared errors.

    Returns
    -------
    ndarray of shape (k, d)
    """
    weighted = codes if weights is None else codes * (weights / weights.mean())[:, None]
    gram = weighted.T @ codes
    ridge = max(1e-3 * float(np.trace(gram)) / len(D), np.finfo(np.float64).tiny)
    moved = np.linalg.solve(gram + ridge * np.eye(len(D)), weighted.T @ X + ridge * D)
    return unit_rows(moved)
