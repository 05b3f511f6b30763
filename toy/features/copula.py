"""Correlated features with chosen densities: a Gaussian copula of low rank."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from toy.features.gates import Active, Gate

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
    def _line(self) -> tuple[np.ndarray, np.ndarray]:
        """Slopes (rank, k) and offsets (k,), in z, of what a feature's own number must be below."""
        rest = np.sqrt(1 - (self.factors**2).sum(axis=1))
        slopes = np.ascontiguousarray((self.factors / rest[:, None]).T, dtype=np.float32)
        return slopes, (ndtri(self.p) / rest).astype(np.float32)

    def draw(self, n: int, rng: np.random.Generator) -> Active:
        """Draw the factors, then compare every feature's own number with its threshold."""
        from toy.kernels.random_numbers import EDGES, QUANTILES, active_cells, fill_normal

        slopes, offsets = self._line
        state = rng.integers(0, 2**64, size=4, dtype=np.uint64)
        step = max(1, CELLS // len(self.p))
        factors = np.empty((step, len(slopes)), dtype=np.float32)
        shared = np.empty((step, len(self.p)), dtype=np.float32)
        rows, cols = [], []
        for start in range(0, n, step):
            size = min(step, n - start)
            fill_normal(factors[:size].reshape(-1), EDGES, state)
            np.matmul(factors[:size], slopes, out=shared[:size])
            row, col = active_cells(shared[:size], offsets, QUANTILES, state)
            rows.append(row + start)
            cols.append(col)
        return Active(np.concatenate(rows), np.concatenate(cols))


def random_factors(k: int, rank: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Return normal factors (k, rank) of standard deviation ``scale``, shortened where needed."""
    factors = scale * rng.standard_normal((k, rank))
    shared = (factors**2).sum(axis=1, keepdims=True)
    factors *= np.sqrt(np.minimum(1, SHARED_MOST / np.maximum(shared, SHARED_MOST)))
    return factors
