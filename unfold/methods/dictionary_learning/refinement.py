"""Refine a dictionary until sparse samples fit exactly, and count how many do.

A round codes unit-norm samples by a non-negative pursuit that stops at a tolerance, and takes a
least-squares step over the samples that met it with few atoms. The tolerance shrinks with the
error of the dictionary: a pursuit made to fit closer than its atoms allow fills the rest with
spurious ones. Noise-free, the error falls tenfold or more a round; with noise the tolerance
stops where fits collapse, which tells the noise level.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from unfold.arrays import to_numpy, unit_rows
from unfold.deadline import check_time
from unfold.io.formats.encoder import Encoder
from unfold.io.formats.solved import Sparsest
from unfold.methods.active_samples import unit_samples
from unfold.methods.atoms import width
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import Encoded, Fit, pursue
from unfold.methods.dictionary_learning.optimal_directions import optimal_directions
from unfold.same_direction import REFINED, distinct

#: Tolerances, relative to a sample's norm: the first, which guesses within cosine .95 meet; that
#: after atoms were cleaned; the last; their ratio; and the one from which a fit is exact, no noise.
START, FRESH, STOP, SHRINK, EXACT = 0.15, 0.05, 1e-5, 0.4, 1e-3
#: Share of the samples that met the last tolerance from which the next may replace it: with noise,
#: fits collapse where the tolerance passes its level.
COLLAPSE = 0.5
#: Rounds at one tolerance after which one must bring so many times as many close fits.
PATIENCE, BETTER = 2, 1.01
#: Shares of samples fitted closely: by chance none is; that bear a refinement at the noise; below
#: which a fit is stalled.
SOME, ENOUGH, STALLED = 0.01, 0.15, 0.05
#: Residual, in tolerances, below which samples weigh alike.
CLOSE = 0.3
#: Share of its first usage below which an atom starves.
STARVING = 0.4
#: Share of the median usage below which an atom goes.
LEAST_USED = 0.1
#: Residual of a fit at the noise, in its norm: above what nearly all samples of it have.
ABOVE_NOISE = 1.2
#: An atom holds a part of another that comes with it that often, its code in a fixed ratio, to that
#: relative accuracy, in half of so many samples at least.
OFTEN, FIXED, HALF, FEWEST = 0.6, 0.02, 0.5, 5
#: Ridge of a step, as a share of the energy of an atom's codes: at the noise, and on the way to
#: rounding, which a larger one would stop short of.
RIDGE, ROUNDING_RIDGE = 1e-6, 1e-9


@dataclass(frozen=True, eq=False)
class Refined:
    """A refined dictionary with its own certificate.

    Attributes
    ----------
    dictionary : ndarray of shape (k, d)
    usage : ndarray of shape (k,)
        Share of samples in whose close fit the atom takes part.
    tolerance : float
        Relative residual that the annealing got to; the noise level where there is noise.
    exact_fraction : float
        Share of samples fitted to ``tolerance`` by few atoms.
    noise : float
        Standard deviation per coordinate that the fits leave, in the units of ``X``.
    n_iter : int
    """

    dictionary: np.ndarray
    usage: np.ndarray
    tolerance: float
    exact_fraction: float
    noise: float
    n_iter: int

    @property
    def exact(self) -> bool:
        """Whether sparse samples fit to a thousandth of their norm: no noise, right atoms."""
        return self.tolerance <= EXACT and self.exact_fraction > SOME


def anneal(
    X: np.ndarray,
    D: np.ndarray,
    *,
    n_nonzero: int,
    start: float = START,
    stop: float = STOP,
    shrink: float = SHRINK,
    max_iter: int = 30,
) -> Refined:
    """Refine ``D`` on samples ``X ~ Z @ D``, non-negative and sparse, to the noise level.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
        Start, unit rows, within about cosine .95 of the truth.
    n_nonzero : int
        Most atoms a sample; denser samples are left out of the fit.
    start, stop : float
        First and last tolerance, relative to the norm of a sample.
    shrink : float
        Factor of the tolerance between rounds.
    max_iter : int
        Most rounds; refinement ends earlier when tolerance meets ``stop`` or fits collapse.

    Returns
    -------
    Refined
    """
    scale = float(np.median(np.linalg.norm(np.asarray(X, np.float64), axis=1)))
    Y, D = unit_samples(X), np.asarray(unit_rows(D), np.float64)
    tolerance, steps, held = start, 0, 0
    fit = pursue(Y, D, n_nonzero, tolerance)
    reference = usage_of(fit)
    while steps < max_iter and fit.met.any():
        check_time()
        D = _robust_step(Y, D, fit, tolerance, start, n_nonzero, reference)
        steps += 1
        tighter = pursue(Y, D, n_nonzero, max(tolerance * shrink, stop))
        if tighter.share > COLLAPSE * fit.share:
            finished = tolerance * shrink < stop
            tolerance, fit, held = max(tolerance * shrink, stop), tighter, 0
            if finished:
                break
        else:
            held += 1
            again = pursue(Y, D, n_nonzero, tolerance)
            if held > PATIENCE and again.share < BETTER * fit.share:
                fit = again
                break
            fit = again
    clean, polluted = unpolluted(D, fit)
    if polluted and max_iter > steps:
        return anneal(
            X,
            clean,
            n_nonzero=n_nonzero,
            start=min(start, FRESH),
            stop=stop,
            shrink=shrink,
            max_iter=max_iter - steps,
        )
    usage = usage_of(fit)
    free = np.maximum(Y.shape[1] - fit.support[fit.met], 1)
    left = fit.residual[fit.met] ** 2 / free
    noise = scale * float(np.sqrt(left.mean())) if len(left) else scale
    return Refined(D, usage, tolerance, fit.share, noise, steps)


def unpolluted(D: np.ndarray, fit: Fit) -> tuple[np.ndarray, int]:
    """Return atoms less what others must always add back, and how many were cleaned.

    A pursuit with atoms to spare fits exactly with ``d_i - c d_j`` in place of ``d_i``: then
    atom j comes with every use of i, in a fixed ratio. That ratio restores ``d_i``.
    """
    codes = sparse.csc_array(fit.codes[fit.met])
    used = (codes > 0).astype(np.float64)
    together = np.asarray((used.T @ used).toarray())
    alone = np.maximum(together.diagonal(), 1.0)
    fresh, cleaned = D.copy(), 0
    for i, j in np.argwhere(together > OFTEN * alone[:, None]):
        if i == j or alone[i] < FEWEST:
            continue
        mine = codes[:, [i]].toarray().ravel()
        active = mine > 0
        ratio = codes[:, [j]].toarray().ravel()[active] / mine[active]
        middle = float(np.median(ratio))
        fixed = np.abs(ratio - middle) < FIXED * middle
        if middle > 0 and fixed.mean() > HALF:
            fresh[i] += middle * D[j]
            cleaned += 1
    return np.asarray(unit_rows(fresh)), cleaned


def usage_of(fit: Fit) -> np.ndarray:
    """Return the share of samples (k,) in whose close fit each atom takes part."""
    used = np.asarray((fit.codes[fit.met] > 0).sum(0), np.float64).ravel()
    return used / max(len(fit.met), 1)


def _robust_step(
    Y: np.ndarray,
    D: np.ndarray,
    fit: Fit,
    tolerance: float,
    loosest: float,
    n_nonzero: int,
    reference: np.ndarray,
) -> np.ndarray:
    """Return atoms by least squares on what fits, and on loose fits for atoms that starve.

    An atom worse than the rest drops out of all close fits as the tolerance shrinks, and would
    never improve: its samples come back at the loosest tolerance, weighing little to others.
    """
    codes, samples = fit.codes, Y
    weights = fit.met / (fit.residual**2 + (CLOSE * tolerance) ** 2)
    rest = Y[~fit.met]
    if len(rest) and bool((usage_of(fit) < STARVING * reference).any()) and tolerance < loosest:
        loose = pursue(rest, D, n_nonzero, loosest)
        codes = sparse.csr_array(sparse.vstack([codes, loose.codes]))
        samples = np.concatenate([Y, rest])
        extra = loose.met / (loose.residual**2 + (CLOSE * loosest) ** 2)
        weights = np.concatenate([weights, extra])
    return optimal_directions(
        samples, D, codes, weights / weights.max(), ridge=ROUNDING_RIDGE, share_of="own"
    )


def refine_noisy(
    X: np.ndarray, D: np.ndarray, noise: float, *, n_nonzero: int, n_iter: int = 5
) -> tuple[np.ndarray, float]:
    """Refine a refined dictionary at the noise level, and the noise level with it.

    Each round codes samples to a residual just above the noise and takes an ordinary
    least-squares step over those that meet it, all weighing alike: near the truth that is the
    efficient estimate, where the robust weights of the annealing waste samples.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
    noise : float
        Standard deviation per coordinate, a guess from above.
    n_nonzero : int
    n_iter : int

    Returns
    -------
    dictionary : ndarray of shape (k, d)
    noise : float
    """
    X, d = np.asarray(X, np.float64), X.shape[1]
    for _ in range(n_iter):
        check_time()
        fit = pursue(X, D, n_nonzero, ABOVE_NOISE * noise * np.sqrt(d))
        if not fit.met.any():
            break
        met = fit.met.astype(np.float64)
        D = optimal_directions(X, D, fit.codes, met, ridge=RIDGE, share_of="own")
        left = fit.residual[fit.met] ** 2 / np.maximum(d - fit.support[fit.met], 1)
        noise = min(noise, float(np.sqrt(left.mean())))
    return D, noise


def used_enough(result: Refined, n: int | None) -> np.ndarray:
    """Return a mask of directions used by enough closely fitted samples, at most ``n``."""
    typical = float(np.median(result.usage))
    kept = result.usage > LEAST_USED * typical
    once = distinct(result.dictionary, result.usage, cosine=REFINED)
    kept &= np.isin(np.arange(len(kept)), once)
    if n is not None and kept.sum() > n:
        rank = np.argsort(-np.where(kept, result.usage, -1.0), kind="stable")
        kept = np.zeros_like(kept)
        kept[rank[:n]] = True
    return kept if kept.any() else np.ones_like(kept)


@dataclass(eq=False, repr=False, kw_only=True)
class Refinement(Encoded):
    """Annealed refinement of a dictionary on the samples that few of its atoms fit closely.

    Each round codes samples by a non-negative pursuit to a tolerance that shrinks from round to
    round, and takes a least-squares step over those that meet it, close fits weighing most. It
    ends at rounding where there is no noise, else at the noise level, where ordinary least squares
    over well-fitted samples is efficient.

    Parameters
    ----------
    n_components : int, optional
        Directions to start from where no start is given; by default four a dimension.
    start : array-like of shape (k, d), optional
        Directions to refine, such as another method's ``components_``; random samples unless
        given, of which only those near a feature will get anywhere.
    n_nonzero : int, optional
        Most atoms a sample; by default a quarter of the dimensions.
    max_iter : int
        Most rounds.

    Attributes
    ----------
    exact_fraction_ : float
        Share of samples fitted to the last tolerance.
    noise_ : float
        Noise per coordinate that the fits leave.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="least squares over closely fitted samples, to a tolerance annealed to the noise",
        paper="own; robust weights after Black and Rangarajan 1996, graduated non-convexity",
        cost="a pursuit of all samples a round, some 11 rounds",
        fails="starts beyond cosine .95 of the truth; more than d / 4 active",
    )

    start: Any = None
    n_nonzero: int | None = None
    max_iter: int = 30

    def _fit(self, X: np.ndarray) -> None:
        n_nonzero = self.n_nonzero or max(1, X.shape[1] // 4)
        result = anneal(X, self._first(X), n_nonzero=n_nonzero, max_iter=self.max_iter)
        self.components_, self.noise_ = result.dictionary, 0.0 if result.exact else result.noise
        if not result.exact and result.exact_fraction > ENOUGH:
            self.components_, self.noise_ = refine_noisy(
                X, result.dictionary, result.noise, n_nonzero=n_nonzero
            )
        self.exact_fraction_ = result.exact_fraction
        self.n_iter_ = result.n_iter
        if result.exact_fraction < STALLED:
            self.status_ = FitStatus.STALLED

    def _first(self, X: np.ndarray) -> np.ndarray:
        """Return the unit directions to start from."""
        if self.start is None:
            active = unit_samples(X)
            order = self._rng().permutation(len(active))
            return active[order[: width(self.n_components, X)]]
        start = np.atleast_2d(np.asarray(to_numpy(self.start), np.float64))
        norms = np.linalg.norm(start, axis=1)
        if start.shape[1] != X.shape[1] or not np.isfinite(start).all() or not norms.all():
            raise ValueError(
                f"start must be finite directions of shape (k, {X.shape[1]}), none of them zero; "
                f"got shape {start.shape}."
            )
        return np.asarray(unit_rows(start))

    def _encoder(self) -> Encoder:
        return Sparsest(float(self.noise_), positive=True)
