"""A status is true: CONVERGED meets what was asked for, INFEASIBLE cannot be met by any code."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.forms import ElasticNet, LogSum
from unfold.sparse_coding.solution import Status

PURSUITS = ("omp", "block_pursuit", "batched_omp", "matching_pursuit")


def sums_of_four(seed=0, n=120, k=64, d=32, signed=False):
    """Return samples that are exact sums of four unit atoms, the atoms, and the codes."""
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = np.zeros((n, k))
    for row in Z:
        row[rng.choice(k, 4, replace=False)] = rng.uniform(0.5, 1.5, 4)
    if signed:
        Z *= rng.choice([-1, 1], size=Z.shape)
    return Z @ D, D, Z


def residuals(X, D, codes):
    codes = codes.toarray() if hasattr(codes, "toarray") else np.asarray(codes)
    return np.linalg.norm(X.astype(float) - codes.astype(float) @ D.astype(float), axis=1)


@pytest.mark.parametrize("solver", PURSUITS)
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("error", [1.0, 0.1, 1e-3, 1e-6, 1e-9])
def test_converged_within_error_and_only_then(solver, positive, dtype, error):
    X, D, _ = sums_of_four(n=60, signed=not positive)
    X[:5] += 0.3 * np.random.default_rng(1).normal(size=(5, 32))
    X, D = X.astype(dtype), D.astype(dtype)
    found = sparse_encode(X, D, penalty="l0", error=error, positive=positive, solver=solver)
    left = residuals(X, D, found.codes)
    assert (left[found.status == Status.CONVERGED] <= error * (1 + 1e-12)).all()
    assert (found.status[left <= error * (1 - 1e-12)] == Status.CONVERGED).all()
    for i in np.flatnonzero(found.status == Status.INFEASIBLE):
        target = X[i].astype(float)
        least = (
            nnls(D.T.astype(float), target)[1]
            if positive
            else np.linalg.lstsq(D.T.astype(float), target, rcond=None)[1].sum() ** 0.5
        )
        assert least > error


@pytest.mark.parametrize("error", [1e-8, 1e-10, 1e-13])
@pytest.mark.parametrize("solver", ["omp", "block_pursuit", "batched_omp"])
def test_tight_bounds_are_met_on_exactly_sparse_data(solver, error):
    X, D, _ = sums_of_four()
    found = sparse_encode(X, D, penalty="l0", error=error, solver=solver)
    assert found.converged
    assert ((found.codes != 0).sum(1) <= 8).all()


@pytest.mark.parametrize("solver", PURSUITS)
@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_no_non_negative_code_points_the_other_way(solver, kind):
    x, D = kind(np.array([[-1.0, 0.0]])), kind(np.array([[1.0, 0.0]]))
    found = sparse_encode(x, D, penalty="l0", error=0.1, solver=solver)
    assert int(found.status[0]) == Status.INFEASIBLE
    assert float(found.certificate[0]) == 1.0


@pytest.mark.parametrize("dtype,floor", [(np.float64, 1e-13), (np.float32, 1e-6)])
@pytest.mark.parametrize("budget", [{"n_nonzero": 8}, {"n_nonzero": 2}, {"error": 1e-2}])
@pytest.mark.parametrize("solver", [*PURSUITS, "auto"])
@pytest.mark.parametrize("sparse_output", [True, False])
def test_certificates_are_residuals(dtype, floor, budget, solver, sparse_output):
    X, D, _ = sums_of_four()
    X, D = X.astype(dtype), D.astype(dtype)
    found = sparse_encode(X, D, penalty="l0", solver=solver, sparse_output=sparse_output, **budget)
    assert found.codes.dtype == dtype
    true = residuals(X, D, found.codes) / np.linalg.norm(X, axis=1)
    np.testing.assert_allclose(found.certificate, true, rtol=1e-3, atol=floor)


def test_certificates_of_the_mixed_precision_search_are_residuals():
    X, D, _ = sums_of_four(k=600, d=64, n=200)
    found = sparse_encode(X, D, penalty="l0", n_nonzero=6)
    true = residuals(X, D, found.codes) / np.linalg.norm(X, axis=1)
    np.testing.assert_allclose(found.certificate, true, rtol=1e-3, atol=1e-14)


@pytest.mark.parametrize("solver", ["omp", "block_pursuit", "batched_omp"])
@pytest.mark.parametrize("shape", [(64, 32), (20, 30), (96, 8)])
@pytest.mark.parametrize("seed", [0, 1])
def test_non_negative_pursuit_of_all_atoms_is_non_negative_least_squares(solver, shape, seed):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=shape) * rng.uniform(0.2, 3, size=(shape[0], 1))
    X = rng.normal(size=(50, shape[1]))
    found = sparse_encode(X, D, penalty="l0", n_nonzero=shape[0], solver=solver)
    best = np.array([nnls(D.T, x)[1] for x in X])
    assert found.converged
    assert (found.codes >= 0).all()
    np.testing.assert_allclose(residuals(X, D, found.codes), best, atol=1e-7)


@pytest.mark.parametrize("positive", [True, False])
def test_two_implementations_of_one_pursuit_agree(positive):
    X, D, _ = sums_of_four(signed=not positive)
    X = X + 0.05 * np.random.default_rng(3).normal(size=X.shape)
    one, two = (
        sparse_encode(X, D, penalty="l0", error=0.4, positive=positive, solver=s)
        for s in ("omp", "batched_omp")
    )
    np.testing.assert_array_equal(one.status, two.status)
    np.testing.assert_allclose(one.codes, two.codes, atol=1e-8)


FORMS = [
    ({"alpha": 1}, "auto"),
    ({"alpha": 1}, "fista"),
    ({"alpha": 1}, "coordinate_descent"),
    ({"alpha": 1}, "lca"),
    ({"error": 1}, "auto"),
    ({"penalty": "l0", "n_nonzero": 3}, "auto"),
    ({"penalty": "l0", "n_nonzero": 3}, "batched_omp"),
    ({"penalty": "l0", "error": 1}, "auto"),
    ({"penalty": "log_sum", "alpha": 1}, "auto"),
    ({"penalty": "elastic_net", "alpha": 1}, "auto"),
]


@pytest.mark.parametrize("form,solver", FORMS, ids=[f"{s}-{'-'.join(f)}" for f, s in FORMS])
@pytest.mark.parametrize("scale", [1e-24, 1e-13, 1e13, 1e20])
@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_codes_follow_the_unit_of_the_data(form, solver, scale, kind):
    """X -> s X, alpha -> s alpha, error -> s error gives s Z, in single precision too."""
    X, D, _ = sums_of_four(n=20, k=40, d=15)

    def solve(s):
        sized = {name: 0.05 * s if name in ("alpha", "error") else form[name] for name in form}
        if form.get("penalty") == "log_sum":
            sized["penalty"] = LogSum(epsilon=0.1 * s)
        if form.get("penalty") == "elastic_net":
            # the ridge is a share of alpha, and does not grow with the data
            sized["penalty"] = ElasticNet(ridge=0.1 / s)
        data = kind((X * s).astype(np.float32))
        found = sparse_encode(data, kind(D.astype(np.float32)), solver=solver, tol=1e-4, **sized)
        return np.asarray(found.codes, float) / s, np.asarray(found.status)

    (one, status), (other, states) = solve(1.0), solve(scale)
    np.testing.assert_array_equal(status, states)
    np.testing.assert_allclose(other, one, atol=2e-2)
    np.testing.assert_array_equal((other > 0.1), (one > 0.1))


@pytest.mark.parametrize("sparse_output", [True, False])
@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize("form", [{"alpha": 0.01}, {"penalty": "l0", "n_nonzero": 4}])
def test_a_huge_row_leaves_the_others_as_they_are(form, kind, sparse_output):
    X, D, _ = sums_of_four(n=12)
    X = X.astype(np.float32)
    both = X.copy()
    both[[3, 7]] *= np.float32([[1e20], [1e-20]])

    def codes(data):
        found = sparse_encode(
            kind(data), kind(D.astype(np.float32)), sparse_output=sparse_output, tol=1e-4, **form
        ).codes
        dense = found.to_dense() if hasattr(found, "to_dense") else found
        return dense.toarray() if hasattr(dense, "toarray") else np.asarray(dense)

    others = np.delete(np.arange(12), [3, 7])
    np.testing.assert_allclose(codes(both)[others], codes(X)[others], atol=1e-6)
    assert codes(both)[3].max() > 1e18


def test_large_and_small_atoms():
    X, D, Z = sums_of_four(n=20)
    for size in (1e-15, 1e15):
        found = sparse_encode(
            X.astype(np.float32), (D * size).astype(np.float32), penalty="l0", n_nonzero=4
        )
        exact = found.certificate < 1e-5
        assert exact.mean() > 0.8
        np.testing.assert_allclose(found.codes[exact] * size, Z[exact], atol=1e-4)


GRAMS = {
    "NaN": lambda G: np.full_like(G, np.nan),
    "one NaN": lambda G: np.where(np.arange(G.size).reshape(G.shape) == 7, np.nan, G),
    "infinite": lambda G: G * np.inf,
    "identity": lambda G: np.eye(len(G)),
    "other atoms": lambda G: np.roll(G, 1, axis=(0, 1)),
    "twice": lambda G: 2 * G,
    "one entry": lambda G: G + 0.1 * (np.arange(G.size).reshape(G.shape) == 7),
}


@pytest.mark.parametrize("name", GRAMS)
@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize("form", [{"alpha": 0.1}, {"penalty": "l0", "n_nonzero": 5}])
def test_a_gram_matrix_of_other_atoms_is_refused(name, kind, form):
    X, D, _ = sums_of_four()
    with np.errstate(invalid="ignore"):
        gram = GRAMS[name](D @ D.T)
    with pytest.raises(ValueError, match="gram"):
        sparse_encode(kind(X), kind(D), gram=kind(gram), **form)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_right_gram_matrix_is_taken_in_either_precision(dtype):
    X, D, _ = sums_of_four()
    with_gram = sparse_encode(X, D, penalty="l0", n_nonzero=4, gram=(D @ D.T).astype(dtype))
    np.testing.assert_allclose(
        with_gram.codes, sparse_encode(X, D, penalty="l0", n_nonzero=4).codes, atol=1e-5
    )
