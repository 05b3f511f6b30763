"""Feature distributions: a gate says which features are active, a magnitude how strongly."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from toy.gates import Gate
from toy.magnitudes import Magnitude


@dataclass(frozen=True, eq=False)
class Features:
    """A distribution over feature vectors.

    Parameters
    ----------
    gate : Gate
    magnitude : Magnitude
    """

    gate: Gate
    magnitude: Magnitude

    @property
    def n_features(self) -> int:
        """How many features there are."""
        return len(self.gate.density)

    @property
    def density(self) -> np.ndarray:
        """Declared probability (k,) that each feature is active."""
        return self.gate.density

    @property
    def positive(self) -> bool:
        """Whether feature values are never negative."""
        return self.magnitude.positive

    def sample(self, n: int, rng: np.random.Generator) -> csr_array:
        """Draw feature vectors.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator

        Returns
        -------
        csr_array of shape (n, k), float32
        """
        rows, cols = self.gate.pairs(n, rng)
        return csr_from_pairs(rows, cols, self.magnitude.draw(cols, rng), (n, self.n_features))


def csr_from_pairs(
    rows: np.ndarray, cols: np.ndarray, values: np.ndarray, shape: tuple[int, int]
) -> csr_array:
    """Return the CSR array of cells sorted by row."""
    indptr = np.zeros(shape[0] + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
    return csr_array((values, cols.astype(np.int32), indptr.astype(np.int32)), shape=shape)
