"""A problem: activations that anyone may see, and the truth that only the scorer may."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Observed:
    """All that a method ever sees.

    Attributes
    ----------
    train, test : ndarray of shape (N, d), float32
    """

    train: np.ndarray
    test: np.ndarray

    def __repr__(self) -> str:
        """Return the shapes."""
        return f"Observed(train={self.train.shape}, test={self.test.shape})"


@dataclass(frozen=True, eq=False)
class Truth:
    """What made the activations; it never enters a process that runs a method.

    Attributes
    ----------
    directions : ndarray of shape (k, d)
        Unit rows, one a feature; zero rows where a trained model gave a feature no direction.
    norms : ndarray of shape (k,)
        Length of each feature's vector: ``observed = codes @ (norms[:, None] * directions)``
        (+ bias, noise, nonlinearity as the spec says).
    represented : ndarray of shape (k,), bool
        Which features the model gave a direction worth the name; only these are scored.
    codes_train, codes_test : ndarray or csr_array of shape (N, k)
        Feature activations, in the units of the features themselves.
    density : ndarray of shape (k,)
        Declared probability that a feature is active.
    positive : bool
        Whether codes are non-negative, so that directions carry a sign.
    bias : ndarray of shape (d,)
        Constant added to every activation.
    group : ndarray of shape (k,), optional
        Where features have several dimensions: which feature each direction is a coordinate of.
        Only the span of a feature's directions is meant, in no basis.
    """

    directions: np.ndarray
    norms: np.ndarray
    represented: np.ndarray
    codes_train: np.ndarray | csr_array
    codes_test: np.ndarray | csr_array
    density: np.ndarray
    positive: bool
    bias: np.ndarray
    group: np.ndarray | None = None

    def __repr__(self) -> str:
        """Return how many features there are."""
        k, d = self.directions.shape
        if self.group is not None:
            n = len(np.unique(self.group))
            return f"Truth({n} features of {k // n} dimensions in {d} dimensions)"
        return f"Truth({k} features in {d} dimensions, {int(self.represented.sum())} represented)"


@dataclass(frozen=True, eq=False)
class Problem:
    """A benchmark instance: a versioned id and a seed determine every bit of it.

    Attributes
    ----------
    id : str
        Versioned name, as in "relu-20in5-p0.05/v1"; "custom" specs get a name from their hash.
    seed : int
    spec : Mapping
        JSON description of the world, the model and the sampling.
    digest : str
        SHA-256 over all tensors, observed and true.
    observed : Observed
    truth : Truth
    """

    id: str
    seed: int
    spec: Mapping[str, Any]
    digest: str
    observed: Observed
    truth: Truth

    def __repr__(self) -> str:
        """Return the name, the seed and the sizes."""
        (n, d), k = self.observed.train.shape, len(self.truth.directions)
        return f"Problem({self.id!r}, seed={self.seed}, {k} features in {d} dimensions, n={n})"
