"""Correlated features with chosen densities: a Gaussian copula of low rank."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from toy.gates import Active, Gate

#: Cells handled at a time: what fits a core's own cache.
CELLS = 200_000
#: Largest share of a feature's variance that shared factors may take.
SHARED_MOST = 0.99


@dataclass(frozen=True, eq=False)
class CopulaGate(Gate):
    """Feature i is active where ``factors_i . z + rest_i e_i`` exceeds a threshold.

    ``z`` is shared by all features of a sample, ``e_i`` is the feature's own, both standard
    normal; ``rest_i`` makes the sum standard normal too, so that thresholds give the densities
    exactly, whatever the correlations.

    Parameters
    ----------
    p : ndarray of shape (k,)
    factors : ndarray of shape (k, rank)
    """

    p: np.ndarray
    factors: np.ndarray

    @property
    def density(self) -> np.ndarray:
        """As given."""
        return self.p

    @cached_property
    def _slopes(self) -> np.ndarray:
        """Slopes (rank + 1, k) in ``(z, 1)`` of what a feature's own number must stay below."""
        rest = np.sqrt(1 - (self.factors**2).sum(axis=1))
        rows = np.column_stack([self.factors, ndtri(self.p)]) / rest[:, None]
        return np.ascontiguousarray(rows.T, dtype=np.float32)

    def draw(self, n: int, rng: np.random.Generator) -> Active:
        """Draw the factors, then compare every feature's own number with its threshold."""
        from toy.copula_kernel import QUANTILES, active_cells

        rank = self.factors.shape[1]
        state = rng.integers(0, 2**64, size=4, dtype=np.uint64)
        step = max(1, CELLS // len(self.p))
        factors = np.ones((step, rank + 1), dtype=np.float32)
        thresholds = np.empty((step, len(self.p)), dtype=np.float32)
        rows, cols = [], []
        for start in range(0, n, step):
            size = min(step, n - start)
            factors[:size, :rank] = rng.standard_normal((size, rank), dtype=np.float32)
            np.matmul(factors[:size], self._slopes, out=thresholds[:size])
            row, col = active_cells(thresholds[:size], QUANTILES, state)
            rows.append(row + start)
            cols.append(col)
        return Active(np.concatenate(rows), np.concatenate(cols))


def random_factors(k: int, rank: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Return normal factors (k, rank) of standard deviation ``scale``, shortened where needed."""
    factors = scale * rng.standard_normal((k, rank))
    shared = (factors**2).sum(axis=1, keepdims=True)
    factors *= np.sqrt(np.minimum(1, SHARED_MOST / np.maximum(shared, SHARED_MOST)))
    return factors
