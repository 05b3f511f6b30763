"""What a road starts from and where it ends: data with a part held out, and a candidate."""

from dataclasses import dataclass

import numpy as np
import torch

from unfold.methods.clustering.one_sparse import repeated_point
from unfold.methods.codes import pursue
from unfold.methods.dictionary_learning.refinement import normalised

#: Samples a polish looks at, and held-out ones that judge.
POLISH, HELD_OUT = 15_000, 4_000

#: Samples below which cumulants of third and higher order say little.
FEW = 10_000


@dataclass(frozen=True, eq=False)
class Split:
    """The data as every road sees them.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Samples less the bias, held-out ones excluded.
    held_out : ndarray of shape (m, d)
    bias : ndarray of shape (d,)
    n : int or None
        Directions wanted.
    rng : RandomState
    """

    X: np.ndarray
    held_out: np.ndarray
    bias: np.ndarray
    n: int | None
    rng: np.random.RandomState

    @classmethod
    def of(cls, X: np.ndarray, n: int | None, rng: np.random.RandomState) -> "Split":
        """Return the split of raw samples: bias off, some samples held out.

        Raises
        ------
        ValueError
            If all samples are equal.
        """
        if not np.ptp(X, axis=0).any():
            raise ValueError(
                "All samples are equal: there is no direction to find in constant data."
            )
        found = repeated_point(X)
        bias = np.zeros(X.shape[1]) if found is None else found
        Y = X if not bias.any() else (X - bias).astype(X.dtype)
        aside = min(HELD_OUT, len(Y) // 5)
        order = rng.permutation(len(Y))
        return cls(Y[order[aside:]], Y[order[:aside]] if aside else Y, bias, n, rng)

    @property
    def few_atoms(self) -> int:
        """Most atoms of a sample that the polish learns from."""
        d = self.X.shape[1]
        return max(1, d // 4) if d > 4 else 1

    def generator(self) -> torch.Generator:
        """Return a generator of its own for one road."""
        return torch.Generator().manual_seed(int(self.rng.randint(2**31)))

    def evidence(self, D: np.ndarray, tolerance: float) -> float:
        """Return the share of held-out samples that few atoms fit within a tolerance."""
        return pursue(normalised(self.held_out), D, self.few_atoms, tolerance).share
