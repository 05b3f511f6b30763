"""What solvers minimise, by the form's own value: no small step anywhere does better."""

import numpy as np
import pytest

from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.forms import PENALTIES, AtMost, ElasticNet, Lasso, LogSum, WithinError


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    D = rng.normal(size=(12, 6))
    return rng.normal(size=(9, 6)), D / np.linalg.norm(D, axis=1, keepdims=True)


@pytest.mark.parametrize("form", [Lasso(0.1), ElasticNet(0.5, 0.1), LogSum(0.2, 0.1)])
@pytest.mark.parametrize("positive", [True, False])
def test_no_small_step_lowers_the_value(data, form, positive):
    X, D = data
    Z = sparse_encode(X, D, alpha=0.1, penalty=form, positive=positive, tol=1e-10).codes
    best = form.value(X, D, Z)
    rng = np.random.default_rng(1)
    for size in (1e-2, 1e-4):
        for _ in range(200):
            near = Z + size * rng.normal(size=Z.shape) * (rng.random(Z.shape) < 0.3)
            near = np.maximum(near, 0) if positive else near
            assert (form.value(X, D, near) >= best - 1e-8).all()


def test_weights_are_kept_by_forms_that_have_some(data):
    assert Lasso(0.1).weighted(0.2).alpha == 0.2
    assert ElasticNet(0.5, 0.1).weighted(0.2).l2 == pytest.approx(0.1)
    assert LogSum(0.3, 0.1).weighted(0.2).epsilon == 0.3
    for form in (AtMost(3), WithinError(0.1)):
        assert form.weighted(7.0) is form and form.alpha == 1.0


@pytest.mark.parametrize("penalty", ["l3", "L1", ""])
def test_an_unknown_penalty_is_named_beside_the_known(data, penalty):
    X, D = data
    with pytest.raises(ValueError, match=rf"Unknown penalty {penalty!r}.*elastic_net"):
        sparse_encode(X, D, alpha=0.1, penalty=penalty)


def test_constrained_forms_are_no_penalties(data):
    X, D = data
    with pytest.raises(ValueError, match="constrained"):
        sparse_encode(X, D, alpha=0.1, penalty=AtMost(2))
    assert not {"l0", "bpdn"} & set(PENALTIES)
