"""A method under test: fresh estimators, planted data, and the fits that checks share."""

from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone

from unfold.arrays import to_numpy, unit_rows
from unfold.registry import get_method

N_SAMPLES, DIMENSION, DENSITY = 1200, 8, 0.15

#: What methods call the length of a run, and a length at which shapes and types show: passes over
#: the data, or steps of a batch each.
PASSES, STEPS = 5, 20
BRIEF = dict.fromkeys(
    ("max_iter", "n_iter", "n_iters", "epochs", "n_epochs", "num_epochs", "max_epochs"), PASSES
) | dict.fromkeys(("steps", "n_steps", "num_steps", "max_steps", "n_training_steps"), STEPS)


class Skipped(Exception):
    """Raised by a check that does not apply to the method at hand."""


class Unwise(UserWarning):
    """Something that is allowed, and that a method's author should know of."""


class Case:
    """A method under test: fresh estimators, planted data, and one fit that checks share."""

    def __init__(self, method: Any, name: str = "") -> None:
        found = get_method(method) if isinstance(method, str) else method
        self.prototype = found() if isinstance(found, type) else found
        own = method if isinstance(method, str) else type(self.prototype).__name__
        self.name = name or own
        rng = np.random.default_rng(0)
        self.truth = random_rows(rng, (DIMENSION, DIMENSION))
        codes = rng.random((N_SAMPLES, DIMENSION)) + 0.2
        codes *= rng.random((N_SAMPLES, DIMENSION)) < DENSITY
        self.X = codes @ self.truth
        self.X.setflags(write=False)
        self.few = self.X[:240]

    def estimator(self, **params: Any) -> Any:
        """Return an unfitted copy, its ``random_state`` set to 0 where it has one."""
        fresh = clone(self.prototype)
        if "random_state" in fresh.get_params():
            params = {"random_state": 0, **params}
        return fresh.set_params(**params)

    def brief(self, **params: Any) -> Any:
        """Return an unfitted copy cut to a few iterations, for checks that need no quality."""
        given = self.prototype.get_params()
        cut = {n: v for n, v in BRIEF.items() if n in given and _is_longer(given[n], v)}
        return self.estimator(**cut | params)

    @cached_property
    def fitted(self) -> Any:
        """The one fit at full length, with as many directions as were planted."""
        wanted = "n_components" in self.prototype.get_params()
        return self.estimator(**{"n_components": DIMENSION} if wanted else {}).fit(self.X)

    @cached_property
    def short(self) -> Any:
        """A short fit on few samples."""
        return self.brief().fit(self.few)


def _is_longer(length: Any, brief: int) -> bool:
    return length is None or (isinstance(length, int | float) and length > brief)


def random_rows(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return directions drawn uniformly from the sphere."""
    return to_numpy(unit_rows(rng.standard_normal(shape)))


def matched_cosine(truth: np.ndarray, found: np.ndarray) -> float:
    """Return the mean absolute cosine of the best one-to-one matching of two sets of unit rows."""
    cosine = np.abs(truth @ found.T)
    return float(cosine[linear_sum_assignment(-cosine)].sum() / len(truth))
