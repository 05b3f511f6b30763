"""Penalties on codes, each the sole owner of its mathematics.

Sparse inference minimises ``1/2 ||x - z D||^2 + alpha * penalty(z)`` per sample, summed over
dimensions: the convention of `sklearn.decomposition.sparse_encode`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.base import BaseEstimator

from unfold.arrays import is_tensor


class Penalty(BaseEstimator, ABC):
    """Abstract penalty, separable over atoms."""

    name: str

    @abstractmethod
    def value(self, Z: Any) -> Any:
        """Return the penalty per sample, of shape (n,), of codes (n, k)."""


@final
class L1(Penalty):
    """The sum of absolute values: the convex stand-in for a count."""

    name = "l1"

    def value(self, Z: Any) -> Any:
        """Return ``sum_j |z_j|``."""
        return abs(Z).sum(1)


@final
class L0(Penalty):
    """The count of active atoms; use with ``n_nonzero`` or ``error``."""

    name = "l0"

    def value(self, Z: Any) -> Any:
        """Return the number of non-zeros."""
        return (Z != 0).sum(1)


@final
@dataclass(eq=False, repr=False)
class ElasticNet(Penalty):
    """Sum of absolute values and a ridge, ``|z|_1 + ridge/2 |z|_2^2`` (Zou and Hastie, 2005).

    Parameters
    ----------
    ridge : float
        Weight of the ridge relative to the absolute values, at least 0.
    """

    name = "elastic_net"

    ridge: float = 0.1

    def value(self, Z: Any) -> Any:
        """Return ``sum_j |z_j| + ridge/2 z_j^2``."""
        return abs(Z).sum(1) + 0.5 * self.ridge * (Z**2).sum(1)


@final
@dataclass(eq=False, repr=False)
class LogSum(Penalty):
    """Concave penalty ``sum_j epsilon log(1 + |z_j| / epsilon)``, of slope 1 at zero.

    Solved by reweighted L1 (Candes, Wakin and Boyd, 2008): it finds sparser codes than L1 does, and
    shrinks large ones less.

    Parameters
    ----------
    epsilon : float
        Magnitude, above 0, at which an active atom's weight has halved.
    """

    name = "log_sum"

    epsilon: float = 0.1

    def value(self, Z: Any) -> Any:
        """Return ``sum_j epsilon log(1 + |z_j| / epsilon)``."""
        ratio = abs(Z) / self.epsilon
        return self.epsilon * (ratio.log1p() if is_tensor(Z) else np.log1p(ratio)).sum(1)

    def weights(self, Z: Any) -> Any:
        """Return the slopes ``epsilon / (epsilon + |z_j|)``: the weights of the next L1 problem."""
        return self.epsilon / (self.epsilon + abs(Z))


NAMES: dict[str, type[Penalty]] = {p.name: p for p in (L1, L0, ElasticNet, LogSum)}


def as_penalty(penalty: str | Penalty) -> Penalty:
    """Return a penalty given itself or its name.

    Raises
    ------
    ValueError
        If the name is not known; the message lists those that are.
    """
    if isinstance(penalty, Penalty):
        return penalty
    if penalty not in NAMES:
        raise ValueError(f"Unknown penalty {penalty!r}: give one of {sorted(NAMES)} or an object.")
    return NAMES[penalty]()
