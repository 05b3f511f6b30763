"""Sparse codes, starting points and signs, for methods that learn a dictionary alone."""

from typing import Any

import numpy as np

from unfold.arrays import unit_rows
from unfold.methods.base import Recovery


class SparseCoder(Recovery):
    """Abstract method whose codes are the L1 codes over its dictionary.

    A subclass takes ``alpha`` and ``positive`` in its constructor. ``alpha`` is a share of the
    root mean square norm of the training samples, so that results do not depend on the units
    of ``X``; ``_fit`` gets to see ``scale_``.

    Attributes
    ----------
    scale_ : float
        Root mean square norm of the training samples about ``mean_``.
    """

    alpha: float
    positive: bool
    scale_: float

    def _encode(self, X: Any) -> Any:
        return sparse_codes(
            self._centred(X), self._atoms(X), self.alpha * self.scale_, positive=self.positive
        )


def sparse_codes(X: Any, D: Any, alpha: float, *, positive: bool = True) -> Any:
    """Return L1 codes of ``X`` over ``D``, as `unfold.sparse_encode` finds them."""
    from unfold.encode import sparse_encode

    return sparse_encode(X, D, alpha=alpha, positive=positive).codes


def root_mean_square(X: np.ndarray) -> float:
    """Return the root mean square norm of the rows of ``X``, 1 if all are zero."""
    return float(np.sqrt(np.mean(np.sum(np.square(X, dtype=np.float64), axis=1)))) or 1.0


def skewness_signs(S: np.ndarray) -> np.ndarray:
    """Return the sign of each column's third moment, +1 where it has none.

    Features that are zero most of the time and positive else have positive skewness, which
    tells a direction from its opposite.
    """
    centred = S - S.mean(axis=0)
    return np.where((centred**3).sum(axis=0) < 0, -1.0, 1.0)


def drawn_samples(X: np.ndarray, k: int, rng: np.random.RandomState) -> np.ndarray:
    """Return ``k`` unit vectors of samples drawn by energy, random ones where X has too few."""
    energy = np.sum(np.square(X / (np.abs(X).max() or 1.0), dtype=np.float64), axis=1)
    some = min(k, int(np.count_nonzero(energy)))
    picks = rng.choice(len(X), size=some, replace=False, p=energy / energy.sum())
    rest = rng.standard_normal((k - some, X.shape[1]))
    return unit_rows(np.concatenate([X[picks], rest]))  # type: ignore[return-value]
