"""The contract that every method inherits, on a method small enough to see through."""

import warnings
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from unfold.methods.base import FitStatus, MethodCard, Recovery


class Axes(Recovery):
    """Scaled coordinate axes, linear codes."""

    card: ClassVar[MethodCard] = MethodCard("control", "nothing", "own", "O(d)", "always")

    def __init__(self, n_components=None, status=0, scale=3.0, random_state=0):
        self.n_components = n_components
        self.status = status
        self.scale = scale
        self.random_state = random_state

    def _fit(self, X):
        self.components_ = self.scale * np.eye(X.shape[1])[: self.n_components]
        self.mean_ = X.mean(axis=0)
        self.status_ = FitStatus(self.status)

    def _encode(self, X):
        assert isinstance(X, np.ndarray)
        return self._centred(X) @ self._atoms(X).T


class TorchAxes(Axes):
    """The same, written for tensors."""

    backend = "torch"

    def _fit(self, X):
        self.components_ = self.scale * torch.eye(X.shape[1], dtype=X.dtype)[: self.n_components]
        self.mean_ = X.mean(dim=0)

    def _encode(self, X):
        assert isinstance(X, torch.Tensor)
        return self._centred(X) @ self._atoms(X).T


@parametrize_with_checks([Axes(), TorchAxes()])
def test_scikit_learn_contract(estimator, check):
    state = np.random.get_state()  # noqa: NPY002
    try:
        check(estimator)
    finally:  # some of scikit-learn's checks draw from the global generator themselves
        np.random.set_state(state)  # noqa: NPY002


@pytest.fixture
def X():
    return np.random.default_rng(0).standard_normal((20, 4))


@pytest.mark.parametrize("method", [Axes, TorchAxes])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_go_out_as_they_came_in(method, dtype, X):
    X = X.astype(dtype)
    for given in (X, torch.tensor(X)):
        fitted = method().fit(given)
        codes = fitted.transform(given)
        for out in (fitted.components_, fitted.mean_, codes, fitted.inverse_transform(codes)):
            assert type(out) is type(given) and out.dtype == given.dtype
    assert np.allclose(fitted.inverse_transform(codes), X, atol=1e-6)


def test_fit_on_one_kind_transform_on_the_other(X):
    by_array, by_tensor = Axes().fit(X), Axes().fit(torch.tensor(X))
    assert np.array_equal(by_array.transform(torch.tensor(X)).numpy(), by_tensor.transform(X))


def test_directions_have_unit_norm(X):
    assert np.array_equal(Axes().fit(X).components_, np.eye(4))


def test_unfinished_iterations_warn_and_say_what_to_do(X):
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        fitted = Axes(status=int(FitStatus.MAX_ITER)).fit(X)
    assert fitted.status_ is FitStatus.MAX_ITER
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Axes().fit(X)


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "2"])
def test_n_components_must_be_a_positive_integer(bad, X):
    with pytest.raises(ValueError, match="n_components must be a positive integer"):
        Axes(n_components=bad).fit(X)


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_bad_activations_get_a_clear_error(kind, X):
    bad = X.copy()
    bad[2, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        Axes().fit(kind(bad))
    with pytest.raises(ValueError, match=r"minimum of 2|at least 2"):
        Axes().fit(kind(X[:1]))
    with pytest.raises(ValueError, match="2D"):
        Axes().fit(kind(X[0]))
    with pytest.raises(ValueError, match=r"all|All"):
        Axes().fit(kind(np.zeros((5, 3))))
    with pytest.raises(ValueError, match="expecting 4 features"):
        Axes().fit(kind(X)).transform(kind(X[:, :2]))
    with pytest.raises(ValueError, match="expected 4"):
        Axes().fit(kind(X)).inverse_transform(kind(X[:, :2]))


def test_directions_that_are_not_finite_are_an_error(X):
    with pytest.raises(FloatingPointError, match="Axes"):
        Axes(scale=np.nan).fit(X)


def test_y_is_ignored_and_fit_transform_agrees(X):
    assert np.array_equal(Axes().fit_transform(X, None), Axes().fit(X).transform(X))
