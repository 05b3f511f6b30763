"""Independent component analysis: directions along which whitened data are least Gaussian."""

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from unfold.arrays import to_numpy
from unfold.io.formats.encoder import Encoder, Identity
from unfold.methods.atoms import complete_width, skewness_signs
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import Encoded
from unfold.methods.ica.whitening import principal_whitening


@dataclass(eq=False, repr=False, kw_only=True)
class LinearUnmixing(Encoded):
    """Abstract method that finds at most ``d`` sources, all of them linear in the data.

    ``_unmix`` gets white data and returns the unmixing matrix. Directions are the columns of
    its inverse, signed so that sources are positively skewed. Codes are linear and need no
    mean: with as many directions as dimensions, ``X @ inv(D)`` gives sources with their offset.

    Parameters
    ----------
    max_iter : int
    tol : float
        Change of the unmixing matrix at which the iteration ends.
    """

    max_iter: int = 500
    tol: float = 1e-6

    @abstractmethod
    def _unmix(self, white: np.ndarray) -> np.ndarray:
        """Return the matrix W (k, k) for which ``white @ W.T`` are the sources."""

    def _fit(self, X: np.ndarray) -> None:
        k = complete_width(self.n_components, X, type(self).__name__)
        coordinates = principal_whitening(X, k)
        white = (X - coordinates.mean) @ coordinates.forward
        W = self._unmix(white)
        D = np.linalg.pinv(W).T @ coordinates.backward
        self.components_ = D * skewness_signs(white @ W.T)[:, None]
        self.mean_ = coordinates.mean - coordinates.mean @ np.linalg.pinv(D) @ D

    def _encoder(self) -> Encoder:
        return self._linear(np.linalg.pinv(to_numpy(self.components_)), Identity())


@final
@dataclass(eq=False, repr=False, kw_only=True)
class FastICA(LinearUnmixing):
    """Independent components by the fixed-point iteration of scikit-learn's FastICA.

    The directions are rows of ``mixing_.T``, never the unmixing matrix.

    Parameters
    ----------
    n_components : int, optional
        At most, and by default, ``min(n_samples, d)``.
    fun : {"logcosh", "exp", "cube"}
        Contrast.
    max_iter : int
    tol : float
        Change of the unmixing matrix at which to stop.

    References
    ----------
    Hyvärinen & Oja 2000, Independent component analysis: algorithms and applications.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="ica",
        solves="Up to d independent non-Gaussian sources, mixed linearly.",
        paper="Hyvärinen & Oja 2000, Independent component analysis: algorithms and applications",
        cost="O(N d^2)",
        fails="with more features than dimensions: every direction is then a compromise",
        hints={},
    )

    fun: Literal["logcosh", "exp", "cube"] = "logcosh"
    max_iter: int = 200
    tol: float = 1e-4

    def _unmix(self, white: np.ndarray) -> np.ndarray:
        from sklearn.decomposition import FastICA as SklearnFastICA

        ica = SklearnFastICA(
            whiten=False,
            fun=self.fun,
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=self._rng(),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            ica.fit(white)
        self.n_iter_ = int(ica.n_iter_)
        self.status_ = FitStatus.MAX_ITER if self.n_iter_ >= self.max_iter else FitStatus.CONVERGED
        return ica.components_


@final
class Picard(LinearUnmixing):
    """Independent components by preconditioned quasi-Newton maximum likelihood.

    Parameters
    ----------
    n_components : int, optional
        At most, and by default, ``min(n_samples, d)``.
    max_iter : int
    tol : float
        Largest entry of the relative gradient at which to stop.

    References
    ----------
    Ablin, Cardoso & Gramfort 2018, Faster independent component analysis by preconditioning
    with Hessian approximations.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="ica",
        solves="Up to d independent non-Gaussian sources; maximum likelihood, not orthogonal.",
        paper="Ablin, Cardoso & Gramfort 2018, Faster ICA by preconditioning with Hessian "
        "approximations",
        cost="O(N d^2)",
        fails="with more features than dimensions: every direction is then a compromise",
        hints={},
    )

    def _unmix(self, white: np.ndarray) -> np.ndarray:
        from picard import picard

        start = self._rng().standard_normal((white.shape[1],) * 2)
        with warnings.catch_warnings():
            # Said through status_, like every method's.
            warnings.filterwarnings("ignore", message="Picard did not converge")
            _, W, _, self.n_iter_ = picard(
                white.T.astype(np.float64),
                ortho=False,
                extended=True,
                whiten=False,
                centering=False,
                w_init=np.linalg.qr(start)[0],
                max_iter=self.max_iter,
                tol=self.tol,
                return_n_iter=True,
            )
        self.status_ = FitStatus.MAX_ITER if self.n_iter_ >= self.max_iter else FitStatus.CONVERGED
        return W
