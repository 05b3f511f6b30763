"""Overcomplete independent component analysis by a soft reconstruction constraint."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square
from unfold.methods.atoms import drawn_samples, skewness_signs, width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder
from unfold.methods.ica.whitening import principal_whitening


@final
@dataclass(eq=False, repr=False, kw_only=True)
class ReconstructionICA(SparseCoder):
    """Overcomplete ICA: sparse responses whose filters, transposed, must rebuild white data.

    Minimises ``mean ||W'W y - y||^2 + sparsity * sum log cosh(W y)`` over ``W`` (k, d) by L-BFGS.

    Parameters
    ----------
    n_components : int, optional
        By default four a dimension.
    sparsity : float
        Weight of the sparseness of responses.
    positive : bool
        Whether codes of `transform` are non-negative.
    alpha : float
        Weight of the L1 penalty in `transform`, as a share of the root mean square norm.
    max_iter : int
    max_samples : int
        Samples used, drawn at random where there are more.

    References
    ----------
    Le, Karpenko, Ngiam & Ng 2011, ICA with reconstruction cost for efficient overcomplete
    feature learning.
    """

    search_space: ClassVar = {"sparsity": (0.05, 0.2, 0.5), "alpha": (0.02, 0.1)}
    card: ClassVar[MethodCard] = MethodCard(
        family="ica",
        solves="Mildly overcomplete sparse sources.",
        paper="Le, Karpenko, Ngiam & Ng 2011, ICA with reconstruction cost",
        cost="O(N k d)",
        fails="linear responses cannot cancel interference: far from exact beyond k of about 2 d",
        hints={"n_components": "n_features", "positive": "positive"},
    )

    sparsity: float = 0.2
    max_iter: int = 200
    max_samples: int = 10_000

    def _fit(self, X: np.ndarray) -> None:
        from scipy.optimize import minimize

        rng = self._rng()
        self.scale_ = root_mean_square(X)
        k = width(self.n_components, X)
        if len(X) > self.max_samples:
            X = X[rng.choice(len(X), self.max_samples, replace=False)]
        coordinates = principal_whitening(X, min(X.shape))
        Y = (X - coordinates.mean) @ coordinates.forward
        # Rows such that W'W is near the identity, as a tight frame has it.
        start = drawn_samples(Y, k, rng) * np.sqrt(Y.shape[1] / k)
        result = minimize(
            reconstruction_cost,
            start.ravel(),
            args=(Y, self.sparsity),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": self.max_iter},
        )
        self.n_iter_ = int(result.nit)
        self.status_ = FitStatus.MAX_ITER if result.status == 1 else FitStatus.CONVERGED
        W = result.x.reshape(k, -1)
        self.components_ = (W * skewness_signs(Y @ W.T)[:, None]) @ coordinates.backward


def reconstruction_cost(flat: np.ndarray, Y: np.ndarray, sparsity: float) -> tuple[float, Any]:
    """Return the cost of reconstruction ICA and its gradient, at flattened ``W`` (k, d)."""
    W = flat.reshape(-1, Y.shape[1])
    response = Y @ W.T
    error = response @ W - Y
    cosh = np.logaddexp(response, -response) - np.log(2)
    cost = (error**2).sum() + sparsity * cosh.sum()
    back = 2 * error @ W.T + sparsity * np.tanh(response)
    grad = back.T @ Y + 2 * response.T @ error
    return float(cost) / len(Y), grad.ravel() / len(Y)
