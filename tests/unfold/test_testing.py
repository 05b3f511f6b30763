"""The conformance kit finds what it says it finds: one misbehaving method for every check."""

import time
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from unfold.methods.baselines.controls import PCA
from unfold.methods.ica.linear_ica import Picard
from unfold.testing import CHECKS, REMEDIES, check_method, parametrize_methods


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


class ReseedsTorch(Honest):
    def fit(self, X, y=None):
        torch.manual_seed(0)
        return super().fit(X)


class MisspeltHint(Honest):
    hints: ClassVar = {"n_components": "n_featuers"}


class NoHint(Honest):
    hints: ClassVar = {"k": "n_features"}


class EmptySearch(Honest):
    search_space: ClassVar = {"n_components": []}


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
        (ReseedsTorch, "global_state"),
        (MisspeltHint, "declarations"),
        (NoHint, "declarations"),
        (EmptySearch, "declarations"),
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
    state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    report = check_method(method)
    np.random.set_state(state[0])  # noqa: NPY002
    torch.set_rng_state(state[1])
    assert check in report.failures
    assert not report.ok and "FAILED" in str(report)


class Fails(Honest):
    def fit(self, X, y=None):
        raise OSError("no licence")


class Sleeps(Honest):
    def __init__(self, n_components=None, epochs=1000, random_state=0):
        super().__init__(n_components, random_state)
        self.epochs = epochs

    def fit(self, X, y=None):
        for _ in range(self.epochs):
            time.sleep(0.01)
        return super().fit(X)


def test_one_fault_is_said_once_with_its_line():
    report = check_method(Fails)
    (message,) = report.faults
    assert len(report.faults[message]) >= 10
    assert str(report).count("no licence") == 1
    assert "test_testing.py, line" in message


def test_each_kind_of_fault_has_a_remedy():
    assert set(REMEDIES) == set(CHECKS) - {"unmixing_trap"}  # which only warns
    assert REMEDIES["rejects_nan"] in str(check_method(AcceptsNaN))


def test_the_time_limit_ends_a_slow_method_and_says_how_to_shorten_it():
    began = time.monotonic()
    report = check_method(Sleeps(epochs=10**6), time_limit=0.4)
    assert time.monotonic() - began < 2
    assert "Sleeps[epochs=2]" in report.failures["time limit"]


def test_epochs_are_shortened_but_for_the_fit_that_is_judged():
    began = time.monotonic()
    report = check_method(Sleeps(epochs=30))
    assert time.monotonic() - began < 0.3 + 12 * 0.05 + 0.5
    assert "time limit" not in report.failures


def test_a_class_without_a_size_is_warned_of_unless_it_says_so():
    class Sized(BaseEstimator):
        def __init__(self, k=3):
            self.k = k

        def fit(self, X, y=None):
            self.components_ = np.eye(X.shape[1])[: self.k]
            return self

    assert any("told" in warning or "tell" in warning for warning in check_method(Sized).warnings)
    Sized.hints = {}
    assert not any("tell" in warning for warning in check_method(Sized).warnings)


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
