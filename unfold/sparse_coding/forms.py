"""What a sparse code minimises: each form owns its parameters, its value and its words.

Sparse inference minimises ``1/2 ||x - z D||^2 + alpha * penalty(z)`` per sample, summed over
dimensions (the convention of `sklearn.decomposition.sparse_encode`), or one of the constrained
forms. Parameters that a form has no use for stand at the value that does nothing.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from unfold.arrays import is_tensor


class Form(ABC):
    """Abstract form of the problem.

    Attributes
    ----------
    name, words : str
        What messages call it, and what it says.
    alpha : float or array of shape (k,) or (n, k)
        Weights of the penalty; of constrained forms, the weights inside the norm.
    l2 : float
        Weight of the ridge ``1/2 l2 ||z||^2``.
    error : float
        Bound on the residual norm.
    n_nonzero : int
        Bound on the number of active atoms; 0 where there is none.
    """

    name: ClassVar[str]
    words: ClassVar[str]
    alpha: Any = 1.0
    error: float = 0.0
    n_nonzero: int = 0

    @property
    def l2(self) -> float:
        """Weight of the ridge."""
        return 0.0

    def weighted(self, alpha: Any) -> "Form":
        """Return the form with other weights; itself where it has none."""
        if not any(field.name == "alpha" for field in fields(self)):  # type: ignore[arg-type]
            return self
        changed: Form = replace(self, alpha=alpha)  # type: ignore[type-var]
        return changed

    def in_units(self, sample: float, atom: float) -> "Form":
        """Return the form for samples and atoms given in such units; codes are in their ratio."""
        return self

    @abstractmethod
    def value(self, X: Any, D: Any, Z: Any) -> Any:
        """Return what is minimised, per sample (n,), at codes ``Z`` (n, k)."""


def _squares(A: Any) -> Any:
    return 0.5 * (A**2).sum(1)


def _over(alpha: Any, sample: float, atom: float) -> Any:
    """Return weights in units of ``sample * atom``, by way of double precision."""
    if np.ndim(alpha) == 0:
        return float(alpha) / sample / atom
    if is_tensor(alpha):
        return (alpha.double() / sample / atom).to(alpha.dtype)
    return (np.asarray(alpha, float) / sample / atom).astype(alpha.dtype)


@dataclass(frozen=True, eq=False)
class Lasso(Form):
    """The sum of absolute values: the convex stand-in for a count (Tibshirani 1996)."""

    name = "lasso"
    words = "the lasso: 1/2 ||x - z D||^2 + sum_j alpha_j |z_j|"

    alpha: Any = 1.0

    def in_units(self, sample: float, atom: float) -> Form:
        """Return the form for samples and atoms given in such units."""
        return replace(self, alpha=_over(self.alpha, sample, atom))

    def value(self, X: Any, D: Any, Z: Any) -> Any:
        """Return ``1/2 ||x - z D||^2 + sum_j alpha_j |z_j|``."""
        return _squares(X - Z @ D) + (self.alpha * abs(Z)).sum(1)


@dataclass(frozen=True, eq=False)
class ElasticNet(Form):
    """Sum of absolute values and a ridge (Zou and Hastie 2005).

    Parameters
    ----------
    ridge : float
        Weight of the ridge relative to the absolute values, at least 0.
    alpha : float
    """

    name = "elastic_net"
    words = "the elastic net: the lasso + 1/2 l2 ||z||^2"

    ridge: float = 0.1
    alpha: Any = 1.0

    @property
    def l2(self) -> float:
        """Weight of the ridge: ``ridge * alpha``."""
        return self.ridge * float(self.alpha)

    def in_units(self, sample: float, atom: float) -> Form:
        """Return the form for samples and atoms given in such units."""
        return ElasticNet(self.ridge * sample / atom, _over(self.alpha, sample, atom))

    def value(self, X: Any, D: Any, Z: Any) -> Any:
        """Return the lasso's value and ``1/2 l2 ||z||^2``."""
        return Lasso(self.alpha).value(X, D, Z) + self.l2 * _squares(Z)


@dataclass(frozen=True, eq=False)
class LogSum(Form):
    """Concave penalty ``sum_j epsilon log(1 + |z_j| / epsilon)``, of slope 1 at zero.

    Solved by reweighted L1 (Candes, Wakin and Boyd, 2008): it finds sparser codes than L1 does, and
    shrinks large ones less.

    Parameters
    ----------
    epsilon : float
        Magnitude, above 0, at which an active atom's weight has halved.
    alpha : float or array of shape (k,)
    """

    name = "log_sum"
    words = "the log-sum penalty: 1/2 ||x - z D||^2 + alpha sum_j e log(1 + |z_j|/e)"

    epsilon: float = 0.1
    alpha: Any = 1.0

    def in_units(self, sample: float, atom: float) -> Form:
        """Return the form for samples and atoms given in such units."""
        return LogSum(self.epsilon * atom / sample, _over(self.alpha, sample, atom))

    def value(self, X: Any, D: Any, Z: Any) -> Any:
        """Return ``1/2 ||x - z D||^2 + sum_j alpha_j epsilon log(1 + |z_j| / epsilon)``."""
        ratio = abs(Z) / self.epsilon
        logs = ratio.log1p() if is_tensor(Z) else np.log1p(ratio)
        return _squares(X - Z @ D) + (self.alpha * self.epsilon * logs).sum(1)

    def weights(self, Z: Any) -> Any:
        """Return the slopes ``epsilon / (epsilon + |z_j|)``: the weights of the next L1 problem."""
        return self.epsilon / (self.epsilon + abs(Z))


@dataclass(frozen=True, eq=False)
class BasisPursuit(Form):
    """The least weighted sum of absolute values that fits exactly (Chen, Donoho, Saunders 1998)."""

    name = "basis_pursuit"
    words = "basis pursuit: min ||z||_1 subject to z D = x"

    alpha: Any = 1.0

    def value(self, X: Any, D: Any, Z: Any) -> Any:
        """Return ``sum_j alpha_j |z_j|``."""
        return (self.alpha * abs(Z)).sum(1)


@dataclass(frozen=True, eq=False)
class BasisPursuitDenoising(Form):
    """The least weighted sum of absolute values within an error."""

    name = "bpdn"
    words = "basis pursuit denoising: min ||z||_1 subject to ||x - z D|| <= error"

    error: float = 0.0
    alpha: Any = 1.0

    def in_units(self, sample: float, atom: float) -> Form:
        """Return the form for samples and atoms given in such units."""
        return replace(self, error=self.error / sample)

    def value(self, X: Any, D: Any, Z: Any) -> Any:
        """Return ``sum_j alpha_j |z_j|``."""
        return (self.alpha * abs(Z)).sum(1)


@dataclass(frozen=True, eq=False)
class AtMost(Form):
    """The best fit with so many active atoms."""

    name = "l0_sparsity"
    words = "L0 with at most n_nonzero active atoms"

    n_nonzero: int = 1
    error: float = 0.0

    def in_units(self, sample: float, atom: float) -> Form:
        """Return the form for samples and atoms given in such units."""
        return replace(self, error=self.error / sample)

    def value(self, X: Any, D: Any, Z: Any) -> Any:
        """Return ``1/2 ||x - z D||^2``."""
        return _squares(X - Z @ D)


@dataclass(frozen=True, eq=False)
class WithinError(Form):
    """The fewest active atoms within an error."""

    name = "l0_error"
    words = "L0 with ||x - z D|| <= error"

    error: float = 0.0

    def in_units(self, sample: float, atom: float) -> Form:
        """Return the form for samples and atoms given in such units."""
        return WithinError(self.error / sample)

    def value(self, X: Any, D: Any, Z: Any) -> Any:
        """Return the number of active atoms."""
        return (Z != 0).sum(1)


#: What `sparse_encode` calls the penalised forms.
PENALTIES: dict[str, type[Form]] = {"l1": Lasso, "elastic_net": ElasticNet, "log_sum": LogSum}
