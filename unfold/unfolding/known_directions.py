"""Directions known from elsewhere, as a fitted method."""

from typing import Any

import numpy as np

from unfold.arrays import (
    check_activations,
    is_tensor,
    like,
    to_numpy,
    typical_norm,
    unit_rows,
    unmasked,
)
from unfold.unfolding.explanations import explain_samples


class KnownDirections:
    """Codes by sparse explanation over given directions: nothing to fit.

    Parameters
    ----------
    D : array-like or tensor of shape (k, d)
        Directions of any length but 0.
    mean : array-like of shape (d,), optional
        What is subtracted from activations first.
    tolerance : float
        Residual that counts as explained, relative to the typical norm of the samples.
    positive : bool
        Whether codes are non-negative.

    Attributes
    ----------
    components_ : ndarray of shape (k, d)
        Unit rows.
    mean_ : ndarray of shape (d,)
    """

    def __init__(
        self, D: Any, mean: Any = None, *, tolerance: float = 0.01, positive: bool = True
    ) -> None:
        D = np.asarray(to_numpy(check_activations(D, name="D")), float)
        if not np.linalg.norm(D, axis=1).all():
            raise ValueError("D has a row of zeros, which is no direction: leave it out.")
        self.components_ = np.asarray(unit_rows(D))
        self.mean_ = np.zeros(D.shape[1]) if mean is None else _mean(mean, D.shape[1])
        self.tolerance = tolerance
        self.positive = positive

    def transform(self, X: Any) -> Any:
        """Return codes (n, k): least squares on the atoms of the sparsest explanation found.

        Samples without a sparse explanation get the best found.

        Raises
        ------
        ValueError
            If ``X`` is not a finite matrix as wide as the directions.
        """
        given = check_activations(X)
        if given.shape[1] != self.components_.shape[1]:
            raise ValueError(
                f"X has {given.shape[1]} dimensions, the directions have "
                f"{self.components_.shape[1]}."
            )
        centred = np.asarray(to_numpy(given), float) - self.mean_
        found = explain_samples(
            centred,
            self.components_,
            radius=self.tolerance * typical_norm(centred),
            positive=self.positive,
        )
        return like(found.codes.toarray(), given)


def _mean(mean: Any, d: int) -> np.ndarray:
    """Return an offset of ``d`` real numbers."""
    row = mean if is_tensor(mean) else np.asarray(unmasked(mean, "mean"))
    if tuple(row.shape) != (d,):
        raise ValueError(
            f"mean has shape {tuple(row.shape)}, expected ({d},): directions have {d} dimensions."
        )
    return np.asarray(to_numpy(check_activations(row[None], name="mean"))[0], float)
