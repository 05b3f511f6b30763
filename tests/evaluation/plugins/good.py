"""Methods that behave, and take a moment."""

import tempfile
import time

import numpy as np
from sklearn.base import BaseEstimator


class Axes(BaseEstimator):
    """The coordinate axes, both ways."""

    def __init__(self, pause=0.0, random_state=None):
        self.pause = pause
        self.random_state = random_state

    def fit(self, X, y=None):
        time.sleep(self.pause)
        axes = np.eye(X.shape[1])
        self.components_ = np.vstack([axes, -axes])
        return self

    def transform(self, X):
        return np.maximum(X @ self.components_.T, 0)


class Samples(Axes):
    """A few samples as atoms."""

    def fit(self, X, y=None):
        rng = np.random.default_rng(self.random_state)
        time.sleep(self.pause)
        self.components_ = np.array(X[rng.integers(len(X), size=8)]) + 1e-6
        return self


class Noise(Axes):
    """Random directions."""

    def fit(self, X, y=None):
        rng = np.random.default_rng(self.random_state)
        time.sleep(self.pause)
        self.components_ = rng.standard_normal((2 * X.shape[1], X.shape[1]))
        return self


class WritesTemporaryFiles(Axes):
    """Like libraries that write a file to the temporary folder when they are imported."""

    def fit(self, X, y=None):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("for a moment")
        return super().fit(X)
