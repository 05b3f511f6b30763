"""What one model is trained on."""

from dataclasses import dataclass

import numpy as np

from toy.features.distribution import Features
from toy.randomness import stream


@dataclass(frozen=True, eq=False)
class Instance:
    """One model to train: its data, its weights in the loss, its seed.

    Attributes
    ----------
    features : Features
    importance : ndarray of shape (n,)
    seed : int
    restart : int
        Tells apart the restarts of one seed.
    """

    features: Features
    importance: np.ndarray
    seed: int
    restart: int = 0

    def stream(self, purpose: str) -> np.random.Generator:
        """Return this instance's random stream for a purpose."""
        return stream(self.seed, purpose, str(self.restart))
