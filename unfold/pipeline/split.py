"""What a road starts from and where it ends: data with a part held out, and a candidate."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from unfold.arrays import row_keys
from unfold.methods.active_samples import unit_samples
from unfold.methods.clustering.one_sparse import repeated_point
from unfold.methods.codes import pursue
from unfold.sparse_coding.description_length import FLOOR

#: Samples a polish looks at, and held-out ones that judge.
POLISH, HELD_OUT = 15_000, 4_000

#: Distance, in the largest standard deviation of a coordinate, at which two offsets are one.
NEAR = 0.1
#: Share of distinct rows, of all but the most frequent one, below which samples were drawn from a
#: list.
DRAWN_ONCE = 0.5
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
    n_active : int or None
        Active atoms a sample, where they are known.
    """

    X: np.ndarray
    held_out: np.ndarray
    bias: np.ndarray
    n: int | None
    rng: np.random.RandomState
    n_active: int | None = None

    @classmethod
    def of(
        cls, X: np.ndarray, n: int | None, rng: np.random.RandomState, n_active: int | None = None
    ) -> "Split":
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
        X = once(X)
        found = repeated_point(X)
        bias = np.zeros(X.shape[1]) if found is None else found
        Y = X if not bias.any() else (X - bias).astype(X.dtype)
        aside = min(HELD_OUT, len(Y) // 5)
        aside = aside if aside > 1 else 0
        order = rng.permutation(len(Y))
        held_out = Y[order[:aside]]
        if aside == 0 or not np.ptp(held_out, axis=0).any():
            held_out = Y
        return cls(Y[order[aside:]], held_out, bias, n, rng, n_active)

    def few(self) -> "Split":
        """Return the same split with no more samples than a polish looks at."""
        return replace(self, X=self.X[:POLISH])

    def about(self, offset: np.ndarray | None) -> "Split":
        """Return the same split less an offset; itself where there is none, or next to none.

        Exact structure needs an exact offset, and nothing at all is the likeliest one near zero.
        Where a sample repeats next to it, that is the offset, to the last bit.
        """
        if offset is None or np.linalg.norm(offset) < NEAR * np.std(self.X, axis=0).max():
            return self
        found = repeated_point(self.X)
        if (
            found is not None
            and np.linalg.norm(found - offset) < NEAR * np.std(self.X, axis=0).max()
        ):
            offset = found
        X, held_out = (np.asarray(A - offset, A.dtype) for A in (self.X, self.held_out))
        return Split(X, held_out, self.bias + offset, self.n, self.rng, self.n_active)

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
        return pursue(unit_samples(self.held_out), D, self.few_atoms, tolerance).share


def spanned(X: np.ndarray) -> np.ndarray:
    """Return a basis (d, r) of the directions in which samples vary beyond rounding.

    A coordinate that never changes costs nothing to describe, and must not count as explained.
    """
    values, axes = np.linalg.eigh(np.cov(X, rowvar=False).reshape(X.shape[1], X.shape[1]))
    return np.asarray(axes[:, values > FLOOR * values.max()])


def once(X: np.ndarray) -> np.ndarray:
    """Return samples without copies, where they were drawn again and again from a list of a few.

    A copy of a sample is not parallel to it, and not held out. The most frequent one keeps its
    copies: it may be the silent one.
    """
    _, first, place, counts = np.unique(
        row_keys(X), return_index=True, return_inverse=True, return_counts=True
    )
    silent = int(counts.argmax())
    if len(first) - 1 > DRAWN_ONCE * (len(X) - counts[silent]):
        return X
    return X[np.union1d(first, np.flatnonzero(place == silent))]
