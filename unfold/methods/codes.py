"""Sparse codes, starting points and signs, for methods that learn a dictionary alone."""

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from unfold.arrays import is_tensor, like, to_numpy
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.encoder import Activation, Encoder, Linear
from unfold.io.formats.solved import AtMost, Lasso, Sparsest, SubspacePursuit, TreePursuit
from unfold.methods.base import Recovery

#: Least residual norm that is asked for, and how much of one is the solver's own rounding.
EXACT, ROUNDING = 1e-12, 1e-3
#: L1 penalty of codes under noise, in its standard deviations at an atom.
ALPHA = 2.0


@dataclass(frozen=True, eq=False)
class Fit:
    """Codes of few atoms a sample, and how well they fit.

    Attributes
    ----------
    codes : csr_array of shape (n, k)
    residual : ndarray of shape (n,)
        Residual norm per sample.
    support : ndarray of shape (n,)
        Active atoms per sample.
    met : ndarray of shape (n,), bool
        Whether the sample met the tolerance with as few atoms as allowed.
    """

    codes: sparse.csr_array
    residual: np.ndarray
    support: np.ndarray
    met: np.ndarray

    @property
    def share(self) -> float:
        """Share of samples that met the tolerance."""
        return float(self.met.mean())


def pursue(X: np.ndarray, D: np.ndarray, n_nonzero: int, error: float) -> Fit:
    """Code samples, non-negatively, over at most ``n_nonzero`` atoms or to residual ``error``."""
    from unfold.sparse_coding.forms import AtMost
    from unfold.sparse_coding.problem import Options, SparseProblem
    from unfold.sparse_coding.solvers.omp import OMP

    n_nonzero = max(1, min(n_nonzero, X.shape[1], len(D)))
    problem = SparseProblem(AtMost(n_nonzero, error), X, D)
    codes = sparse.csr_array(OMP().solve(problem, Options(sparse_output=True)).codes)
    codes.eliminate_zeros()
    residual = np.linalg.norm(X - codes @ D, axis=1)
    met = residual <= max(error, EXACT) * (1 + ROUNDING)
    return Fit(codes, residual, np.diff(codes.indptr), met)


class Encoded(Recovery):
    """Abstract method whose codes are those of an encoder with a name, so that files can hold it.

    A subclass writes ``_encoder()``; a file of its dictionary then gives the same codes.
    """

    @abstractmethod
    def _encoder(self) -> Encoder:
        """Return the encoder of the fitted dictionary."""

    def _linear(self, weights: np.ndarray, activation: Activation) -> Encoder:
        """Return the encoder ``activation((x - mean) @ weights)``."""
        bias = np.zeros(weights.shape[1], weights.dtype)
        return Linear(weights, bias, to_numpy(self.mean_), activation)

    def _exported(self) -> Dictionary:
        return replace(super()._exported(), encoder=self._encoder())

    def _encode(self, X: Any) -> Any:
        return encoded(self._exported(), X)


@dataclass(eq=False, repr=False, kw_only=True)
class SparseCoder(Encoded):
    """Abstract method whose codes are the L1 codes over its dictionary.

    Parameters
    ----------
    alpha : float
        Weight of the L1 penalty, as a share of the root mean square norm of the training samples:
        results do not depend on the units of ``X``.
    positive : bool
        Whether codes are non-negative.

    Attributes
    ----------
    scale_ : float
        Root mean square norm of the training samples about ``mean_``.
    """

    alpha: float = 0.05
    positive: bool = True
    scale_: float = field(init=False)

    def _encoder(self) -> Encoder:
        return Lasso(self.alpha * self.scale_, self.positive)


def encoded(found: Dictionary, X: Any) -> Any:
    """Return the codes of a dictionary's encoder.

    Parameters
    ----------
    found : Dictionary
        With an encoder.
    X : array or tensor of shape (n, d)

    Returns
    -------
    array or tensor of shape (n, m)
    """
    D, mean, encoder = like(found.atoms, X), like(found.offset, X), found.encoder
    match encoder:
        case Lasso():
            return sparse_codes(X - mean, D, encoder.alpha, positive=encoder.positive)
        case Sparsest(positive=True):
            return sparsest_codes(X, D, mean, noise=encoder.noise)
        case Sparsest():
            both = np.concatenate([found.atoms, -found.atoms])
            codes = sparsest_codes(X, like(both, X), mean, noise=encoder.noise)
            return codes[:, : len(D)] - codes[:, len(D) :]
        case AtMost():
            from unfold.sparse_coding.encode import sparse_encode

            most = min(encoder.n_nonzero, *D.shape)
            return sparse_encode(
                X - mean, D, penalty="l0", n_nonzero=most, positive=encoder.positive
            ).codes
    Y = to_numpy(X)
    match encoder:
        case SubspacePursuit():
            from unfold.sparse_coding.subspace_pursuit import subspace_pursuit

            codes = subspace_pursuit(
                Y - to_numpy(mean),
                np.asarray(found.atoms, np.float64),
                encoder.groups,
                max_active=encoder.max_active,
                tolerance=encoder.tolerance,
            )
        case TreePursuit():
            from unfold.sparse_coding.trees import tree_pursuit

            centred = Y - to_numpy(mean)
            codes = tree_pursuit(centred, to_numpy(D), encoder.parents, encoder.least).toarray()
        case _:
            codes = found.encode(Y)
    return like(codes, X)


def sparse_codes(X: Any, D: Any, alpha: float, *, positive: bool = True) -> Any:
    """Return L1 codes of ``X`` over ``D``, as `unfold.sparse_encode` finds them."""
    from unfold.sparse_coding.encode import sparse_encode

    return sparse_encode(X, D, alpha=alpha, positive=positive).codes


def sparsest_codes(
    X: Any, D: Any, mean: Any, *, noise: float = 0.0, n_nonzero: int | None = None
) -> Any:
    """Return non-negative codes of ``X ~ Z @ D + mean`` with as few active atoms as it takes.

    Without noise a non-negative pursuit to half of the dimension comes first; samples that it does
    not fit get L1 codes, reweighted twice so that large codes are hardly shrunk. Under noise they
    are L1 codes without the atoms that noise might have chosen (`worthwhile_codes`).

    Parameters
    ----------
    X : array or tensor of shape (n, d)
    D : array or tensor of shape (k, d)
        Unit rows.
    mean : array or tensor of shape (d,)
    noise : float
        Standard deviation of the noise per coordinate.
    n_nonzero : int, optional
        Most atoms of a sample; half of the dimension unless given.

    Returns
    -------
    array or tensor of shape (n, k)
    """
    if is_tensor(X):
        found = sparsest_codes(
            to_numpy(X), to_numpy(D), to_numpy(mean), noise=noise, n_nonzero=n_nonzero
        )
        return like(found, X)
    Y = np.asarray(X, np.float64) - to_numpy(mean)
    D = np.asarray(to_numpy(D), np.float64)
    if noise > 0 and n_nonzero is None:
        return worthwhile_codes(Y, D, noise)
    d = Y.shape[1]
    most = max(1, d // 2) if n_nonzero is None else n_nonzero
    # without noise the tolerance goes with each sample's norm, so that codes scale with it
    norms = np.ones(len(Y)) if noise > 0 else np.linalg.norm(Y, axis=1)
    Y = Y / np.where(norms > 0, norms, 1.0)[:, None]
    fit = pursue(Y, D, most, 1.1 * noise * np.sqrt(d) if noise > 0 else 1e-4)
    codes = fit.codes.toarray()
    hard = np.flatnonzero(~fit.met)
    if len(hard):
        alpha, epsilon = (2.0 * noise, 10.0 * noise) if noise > 0 else (1e-3, 0.1)
        codes[hard] = reweighted_codes(Y[hard], D, alpha, epsilon)
    return codes * norms[:, None]


def worthwhile_codes(X: np.ndarray, D: np.ndarray, noise: float) -> np.ndarray:
    """Return non-negative codes under noise: L1 codes, less the atoms that noise might have chosen.

    Of k atoms the one that fits noise best lowers half the squared residual by ``noise^2 log k``.

    References
    ----------
    Foster & George 1994, The risk inflation criterion for multiple regression.
    """
    from unfold.sparse_coding.encode import sparse_encode

    price = noise**2 * float(np.log(max(2, len(D))))
    codes = sparse_encode(X, D, alpha=ALPHA * noise, positive=True, prune=price).codes
    return np.asarray(codes)


def reweighted_codes(
    X: np.ndarray, D: np.ndarray, alpha: float, epsilon: float, n_reweights: int = 2
) -> np.ndarray:
    """Return non-negative L1 codes, reweighted by ``1 / (1 + z / epsilon)`` some times.

    References
    ----------
    Candes, Wakin and Boyd (2008), Enhancing sparsity by reweighted L1 minimization.
    """
    from unfold.sparse_coding.encode import sparse_encode
    from unfold.sparse_coding.forms import Lasso
    from unfold.sparse_coding.problem import Options, SparseProblem
    from unfold.sparse_coding.solvers.active_set import ActiveSet

    codes = np.asarray(sparse_encode(X, D, alpha=alpha, positive=True, tol=1e-4).codes)
    for _ in range(n_reweights):
        weights = alpha / (1 + codes / epsilon)
        problem = SparseProblem(Lasso(weights), X, D)
        codes = np.asarray(ActiveSet().solve(problem, Options(tol=1e-4)).codes)
    return codes
