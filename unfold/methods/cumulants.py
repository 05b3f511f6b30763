"""Directions from a joint fit of the third, fourth and fifth cumulants."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from unfold.directions.codes import sharp_codes
from unfold.directions.dense import fit_dense, misfit
from unfold.directions.moments import cumulants
from unfold.methods.base import MethodCard, Recovery
from unfold.solution import Status


class JointCumulants(Recovery):
    """Joint fit of third- to fifth-order cumulants by rank-one terms (to sixth for d <= 8).

    Every order of the cumulants is ``sum_i c_ri a_i^(x r)`` in the same atoms. Fitting all
    orders together by damped Gauss-Newton, coefficients first tied across atoms and then free,
    finds the directions of dense codes (densities to .5 and more) that no sparse method sees.
    Weak terms are exchanged for ones that the residual points to, and the weighted residual
    tells whether the fit succeeded and how many directions there are.

    Parameters
    ----------
    n_components : int, optional
        How many directions; unless given, terms are added while each buys more than its noise.
    max_exchanges : int
        Rounds of exchanging weak terms.
    random_state : int, RandomState or None

    Attributes
    ----------
    misfit_ : float
        Weighted squared residual per degree of freedom: near 1, or a little less, on success.
    coefficients_ : Tensor of shape (n_components_, n_orders)
        Standardised cumulants of each source, from order 3 up.

    References
    ----------
    De Lathauwer, Castaing and Cardoso (2007), Fourth-order cumulant-based blind identification
    of underdetermined mixtures. Comon and Rajih (2006), Blind identification of
    under-determined mixtures based on the characteristic function.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="moments",
        solves="least squares of rank-one terms on cumulants of orders 3, 4, 5 (6 for d <= 8)",
        paper="own; after De Lathauwer, Castaing and Cardoso 2007",
        cost="O(N d^5 / 120) for the moments, once; O(k^3 d^3 / 3) a Gauss-Newton step",
        fails="d > 40; k above 4 d; fewer than about 1e4 samples; Gaussian or dependent sources",
        enumerates=True,
    )
    backend: ClassVar = "torch"

    def __init__(
        self,
        n_components: int | None = None,
        *,
        max_exchanges: int = 4,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.max_exchanges = max_exchanges
        self.random_state = random_state

    def _fit(self, X: Tensor) -> None:
        if X.shape[1] > 40:
            raise ValueError(
                f"JointCumulants holds tensors of d^5 numbers; d = {X.shape[1]} is beyond 40. "
                f"Use TailPower."
            )
        generator = torch.Generator().manual_seed(int(self._rng().randint(2**31)))
        moments = cumulants(X)
        fit = fit_dense(moments, self.n_components, generator, max_exchanges=self.max_exchanges)
        self.components_ = moments.white.directions(fit.atoms)
        self.coefficients_ = fit.coefficients
        self.misfit_ = misfit(fit)
        self.n_iter_ = fit.n_iter
        if self.misfit_ > 1.3:
            self.status_ = Status.STALLED

    def _encode(self, X: Tensor) -> Tensor:
        return sharp_codes(X, self.components_, self.mean_)
