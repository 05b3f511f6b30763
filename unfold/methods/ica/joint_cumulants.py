"""The joint fit of cumulants for dense codes: where it starts, which atoms it exchanges."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unfold.arrays import unit_rows
from unfold.deadline import check_time
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.ica.cumulants import Cumulants, cumulants
from unfold.methods.ica.sources import IndependentSources, skewed
from unfold.methods.ica.subspace_power import (
    flattening_rank,
    rank_one_points,
    stacked_span,
)
from unfold.methods.ica.tensor_fit import (
    CumulantFit,
    contributions,
    fit_cumulants,
    residual_points,
    shifted,
    subset,
)
from unfold.same_direction import SAME, distinct

#: Phases of the fit: how strongly coefficients are tied across atoms, for how many steps.
TIED = ((10.0, 25),)
LOOSE = ((0.5, 15),)
FREE = ((0.0, 30),)

#: Most dimensions: the tensor of order 5 holds d^5 numbers.
MOST_DIMENSIONS = 40
#: Misfit, loss a degree of freedom, from which the model is wrong, and below which there is nothing
#: left to add a term for: 1 where it holds, less the entries that noise is correlated in.
MISFIT, FITTED = 1.3, 0.9
#: Relative decrease of the loss for which a change of terms is kept: above rounding.
GAIN = 1e-4
#: Loss that a free coefficient, and a parameter of a new term, must save: one each by chance.
WORTH, PRICE = 2.0, 10.0
#: Shares of the median contribution below which a term is exchanged, and dropped.
WEAK, FAR_WEAKER = 0.4, 0.2


def misfit(fit: CumulantFit) -> float:
    """Return the loss per degree of freedom."""
    return fit.loss / max(fit.freedom, 1)


def fit_dense(
    moments: Cumulants,
    n: int | None,
    generator: torch.Generator,
    *,
    start: Tensor | None = None,
    max_exchanges: int = 4,
) -> CumulantFit:
    """Fit ``n`` directions, or as many as the data tell, to the cumulants.

    Parameters
    ----------
    moments : Cumulants
    n : int or None
    generator : torch.Generator
    start : Tensor of shape (m, rank), optional
        Whitened directions already known.
    max_exchanges : int
    """
    d = moments.white.rank
    # at least two samples a parameter, however many directions there may be
    most = max(2, min(6 * d, moments.n_samples // (2 * (d + 3))))
    size = n if n is not None else min(2 * d, flattening_rank(d), most)
    A = start_points(moments, size, generator, start)
    fit = fit_cumulants(moments, A, phases=TIED)
    if n is None:
        fit = grown(moments, fit, generator, most)
    fit = exchanged(moments, fit, generator, max_exchanges)
    if n is not None:
        fit = swapped(moments, fit, generator, max_exchanges)
    loose = fit_cumulants(moments, fit.atoms, fit.coefficients, phases=LOOSE)
    loose = exchanged(moments, loose, generator, max_exchanges, phases=LOOSE)
    if n is None:
        loose = pruned(moments, loose)
    free = fit_cumulants(moments, loose.atoms, loose.coefficients, phases=FREE)
    # freeing n coefficients an order must buy more than the noise they can fit
    worth = loose.loss - free.loss > WORTH * free.coefficients.numel()
    best = free if worth else loose
    flip = torch.where(best.coefficients[:, 0] < 0, -1.0, 1.0).double()
    return subset(best, torch.arange(len(best.atoms)), flip=flip)


def start_points(
    moments: Cumulants, n: int, generator: torch.Generator, known: Tensor | None
) -> Tensor:
    """Return ``n`` unit vectors: those known, rank-one points of the span, then random ones."""
    d = moments.white.rank
    parts = [] if known is None else [unit_rows(known.double())[:n]]
    span = stacked_span(moments, min(n, flattening_rank(d)))
    found, values = rank_one_points(span, d, 12 * min(n, span.shape[1]), generator)
    parts.append(found[distinct(found, values, positive=False)])
    noise = torch.randn(n, d, generator=generator, dtype=torch.float64).to(found.device)
    A = torch.cat(parts)
    A = A[distinct(A, positive=False)][:n]
    return torch.cat([A, unit_rows(noise)[: n - len(A)]])


def weak(moments: Cumulants, fit: CumulantFit, share: float = WEAK) -> Tensor:
    """Return a mask of terms that add little, or nearly repeat a stronger one."""
    value = contributions(moments, fit)
    low = value < share * value.median()
    kept = distinct(unit_rows(fit.atoms), value, cosine=SAME, positive=False)
    repeated = torch.ones_like(low)
    repeated[kept] = False
    return low | repeated


def exchanged(
    moments: Cumulants,
    fit: CumulantFit,
    generator: torch.Generator,
    rounds: int,
    phases: tuple[tuple[float, int], ...] = TIED,
) -> CumulantFit:
    """Replace weak terms by what the residual points to, while that lowers the loss."""
    for _ in range(rounds):
        check_time()
        out = weak(moments, fit)
        count = int(out.sum())
        if count == 0 or count == len(out):
            break
        kept = subset(fit, torch.nonzero(~out)[:, 0])
        fresh = residual_points(moments, kept, count, generator)
        trial = shifted(kept, fresh, moments)
        trial = fit_cumulants(moments, trial.atoms, trial.coefficients, phases=phases)
        if len(fresh) < count or not trial.loss < fit.loss - GAIN * abs(fit.loss):
            break
        fit = trial
    return fit


def swapped(
    moments: Cumulants, fit: CumulantFit, generator: torch.Generator, rounds: int
) -> CumulantFit:
    """Add what the residual points to and then drop the weakest, while that lowers the loss.

    A term between two directions is not weak, so that exchanges do not find it; with a term more
    it moves to one of the two.
    """
    n = len(fit.atoms)
    for _ in range(rounds):
        check_time()
        fresh = residual_points(moments, fit, max(2, n // 16), generator)
        more = shifted(fit, fresh, moments)
        more = fit_cumulants(moments, more.atoms, more.coefficients, phases=TIED)
        value = contributions(moments, more)
        value[weak(moments, more, 0.0)] = 0.0
        trial = subset(more, value.argsort(descending=True)[:n].sort().values)
        trial = fit_cumulants(moments, trial.atoms, trial.coefficients, phases=TIED)
        if not trial.loss < fit.loss - GAIN * abs(fit.loss):
            break
        fit = trial
    return fit


def grown(
    moments: Cumulants,
    fit: CumulantFit,
    generator: torch.Generator,
    most: int,
    growth: float = 0.2,
) -> CumulantFit:
    """Add terms that the residual points to, until they no longer pay; then drop weak ones."""
    d = moments.white.rank
    for _ in range(20):
        room = min(max(2, int(growth * len(fit.atoms))), most - len(fit.atoms))
        if misfit(fit) < FITTED or room < 1:
            break
        fresh = residual_points(moments, fit, room, generator)
        trial = shifted(fit, fresh, moments)
        trial = fit_cumulants(moments, trial.atoms, trial.coefficients, phases=TIED)
        trial = pruned(moments, trial)
        price = PRICE * (d + 3) * max(len(trial.atoms) - len(fit.atoms), 1)
        if len(trial.atoms) <= len(fit.atoms) or fit.loss - trial.loss < price:
            return trial if trial.loss < fit.loss else fit
        fit = trial
    return pruned(moments, fit)


def pruned(moments: Cumulants, fit: CumulantFit, share: float = FAR_WEAKER) -> CumulantFit:
    """Drop terms far weaker than the typical one, and fit the rest anew."""
    out = weak(moments, fit, share)
    if not bool(out.any()) or bool(out.all()):
        return fit
    kept = subset(fit, torch.nonzero(~out)[:, 0])
    return fit_cumulants(moments, kept.atoms, kept.coefficients, phases=LOOSE)


@dataclass(eq=False, repr=False, kw_only=True)
class JointCumulants(IndependentSources):
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
        family="ica",
        solves="least squares of rank-one terms on cumulants of orders 3, 4, 5 (6 for d <= 8)",
        paper="own; after De Lathauwer, Castaing and Cardoso 2007",
        cost="O(N d^5 / 120) for the moments, once; O(k^3 d^3 / 3) a Gauss-Newton step",
        fails="d > 40; k above 4 d; fewer than about 1e4 samples; Gaussian or dependent sources",
        enumerates=True,
    )
    backend: ClassVar = "torch"

    max_exchanges: int = 4

    def _fit(self, X: Tensor) -> None:
        if X.shape[1] > MOST_DIMENSIONS:
            raise ValueError(
                f"JointCumulants holds tensors of d^5 numbers; d = {X.shape[1]} is beyond "
                f"{MOST_DIMENSIONS}. Use TailPower."
            )
        generator = torch.Generator().manual_seed(int(self._rng().randint(2**31)))
        moments = cumulants(X)
        fit = fit_dense(moments, self.n_components, generator, max_exchanges=self.max_exchanges)
        self.components_ = moments.white.directions(fit.atoms)
        self.coefficients_ = fit.coefficients
        self.positive_ = skewed(X, moments.white, fit.atoms)
        self.misfit_ = misfit(fit)
        self.n_iter_ = fit.n_iter
        if self.misfit_ > MISFIT:
            self.status_ = FitStatus.STALLED
