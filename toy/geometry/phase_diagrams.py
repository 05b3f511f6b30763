"""Closed forms of the paper's phase diagrams: the losses of the candidate solutions.

A small model's best use of its hidden dimensions is one of a few discrete choices; which one wins
depends on the feature density p and the relative importance r of the last feature.
"""

import numpy as np

#: What becomes of the last feature.
IGNORED, SUPERPOSED, DEDICATED = "ignored", "in superposition", "dedicated"


def two_in_one(r: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
    """Losses of the candidates for two features, importance 1 and r, in one dimension.

    Parameters
    ----------
    r, p : arrays that broadcast together
        Relative importance of the second feature, and density of both.

    Returns
    -------
    losses : dict of array
        By what becomes of the second feature: ``W = (1, 0)``, ``(1, -1)``, ``(0, 1)``.

    References
    ----------
    Wattenberg's exact notebook to Elhage et al., "Toy Models of Superposition", 2022.
    """
    unexplained = p / 3 - p**2 / 4
    return {
        IGNORED: r * unexplained,
        SUPERPOSED: (1 + r) * p**2 / 6,
        DEDICATED: 1.0 * unexplained + 0 * r,
    }


def three_in_two(r: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
    """Losses of the candidates for three features, importance 1, 1 and r, in two dimensions.

    The last feature is ignored, shares an axis with one of the others, or has its own: because
    another feature is ignored, or because the other two share. Parameters and result as in
    `two_in_one`.
    """
    unexplained = p / 3 - p**2 / 4
    dedicated = np.minimum(unexplained, p**2 / 3)
    return {
        IGNORED: r * unexplained,
        SUPERPOSED: (1 + r) * p**2 / 6,
        DEDICATED: dedicated + 0 * r,
    }


def winner(losses: dict[str, np.ndarray]) -> np.ndarray:
    """Index, in the order of `losses`, of the candidate with the lowest loss."""
    return np.stack(np.broadcast_arrays(*losses.values())).argmin(0)


def superposition_boundary(r: np.ndarray) -> np.ndarray:
    """Density below which two features are best stored in one dimension as an antipodal pair.

    ``4 r / (5 r + 2)`` for r <= 1 and, by symmetry, ``4 / (5 + 2 r)`` above.
    """
    return np.where(r <= 1, 4 * r / (5 * r + 2), 4 / (5 + 2 * r))
