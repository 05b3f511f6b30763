"""Exact bounds on what a finite sample has not shown: binomial rates and the missing mass."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import beta
from sklearn.utils import check_random_state


def _check(successes: int, trials: int, confidence: float) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"successes must be in 0..trials={trials}, got {successes}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be strictly between 0 and 1, got {confidence}.")


def binomial_upper(successes: int, trials: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided upper bound on a probability (Clopper and Pearson, 1934).

    Parameters
    ----------
    successes, trials : int
        MeanShift seen, out of how many independent trials.
    confidence : float
        Probability, over samples, that the bound is at least the true rate.

    Returns
    -------
    float
        In [0, 1]; 1 if there were no trials.

    Raises
    ------
    ValueError
        If ``successes`` is not in ``0..trials`` or ``confidence`` not in (0, 1).
    """
    _check(successes, trials, confidence)
    if successes == trials:
        return 1.0
    return float(beta.ppf(confidence, successes + 1, trials - successes))


def binomial_lower(successes: int, trials: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided lower bound on a probability; 0 if there were no trials.

    See `binomial_upper` for the parameters and errors.
    """
    _check(successes, trials, confidence)
    return 1.0 - binomial_upper(trials - successes, trials, confidence) if trials else 0.0


@dataclass(frozen=True)
class MissingMass:
    """Probability that a new sample holds a feature that these samples never showed.

    Attributes
    ----------
    estimate : float
        Good and Turing: the share of samples that hold a feature which no other sample holds.
    upper : float
        Exact upper bound at ``confidence``: features are listed on one half of the samples, and
        the other half, independent of the list, is a binomial trial of it. More samples only
        make the list longer, so the bound holds for all of them together.
    confidence : float
    """

    estimate: float
    upper: float
    confidence: float


def missing_mass(
    held: np.ndarray | csr_array, confidence: float = 0.95, random_state: Any = 0
) -> MissingMass:
    """Estimate and bound the probability mass of features not yet seen (Good, 1953).

    It speaks of features that would be listed once seen, however rare; a feature that the list
    has no atom for is the business of `unfold.certify`.

    Parameters
    ----------
    held : ndarray or csr_array of shape (n_samples, k)
        Non-zero where a sample holds a feature.
    confidence : float
    random_state : int, RandomState or None
        Which samples fall in which half.

    Returns
    -------
    MissingMass

    Raises
    ------
    ValueError
        If there are fewer than two samples.
    """
    held = csr_array(np.asarray(held) != 0) if isinstance(held, np.ndarray) else held.astype(bool)
    n = held.shape[0]
    if n < 2:
        raise ValueError(f"At least 2 samples are needed to split in halves, got {n}.")
    counts = np.asarray(held.sum(axis=0)).ravel()
    novel = held[:, counts == 1].sum(axis=1) > 0
    order = check_random_state(random_state).permutation(n)
    listing, trial = order[: n // 2], order[n // 2 :]
    unseen = np.asarray(held[listing].sum(axis=0)).ravel() == 0
    surprises = int((held[trial][:, unseen].sum(axis=1) > 0).sum())
    upper = binomial_upper(surprises, trial.size, confidence)
    return MissingMass(float(np.mean(novel)), upper, confidence)
