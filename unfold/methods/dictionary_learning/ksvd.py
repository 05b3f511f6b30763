"""Dictionary learning with a set number of active atoms: K-SVD, and the method of directions."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square
from unfold.deadline import check_time
from unfold.methods.atoms import (
    active_atoms,
    distinct,
    drawn_samples,
    from_residuals,
    width,
)
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder
from unfold.methods.dictionary_learning.optimal_directions import optimal_directions
from unfold.same_direction import LEARNING

#: Shares of the run over which supports grow from one atom, and idle atoms are replaced.
GROWING, REPLACING = 0.6, 0.9
#: Share of the mean usage below which an atom is idle.
IDLE = 0.05

HINTS = {"n_components": "n_features", "n_active": "mean_active", "positive": "positive"}


@dataclass(eq=False, repr=False, kw_only=True)
class PursuitLearner(SparseCoder):
    """Abstract alternation of orthogonal matching pursuit with a dictionary update.

    The number of active atoms grows from one to ``n_active`` over the first part of the run.
    Atoms in little use, or nearly equal to a more used one, give way to directions learned on
    the residuals. `transform` codes by L1 at ``alpha``, since samples differ in sparsity.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension, less those that end up unused or doubled.
    n_active : int, optional
        Most active atoms of a sample; by default about the root of d.
    positive : bool
        Whether codes are non-negative.
    alpha : float
        Weight of the L1 penalty in `transform`, as a share of the root mean square norm.
    max_iter : int
    max_samples : int
        Samples used, drawn at random where there are more.
    """

    n_active: int | None = None
    max_iter: int = 60
    max_samples: int = 20_000

    @abstractmethod
    def _update(self, X: np.ndarray, D: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return unit atoms that explain ``X`` better; may refit ``codes`` in place."""

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        self.scale_ = root_mean_square(X)
        if len(X) > self.max_samples:
            X = X[rng.choice(len(X), self.max_samples, replace=False)]
        X = X.astype(np.float64) / self.scale_
        n_active = active_atoms(self.n_active, X)
        D = drawn_samples(X, width(self.n_components, X), rng)
        D = self.alternate(X, D, n_active, rng)
        self.n_iter_, self.status_ = self.max_iter, FitStatus.CONVERGED
        usage = np.count_nonzero(self.pursued(X, D, n_active), axis=0)
        if self.n_components is None:
            D = D[distinct(D, usage, positive=self.positive)]
        self.components_ = D

    def alternate(
        self, X: np.ndarray, D: np.ndarray, n_active: int, rng: np.random.RandomState
    ) -> np.ndarray:
        """Return a dictionary learned on ``X``, of unit mean square norm, from a start ``D``."""
        for i in range(self.max_iter):
            check_time()
            growth = min(1.0, i / max(1, GROWING * self.max_iter))
            codes = self.pursued(X, D, max(1, round(growth * n_active)))
            D = self._update(X, D, codes)
            if i < REPLACING * self.max_iter:
                D = self._replaced(X, D, codes, rng)
        return D

    def settle(self, X: np.ndarray, D: np.ndarray, n_active: int, n_iter: int) -> np.ndarray:
        """Return ``D`` after alternations that neither grow supports nor replace atoms."""
        for _ in range(n_iter):
            D = self._update(X, D, self.pursued(X, D, n_active))
        return D

    def pursued(self, X: np.ndarray, D: np.ndarray, n_active: int) -> np.ndarray:
        """Return codes by orthogonal matching pursuit."""
        from unfold.sparse_coding.encode import sparse_encode

        found = sparse_encode(
            X, D, penalty="l0", n_nonzero=min(n_active, *D.shape), positive=self.positive
        )
        return np.array(found.codes)

    def _replaced(
        self, X: np.ndarray, D: np.ndarray, codes: np.ndarray, rng: np.random.RandomState
    ) -> np.ndarray:
        usage = np.count_nonzero(codes, axis=0)
        good = distinct(D, usage, positive=self.positive, least=IDLE, coherence=LEARNING)
        if not good.all():
            residuals = X - codes @ D
            if np.any(residuals):
                missing = int((~good).sum())
                D[~good] = from_residuals(residuals, missing, rng, positive=self.positive)
        return D


@final
@dataclass(eq=False, repr=False, kw_only=True)
class KSVD(PursuitLearner):
    """K-SVD: one atom at a time, refitted to the residual of the samples that use it.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension, less those that end up unused or doubled.
    n_active : int, optional
        Most active atoms of a sample; by default about the root of d.
    exact : bool
        Refit by a singular value decomposition, as in the first paper, rather than by one step
        of the power method, as in the second.
    positive : bool
        Non-negative K-SVD: codes, and so directions, keep their sign.
    alpha : float
        Weight of the L1 penalty in `transform`, as a share of the root mean square norm.
    max_iter : int
    max_samples : int
        Samples used, drawn at random where there are more.

    References
    ----------
    Aharon, Elad & Bruckstein 2006, K-SVD. Rubinstein, Zibulevsky & Elad 2008, Efficient
    implementation of the K-SVD algorithm using Batch Orthogonal Matching Pursuit.
    """

    search_space: ClassVar = {"n_active": (1, 2, 3, 5), "alpha": (0.02, 0.1)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="Dictionary with at most n_active atoms a sample, by alternating least squares.",
        paper="Aharon, Elad & Bruckstein 2006, K-SVD; Rubinstein, Zibulevsky & Elad 2008",
        cost="O(N k (d + n_active))",
        fails="where the number of active atoms varies much, or exceeds about d / 6",
        hints=HINTS,
    )

    exact: bool = False
    max_iter: int = 40

    def _update(self, X: np.ndarray, D: np.ndarray, codes: np.ndarray) -> np.ndarray:
        residual = X - codes @ D
        for j in range(len(D)):
            users = np.flatnonzero(codes[:, j])
            if len(users) == 0:
                continue
            own = residual[users] + codes[users, j, None] * D[j]
            atom = _leading(own) if self.exact else codes[users, j] @ own
            size = float(np.linalg.norm(atom))
            if size == 0:
                continue
            atom *= np.sign(atom @ D[j]) / size if self.exact else 1 / size
            refit = own @ atom
            codes[users, j] = np.maximum(refit, 0) if self.positive else refit
            D[j] = atom
            residual[users] = own - codes[users, j, None] * atom
        return D


@final
class MOD(PursuitLearner):
    """Method of optimal directions: least squares for all atoms at once.

    References
    ----------
    Engan, Aase & Husøy 1999, Method of optimal directions for frame design.
    """

    search_space: ClassVar = {"n_active": (1, 2, 3, 5), "alpha": (0.02, 0.1)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="Dictionary with at most n_active atoms a sample, all atoms refitted at once.",
        paper="Engan, Aase & Husøy 1999, Method of optimal directions for frame design",
        cost="O(N k (d + n_active) + k^3)",
        fails="where the number of active atoms varies much, or exceeds about d / 6",
        hints=HINTS,
    )

    def _update(self, X: np.ndarray, D: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return optimal_directions(X, D, codes)


def _leading(M: np.ndarray) -> np.ndarray:
    """Return the first right singular vector of ``M``, by way of its small Gram matrix."""
    return np.linalg.eigh(M.T @ M)[1][:, -1]
