"""Is there more in the data than their covariance? What chance gives, beside what was found."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.own_activations.measure import atoms_of_estimator, mean_of

#: Standard errors by which few features must explain the data better than their Gaussian double.
BEYOND = 3.0
#: Parts of the samples, for that standard error.
PARTS = 10
#: Active features allowed, as a share of the dimensions: few enough that they cannot fit anything.
ACTIVE_SHARE = 0.125


@dataclass(frozen=True, eq=False)
class Chance:
    """What features found explain, of fresh samples and of Gaussian ones of the same covariance.

    Attributes
    ----------
    n_active : int
        Features allowed a sample.
    explained, by_chance : float
        Share of the energy that so many explain, in the data and in their Gaussian double.
    error : float
        Standard error of the difference.
    """

    n_active: int
    explained: float
    by_chance: float
    error: float

    @property
    def beyond(self) -> bool:
        """Whether the features found say more of the data than their covariance does."""
        return bool(self.explained - self.by_chance > BEYOND * self.error)

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        few = f"{self.n_active} feature" + ("s" if self.n_active > 1 else "")
        return (
            f"{'Beyond chance' if self.beyond else 'No more than chance'}: {few} a sample explain "
            f"{self.explained:.1%} of new samples, and {self.by_chance:.1%} of Gaussian samples of "
            f"the same covariance, which hold no features."
        )

    def plain(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        return {
            "n_active": self.n_active,
            "explained": self.explained,
            "explained_by_chance": self.by_chance,
            "standard_error": self.error,
            "beyond_chance": self.beyond,
            "sentence": self.sentence,
        }


def gaussian_double(X: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``n`` Gaussian samples of the mean and the covariance of ``X``.

    Random mixtures of centred samples: what random phases do to a series. Sparse or not, sums of
    many samples are Gaussian, while every second moment stays.
    """
    mean = X.mean(axis=0, dtype=np.float64)
    _, values, rows = np.linalg.svd(
        np.linalg.qr((X - mean) / np.sqrt(len(X)), mode="r"), full_matrices=False
    )
    return np.asarray((rng.standard_normal((n, len(values))) * values) @ rows + mean, X.dtype)


def against_chance(fitted: Any, fresh: np.ndarray, seed: int) -> Chance:
    """Compare what few of the features found explain, of fresh samples and of their double.

    Parameters
    ----------
    fitted : object
        Fitted to other samples.
    fresh : ndarray of shape (n, d)
    seed : int

    Returns
    -------
    Chance
    """
    from unfold.sparse_coding.encode import sparse_encode

    D, mean = atoms_of_estimator(fitted), mean_of(fitted, fresh.shape[1])
    D = D[np.linalg.norm(D, axis=1) > 0].astype(np.float64)
    n_active = max(1, min(len(D), round(ACTIVE_SHARE * fresh.shape[1])))
    positive = bool(getattr(fitted, "positive_", (np.asarray(_codes(fitted, fresh)) >= 0).all()))

    def shares(X: np.ndarray) -> np.ndarray:
        X = np.asarray(X, np.float64) - mean
        found = sparse_encode(X, D, penalty="l0", n_nonzero=n_active, positive=positive)
        energy = (X**2).sum(axis=1)
        left = (found.certificate**2) * energy
        groups = np.arange(len(X)) % min(PARTS, len(X))
        return np.asarray(
            [1 - left[groups == g].sum() / energy[groups == g].sum() for g in range(PARTS)]
        )

    double = gaussian_double(fresh, len(fresh), np.random.default_rng(seed))
    real, null = shares(fresh), shares(double)
    error = float(np.sqrt((real.var(ddof=1) + null.var(ddof=1)) / PARTS))
    return Chance(n_active, float(real.mean()), float(null.mean()), error)


def _codes(fitted: Any, X: np.ndarray) -> np.ndarray:
    Z = fitted.transform(X[:1000])
    return np.asarray(Z.toarray() if hasattr(Z, "toarray") else Z)


def features_by_chance(
    make: Callable[[], Any], X: np.ndarray, seed: int
) -> tuple[int, float | None]:
    """Fit a method to the Gaussian double of its data.

    Parameters
    ----------
    make : callable
        Makes the method, unfitted.
    X : ndarray of shape (n, d)
    seed : int

    Returns
    -------
    n_features : int
    confidence : float or None
        Largest confidence given to one of them, where the method gives any.
    """
    double = gaussian_double(X, len(X), np.random.default_rng(seed))
    estimator = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it does not settle there is what is asked
        kept = estimator.fit(double)
    estimator = estimator if kept is None else kept
    confidence = getattr(estimator, "confidence_", None)
    top = None if confidence is None else float(np.max(confidence, initial=0.0))
    return len(atoms_of_estimator(estimator)), top
