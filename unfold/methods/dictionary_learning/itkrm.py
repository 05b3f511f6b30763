"""Iterative thresholding and residual means: the cheapest dictionary update."""

from typing import ClassVar, final

import numpy as np

from unfold.arrays import unit_rows
from unfold.methods.base import MethodCard
from unfold.methods.dictionary_learning.ksvd import HINTS, PursuitLearner
from unfold.sparse_coding.debias import debias


@final
class ITKrM(PursuitLearner):
    """Iterative thresholding and K residual means, with replacement of idle atoms.

    Atoms of a sample are those with the largest inner products, all chosen at once; an atom
    becomes the signed mean of its samples' residuals, its own part added back.

    References
    ----------
    Schnass 2018, Convergence radius and sample complexity of ITKM algorithms for dictionary
    learning. Pali & Schnass 2023, Dictionary learning: from local to global convergence.
    """

    search_space: ClassVar = {"n_active": (1, 2, 3, 5), "alpha": (0.02, 0.1)}
    card: ClassVar[MethodCard] = MethodCard(
        family="dictionary learning",
        solves="Incoherent dictionaries with few active atoms of comparable size.",
        paper="Schnass 2018, Convergence radius and sample complexity of ITKM algorithms",
        cost="O(N k d)",
        fails="thresholding confuses coherent atoms, so it is biased in few dimensions",
        hints=HINTS,
    )

    def pursued(self, X: np.ndarray, D: np.ndarray, n_active: int) -> np.ndarray:
        """Return least-squares codes on the atoms of largest correlation, by thresholding."""
        inner = X @ D.T
        size = inner if self.positive else np.abs(inner)
        n_active = min(n_active, *D.shape)
        chosen = np.argpartition(-size, n_active - 1, axis=1)[:, :n_active]
        mask = np.zeros(inner.shape)
        np.put_along_axis(mask, chosen, 1.0, axis=1)
        return debias(X, D, mask * (size > 0), positive=self.positive)

    def _update(self, X: np.ndarray, D: np.ndarray, codes: np.ndarray) -> np.ndarray:
        inner = (X @ D.T) * (codes != 0)
        signs = np.sign(inner)
        moved = signs.T @ (X - codes @ D) + np.abs(inner).sum(axis=0)[:, None] * D
        used = np.linalg.norm(moved, axis=1) > 0
        return np.where(used[:, None], unit_rows(moved), D)
