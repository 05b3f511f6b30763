"""The conformance kit finds what it says it finds: one misbehaving method for every check."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from unfold.methods.baselines.controls import PCA
from unfold.methods.ica.linear_ica import Picard
from unfold.testing import CHECKS, check_method, parametrize_methods


class Honest(TransformerMixin, BaseEstimator):
    """Right singular vectors, with no fault but that they recover nothing."""

    def __init__(self, n_components=None, random_state=0):
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X, y=None):
        if not np.isfinite(X).all():
            raise ValueError("NaN")
        self.components_ = np.linalg.svd(X, full_matrices=False)[2][: self.n_components]
        return self

    def transform(self, X):
        return X @ self.components_.T


class Mutates(Honest):
    def fit(self, X, y=None):
        super().fit(X)
        if X.flags.writeable:
            X[0] = 0
        return self


class Reseeds(Honest):
    def fit(self, X, y=None):
        np.random.seed(0)  # noqa: NPY002
        return super().fit(X)


class Drifts(Honest):
    def fit(self, X, y=None):
        super().fit(X)
        self.components_ = np.random.default_rng().standard_normal(self.components_.shape)
        return self


class IgnoresWidth(Honest):
    def fit(self, X, y=None):
        n_components, self.n_components = self.n_components, None
        super().fit(X)
        self.n_components = n_components
        return self


class NeedsWidth(Honest):
    def fit(self, X, y=None):
        if self.n_components is None:
            raise TypeError("how many?")
        return super().fit(X)


class AcceptsNaN(Honest):
    def fit(self, X, y=None):
        return super().fit(np.nan_to_num(X))


class WrongShape(Honest):
    def fit(self, X, y=None):
        super().fit(X)
        self.components_ = self.components_[:, :3]
        return self

    def transform(self, X):
        return X[:, :3] @ self.components_.T


class WrongCodes(Honest):
    def transform(self, X):
        return X[:, :1]


class Repeats(Honest):
    """One direction, many times: below chance."""

    def fit(self, X, y=None):
        super().fit(X)
        self.components_ = np.repeat(self.components_[:1], len(self.components_), axis=0)
        return self


@pytest.mark.parametrize(
    ("method", "check"),
    [
        (Mutates, "no_mutation"),
        (Reseeds, "global_state"),
        (Drifts, "determinism"),
        (IgnoresWidth, "n_components"),
        (NeedsWidth, "enumerates"),
        (AcceptsNaN, "rejects_nan"),
        (WrongShape, "dictionary"),
        (WrongCodes, "codes"),
        (Repeats, "recovery"),
    ],
)
def test_each_misbehaviour_is_found(method, check):
    state = np.random.get_state()  # noqa: NPY002
    report = check_method(method)
    np.random.set_state(state)  # noqa: NPY002
    assert check in report.failures
    assert not report.ok and "FAILED" in str(report)


def test_a_good_method_conforms():
    report = check_method(Picard(max_iter=100))
    assert report.ok, report
    assert report.n_run == len(CHECKS) and report.n_skipped == 0


def test_controls_are_not_asked_to_recover():
    report = check_method("pca")
    assert report.ok, report
    assert "control" in report.skipped["recovery"]
    assert report.n_run + report.n_skipped == len(CHECKS)


def test_the_unmixing_trap_is_warned_of():
    report = check_method("sklearn.decomposition:FastICA")
    assert any("unmixing" in message for message in report.warnings)


@parametrize_methods([PCA()])
def test_parametrize_makes_a_case_of_every_check(method, check):
    check(method)
