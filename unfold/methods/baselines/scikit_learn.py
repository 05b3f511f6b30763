"""Online dictionary learning: L1 codes of a batch, then block-coordinate steps on the atoms."""

import warnings
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from unfold.arrays import root_mean_square
from unfold.methods.atoms import distinct, drawn_samples, width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder, sparse_codes


@final
@dataclass(eq=False, repr=False, kw_only=True)
class SklearnDictionaryLearning(SparseCoder):
    """Online dictionary learning by scikit-learn's MiniBatchDictionaryLearning.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension, less those that end up unused or doubled.
    alpha : float
        Weight of the L1 penalty, as a share of the root mean square norm of the samples.
    positive : bool
        Whether codes are non-negative.
    batch_size : int
    max_iter : int
        Passes over the data.

    References
    ----------
    Mairal, Bach, Ponce & Sapiro 2009, Online dictionary learning for sparse coding.
    """

    search_space: ClassVar = {"alpha": (0.02, 0.05, 0.1, 0.2, 0.5)}
    card: ClassVar[MethodCard] = MethodCard(
        family="baselines",
        solves="L1-penalised dictionary learning, one mini-batch at a time.",
        paper="Mairal, Bach, Ponce & Sapiro 2009, Online dictionary learning for sparse coding",
        cost="O(N d k) and a lasso a sample, by coordinate descent",
        fails="dead and doubled atoms stay; the L1 bias bends coherent atoms",
        hints={"n_components": "n_features", "positive": "positive"},
    )

    alpha: float = 0.1
    batch_size: int = 256
    max_iter: int = 5

    def _fit(self, X: np.ndarray) -> None:
        from sklearn.decomposition import MiniBatchDictionaryLearning

        rng = self._rng()
        self.scale_ = root_mean_square(X)
        k = width(self.n_components, X)
        # Its lasso draws from NumPy's global generator, for nothing: put that back.
        state = np.random.get_state()  # noqa: NPY002
        try:
            with warnings.catch_warnings():
                # Of single lassos inside, of which some always stop early.
                warnings.simplefilter("ignore", ConvergenceWarning)
                learner = MiniBatchDictionaryLearning(
                    n_components=k,
                    alpha=self.alpha,
                    batch_size=min(self.batch_size, len(X)),
                    max_iter=self.max_iter,
                    fit_algorithm="cd",
                    positive_code=self.positive,
                    dict_init=drawn_samples(X, k, rng).astype(X.dtype),
                    random_state=rng,
                ).fit(X / self.scale_)
        finally:
            np.random.set_state(state)  # noqa: NPY002
        self.n_iter_, self.status_ = int(learner.n_iter_), FitStatus.CONVERGED
        self.components_ = learner.components_
        if self.n_components is None:
            self.components_ = learner.components_[
                distinct(
                    learner.components_,
                    self._usage(X, learner.components_),
                    positive=self.positive,
                )
            ]

    def _usage(self, X: np.ndarray, D: np.ndarray) -> np.ndarray:
        """Return the energy that each atom takes up in the first samples."""
        some = X[:2000] / self.scale_
        codes = sparse_codes(some, D.astype(X.dtype), self.alpha, positive=self.positive)
        return np.square(codes).sum(axis=0)
