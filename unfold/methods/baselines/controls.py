"""Floors: directions that cost nothing, and that any method worth its name must beat."""

from typing import Any, ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square, to_numpy
from unfold.io.formats.encoder import Encoder, Identity, Relu
from unfold.methods.atoms import (
    complete_width,
    drawn_samples,
    skewness_signs,
    width,
)
from unfold.methods.base import MethodCard
from unfold.methods.codes import Encoded, SparseCoder


@final
class RandomDirections(SparseCoder):
    """Directions drawn uniformly from the sphere: what chance scores.

    Codes are the non-negative least-cost ones, `unfold.sparse_encode` at ``alpha``.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension.
    alpha : float
        Weight of the L1 penalty, as a share of the root mean square norm of the samples.
    positive : bool
        Whether codes are non-negative.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="baselines",
        solves="Nothing: the chance level of every score.",
        paper="own",
        cost="O(k d)",
        fails="always, by design",
    )

    def _fit(self, X: np.ndarray) -> None:
        self.components_ = self._rng().standard_normal((width(self.n_components, X), X.shape[1]))
        self.scale_ = root_mean_square(X)


@final
class DataPoints(SparseCoder):
    """Samples themselves as directions: right wherever a feature is often active alone.

    Samples are drawn with probability proportional to their squared norm, without replacement.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension.
    alpha : float
        Weight of the L1 penalty, as a share of the root mean square norm of the samples.
    positive : bool
        Whether codes are non-negative.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="baselines",
        solves="Directions of samples with one active feature, at the rate they occur.",
        paper="own",
        cost="O(N d)",
        fails="where several features are active at once; finds one feature many times over",
    )

    def _fit(self, X: np.ndarray) -> None:
        self.components_ = drawn_samples(X, width(self.n_components, X), self._rng())
        self.scale_ = root_mean_square(X)


@final
class Neurons(Encoded):
    """The coordinate axes, each in both senses: "every neuron is a feature".

    Codes are the positive and the negative part of every coordinate, so that they reconstruct
    the sample exactly.

    Parameters
    ----------
    random_state : object
        Ignored; there is nothing to draw.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="baselines",
        solves="Activations in a privileged basis without superposition.",
        paper="own",
        cost="O(d^2)",
        fails="wherever features are not aligned with neurons",
        hints={},
    )
    centres: ClassVar[bool] = False  # a neuron is silent at zero

    def __init__(self, *, random_state: Any = 0) -> None:
        self.random_state = random_state

    def _fit(self, X: np.ndarray) -> None:
        self.components_ = np.concatenate([np.eye(X.shape[1]), -np.eye(X.shape[1])])

    def _encoder(self) -> Encoder:
        return self._linear(to_numpy(self.components_).T, Relu())


@final
class PCA(Encoded):
    """Principal directions, by singular value decomposition of the centred data.

    Signs make every direction positively skewed; codes are the signed coordinates.

    Parameters
    ----------
    n_components : int, optional
        At most, and by default, ``min(n_samples, d)``.
    random_state : object
        Ignored; there is nothing to draw.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="baselines",
        solves="The subspace that holds most variance; no rotation inside it is identified.",
        paper="Pearson 1901, On lines and planes of closest fit to systems of points in space",
        cost="O(N d^2), once",
        fails="on any overcomplete or non-orthogonal dictionary",
        hints={},
    )

    def _fit(self, X: np.ndarray) -> None:
        k = complete_width(self.n_components, X, "pca")
        self.mean_ = X.mean(axis=0)
        centred = X - self.mean_
        axes = np.linalg.svd(centred, full_matrices=False)[2][:k]
        self.components_ = axes * skewness_signs(centred @ axes.T)[:, None]

    def _encoder(self) -> Encoder:
        return self._linear(to_numpy(self.components_).T, Identity())
