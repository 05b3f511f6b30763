"""Non-negative factorisations of activations, which may themselves be negative."""

import warnings
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from unfold.arrays import root_mean_square, unit_rows
from unfold.methods.atoms import distinct, drawn_samples, width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder
from unfold.methods.dictionary_learning.optimal_directions import optimal_directions


@final
@dataclass(eq=False, repr=False, kw_only=True)
class NMF(SparseCoder):
    """Non-negative matrix factorisation by scikit-learn, of the split data ``[X+, X-]``.

    Activations have both signs, which factorisation with non-negative atoms cannot express. So
    the positive and negative parts of ``X`` stand side by side, (n, 2d), atoms are found there,
    and a direction is the positive half of an atom less the negative half. On data without
    negative entries this is ordinary NMF. It is exact only as far as active features do not
    cancel in a coordinate; `SemiNMF` has no such bias.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension, less those that end up unused or doubled.
    alpha : float
        Weight of the L1 penalty in `transform`, as a share of the root mean square norm.
    positive : bool
        Whether codes of `transform` are non-negative.
    max_iter : int
    tol : float

    References
    ----------
    Lee & Seung 1999, Learning the parts of objects by non-negative matrix factorization.
    """

    search_space: ClassVar = {"alpha": (0.01, 0.05, 0.2)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="Non-negative parts of non-negative data; signed data by their two halves.",
        paper="Lee & Seung 1999, Learning the parts of objects by NMF",
        cost="O(N d k)",
        fails="where active features cancel in a coordinate; not unique without sparse parts",
    )

    max_iter: int = 300
    tol: float = 1e-4

    def _fit(self, X: np.ndarray) -> None:
        from sklearn.decomposition import NMF as SklearnNMF

        self.scale_ = root_mean_square(X)
        k = width(self.n_components, X)
        split = np.concatenate([np.maximum(X, 0), np.maximum(-X, 0)], axis=1) / self.scale_
        model = SklearnNMF(
            n_components=k,
            # its start from singular vectors divides by those that are not there
            init="nndsvda" if k <= np.linalg.matrix_rank(split.T @ split) else "random",
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=self._rng(),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            codes = model.fit_transform(split)
        self.n_iter_ = int(model.n_iter_)
        self.status_ = FitStatus.MAX_ITER if self.n_iter_ >= self.max_iter else FitStatus.CONVERGED
        halves = model.components_
        D = halves[:, : X.shape[1]] - halves[:, X.shape[1] :]
        if self.n_components is None:
            usage = (codes**2).sum(axis=0) * (D**2).sum(axis=1)
            D = D[distinct(D, usage)]
        # a part in both halves cancels, and one of no sample is empty
        self.components_ = unit_rows(D[np.linalg.norm(D, axis=1) > 0])


@final
@dataclass(eq=False, repr=False, kw_only=True)
class SemiNMF(SparseCoder):
    """Semi-non-negative factorisation: non-negative codes, directions of any sign.

    Alternates the least-squares dictionary, scaled to unit rows, with the multiplicative update
    of codes under an L1 penalty; without one, any cone that holds the data would do.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension, less those that end up unused or doubled.
    alpha : float
        Weight of the L1 penalty, as a share of the root mean square norm.
    positive : bool
        Whether codes of `transform` are non-negative.
    max_iter : int
    tol : float
        Relative decrease of the objective at which to stop.
    max_samples : int
        Samples used, drawn at random where there are more.

    References
    ----------
    Ding, Li & Jordan 2010, Convex and semi-nonnegative matrix factorizations.
    """

    search_space: ClassVar = {"alpha": (0.02, 0.1, 0.3)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="Sparse non-negative codes over signed directions.",
        paper="Ding, Li & Jordan 2010, Convex and semi-nonnegative matrix factorizations",
        cost="O(N k (d + k))",
        fails="slowly converging, as all multiplicative updates are; codes never reach zero",
    )

    alpha: float = 0.1
    max_iter: int = 300
    tol: float = 1e-5
    max_samples: int = 20_000

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        self.scale_ = root_mean_square(X)
        if len(X) > self.max_samples:
            X = X[rng.choice(len(X), self.max_samples, replace=False)]
        X = X.astype(np.float64) / self.scale_
        D = drawn_samples(X, width(self.n_components, X), rng)
        codes = np.maximum(X @ D.T, 0) + 0.01
        cost, self.status_ = np.inf, FitStatus.MAX_ITER
        for i in range(self.max_iter):
            D = optimal_directions(X, D, codes)
            inner, gram = X @ D.T, D @ D.T
            gain = np.maximum(inner, 0) + codes @ np.maximum(-gram, 0)
            loss = np.maximum(-inner, 0) + codes @ np.maximum(gram, 0) + self.alpha
            codes *= np.sqrt(gain / np.maximum(loss, 1e-12))
            before, cost = (
                cost,
                float(np.square(X - codes @ D).sum() / 2 + self.alpha * codes.sum()),
            )
            self.n_iter_ = i + 1
            if before - cost < self.tol * before:
                self.status_ = FitStatus.CONVERGED
                break
        usage = (codes**2).sum(axis=0)
        self.components_ = D if self.n_components is not None else D[distinct(D, usage)]
