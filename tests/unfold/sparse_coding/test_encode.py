"""The front door: certificates recomputed from scratch, degenerate data, and clear errors."""

import numpy as np
import pytest
from scipy.sparse import issparse
from sklearn.linear_model import Lasso

from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.forms import ElasticNet
from unfold.sparse_coding.solution import Status


def planted(k, d, density, n, seed=0, positive=True):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((n, k)) < density) * rng.random((n, k))
    if not positive:
        Z *= rng.choice([-1.0, 1.0], size=Z.shape)
    return Z @ D, D, Z


def objective(X, D, Z, alpha):
    return 0.5 * ((X - Z @ D) ** 2).sum(1) + alpha * abs(Z).sum(1)


def gap(X, D, Z, alpha, positive):
    """Primal minus dual value, relative to the objective at zero, written out from scratch."""
    X, D, Z = (np.asarray(A, np.float64) for A in (X, D, Z))
    R = X - Z @ D
    C = R @ D.T
    top = (C if positive else abs(C)).max(1)
    scale = np.minimum(1, alpha / np.maximum(top, 1e-300))[:, None]
    dual = 0.5 * (X**2).sum(1) - 0.5 * ((X - scale * R) ** 2).sum(1)
    reference = np.maximum(0.5 * (X**2).sum(1), 1e-300)
    return (objective(X, D, Z, alpha) - dual) / reference


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("alpha", [1e-4, 0.02, 0.3])
def test_lasso_certificate_holds_when_recomputed(positive, alpha):
    X, D, _ = planted(60, 20, 0.05, 50, positive=positive)
    solution = sparse_encode(X, D, alpha=alpha, positive=positive)
    recomputed = gap(X, D, solution.codes, alpha, positive)
    assert solution.converged
    assert solution.certificate_kind == "relative_duality_gap"
    assert (abs(recomputed) <= 1e-6).all()
    np.testing.assert_allclose(solution.certificate, recomputed, atol=1e-12)


@pytest.mark.parametrize("positive", [True, False])
def test_lasso_matches_scikit_learn(positive):
    X, D, _ = planted(40, 16, 0.1, 40, positive=positive)
    ours = sparse_encode(X, D, alpha=0.05, positive=positive).codes
    # scikit-learn divides the squared error by the number of rows, here d = 16.
    lasso = Lasso(
        alpha=0.05 / 16,
        positive=positive,
        fit_intercept=False,
        tol=1e-12,
        max_iter=100_000,
        random_state=0,
    )
    theirs = lasso.fit(D.T, X.T).coef_
    np.testing.assert_allclose(
        objective(X, D, ours, 0.05), objective(X, D, theirs, 0.05), rtol=1e-9
    )
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_elastic_net_is_the_lasso_of_augmented_data():
    X, D, _ = planted(30, 12, 0.1, 20)
    ridge = 0.5
    ours = sparse_encode(X, D, alpha=0.05, penalty=ElasticNet(ridge)).codes
    augmented = np.hstack([D, np.sqrt(0.05 * ridge) * np.eye(30)])
    same = sparse_encode(np.hstack([X, np.zeros((20, 30))]), augmented, alpha=0.05).codes
    np.testing.assert_allclose(ours, same, atol=1e-10)


def test_csr_codes_equal_dense_ones():
    X, D, _ = planted(40, 16, 0.1, 300)
    dense = sparse_encode(X, D, alpha=0.05).codes
    sparse = sparse_encode(X, D, alpha=0.05, sparse_output=True, n_threads=2).codes
    assert issparse(sparse)
    np.testing.assert_array_equal(sparse.toarray(), dense)


def test_status_tells_of_starvation():
    from unfold.sparse_coding.solvers.active_set import ActiveSet

    X, D, _ = planted(40, 16, 0.3, 20)
    starved = sparse_encode(X, D, alpha=1e-3, solver=ActiveSet(max_iter=1))
    assert not starved.converged
    assert (starved.status == int(Status.MAX_ITER)).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.full((3, 4), np.nan)}, "NaN"),
        ({"D": np.full((5, 4), np.inf)}, "infinity"),
        ({"X": np.ones((3, 7))}, "dimensions"),
        ({"X": np.ones((0, 4))}, "sample"),
        ({"D": np.vstack([np.eye(4), np.zeros((1, 4))])}, "zero atom"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": np.ones(3)}, "alpha"),
        ({"alpha": -np.ones(5)}, "alpha"),
        ({"alpha": None}, "alpha"),
        ({"penalty": "l7"}, "penalty"),
        ({"penalty": "l0"}, "n_nonzero"),
        ({"penalty": "l0", "n_nonzero": 0}, "n_nonzero"),
        ({"n_nonzero": 3}, "n_nonzero"),
        ({"error": -1.0}, "error"),
        ({"solver": "magic"}, "solver"),
        ({"solver": "omp"}, "OMP does not solve lasso"),
        ({"mean": np.ones(3)}, "mean"),
        ({"gram": np.eye(3)}, "gram"),
        ({"tol": 0.0}, "tol"),
        ({"n_threads": 0}, "n_threads"),
    ],
)
def test_bad_input_gets_a_clear_error(change, message):
    rng = np.random.default_rng(0)
    given = {"X": rng.normal(size=(3, 4)), "D": rng.normal(size=(5, 4)), "alpha": 0.1} | change
    with pytest.raises(ValueError, match=message):
        sparse_encode(given.pop("X"), given.pop("D"), **given)
