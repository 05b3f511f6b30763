"""Correlated features with chosen densities: a Gaussian copula of low rank."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from toy.gates import Active, Gate

#: Samples handled at a time, times features: bounds memory at about 50 MB.
CELLS = 4_000_000
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

    def draw(self, n: int, rng: np.random.Generator) -> Active:
        """Draw in time proportional to all cells: every feature is compared with its threshold."""
        rest = np.sqrt(1 - (self.factors**2).sum(axis=1))
        slope = (self.factors / rest[:, None]).T.astype(np.float32)
        offset = (ndtri(1 - self.p) / rest).astype(np.float32)
        step = max(1, CELLS // len(self.p))
        rows, cols = [], []
        for start in range(0, n, step):
            size = min(step, n - start)
            shared = rng.standard_normal((size, slope.shape[0]), dtype=np.float32) @ slope
            shared += rng.standard_normal(shared.shape, dtype=np.float32)
            cells = np.flatnonzero(shared > offset)
            row, col = np.divmod(cells, len(self.p))
            rows.append(row + start)
            cols.append(col)
        return Active(np.concatenate(rows), np.concatenate(cols))


def random_factors(k: int, rank: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Return normal factors (k, rank) of standard deviation ``scale``, shortened where needed."""
    factors = scale * rng.standard_normal((k, rank))
    shared = (factors**2).sum(axis=1, keepdims=True)
    factors *= np.sqrt(np.minimum(1, SHARED_MOST / np.maximum(shared, SHARED_MOST)))
    return factors
