"""Feature distributions: a gate says which features are active, a magnitude how strongly."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from toy.features.gates import Active, Gate
from toy.features.magnitudes import Magnitude


class Features(ABC):
    """A distribution over feature vectors."""

    @property
    @abstractmethod
    def density(self) -> np.ndarray:
        """Declared probability (k,) that each feature is active."""

    @property
    @abstractmethod
    def positive(self) -> bool:
        """Whether feature values are never negative."""

    @property
    @abstractmethod
    def positive_share(self) -> np.ndarray:
        """Probability (k,) that a feature that is active is positive."""

    @abstractmethod
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

    @property
    def n_features(self) -> int:
        """How many features there are."""
        return len(self.density)


@dataclass(frozen=True, eq=False)
class GatedFeatures(Features):
    """Magnitudes drawn for the cells that a gate opens.

    Parameters
    ----------
    gate : Gate
    magnitude : Magnitude
    inherit : bool
        Whether, in a hierarchy, a child's value is multiplied by its parent's, relative to the
        parent's mean: a family that is strong is strong throughout.
    """

    gate: Gate
    magnitude: Magnitude
    inherit: bool = False

    @property
    def density(self) -> np.ndarray:
        """The gate's."""
        return self.gate.density

    @property
    def positive(self) -> bool:
        """Whether magnitudes are."""
        return self.magnitude.positive

    @property
    def positive_share(self) -> np.ndarray:
        """The magnitude's."""
        return np.broadcast_to(self.magnitude.positive_share, self.n_features)

    def sample(self, n: int, rng: np.random.Generator) -> csr_array:
        """Draw a gate, then a magnitude for every active cell."""
        active = self.gate.draw(n, rng)
        values = self.magnitude.draw(active.cols, rng)
        if self.inherit and active.parents is not None:
            self._inherit(values, active, active.parents)
        return _csr(active, values, (n, self.n_features))

    def _inherit(self, values: np.ndarray, active: Active, parents: np.ndarray) -> None:
        mean = self.magnitude.mean(self.n_features).astype(np.float32)
        for start, end in zip(active.generations[:-1], active.generations[1:], strict=True):
            parent = parents[start:end]
            values[start:end] *= values[parent] / mean[active.cols[parent]]


def _csr(active: Active, values: np.ndarray, shape: tuple[int, int]) -> csr_array:
    """Return the CSR array of active cells, rows and columns in order."""
    rows, cols = active.rows, active.cols
    if len(rows) and (np.diff(rows) < 0).any():
        # On 16 bits, numpy's stable sort is a radix sort.
        small = rows.astype(np.uint16) if shape[0] <= 2**16 else rows
        order = np.argsort(small, kind="stable")
        cols, values = cols[order], values[order]
    indptr = np.zeros(shape[0] + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
    codes = csr_array((values, cols.astype(np.int32), indptr), shape=shape)
    codes.sort_indices()
    return codes


@dataclass(frozen=True, eq=False)
class FiniteFeatures(Features):
    """A finite data set, seen again and again: rows drawn with replacement.

    Parameters
    ----------
    data : csr_array of shape (n_rows, k)
    """

    data: csr_array

    @property
    def density(self) -> np.ndarray:
        """Share of the rows in which each feature is active."""
        counts: np.ndarray = np.bincount(self.data.indices, minlength=self.data.shape[1])
        return counts / self.data.shape[0]

    @property
    def positive(self) -> bool:
        """Whether the data are."""
        return bool((self.data.data >= 0).all())

    @property
    def positive_share(self) -> np.ndarray:
        """Share of each feature's values."""
        counts = np.bincount(self.data.indices, minlength=self.n_features)
        above = np.bincount(self.data.indices, self.data.data > 0, minlength=self.n_features)
        return above / np.maximum(counts, 1)

    def sample(self, n: int, rng: np.random.Generator) -> csr_array:
        """Draw rows."""
        return self.data[rng.integers(0, self.data.shape[0], size=n)]
