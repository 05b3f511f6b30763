"""Nonlinear compression: two dense features in one dimension, without a direction for either.

The counter-example of Elhage et al. 2022 to the idea that models must store features along
directions. Since no direction stands for a feature here, the zoo holds no problem of it.
"""

import numpy as np


def stairs(u: np.ndarray, width: float = 0.0) -> np.ndarray:
    """Return ``floor(u)``, each step replaced by a slope over the last ``width`` before it.

    A ReLU network can compute the stairs for any positive ``width``.

    Parameters
    ----------
    u : ndarray
    width : float
        In [0, 1); 0 is the floor itself.
    """
    if not 0 <= width < 1:
        raise ValueError(f"width must be in [0, 1), got {width}.")
    step = np.floor(u)
    return step + np.maximum(0, u - step - (1 - width)) / width if width else step


def compress(x: np.ndarray, y: np.ndarray, levels: int, width: float = 0.0) -> np.ndarray:
    """Return ``t = (stairs(levels x) + y) / levels``, which holds both of ``x, y`` in [0, 1)."""
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}.")
    return (stairs(levels * x, width) + y) / levels


def expand(t: np.ndarray, levels: int, width: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return estimates of ``x``, to within half a level, and ``y``."""
    step = stairs(levels * t, width)
    return (step + 0.5) / levels, levels * t - step
