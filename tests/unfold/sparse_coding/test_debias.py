"""Least squares on a support, against scipy's on each sample."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.optimize import nnls

from unfold.sparse_coding.debias import debias


def example(n=200, k=30, d=12, dtype=np.float64, seed=0):
    draw = np.random.default_rng(seed)
    D = draw.standard_normal((k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    support = draw.random((n, k)) < 0.12
    truth = support * draw.standard_normal((n, k))
    X = truth @ D + 0.1 * draw.standard_normal((n, d))
    Z = support * (0.1 + draw.random((n, k)))  # right support, wrong values
    return X.astype(dtype), D.astype(dtype), Z.astype(dtype)


def by_scipy(X, D, Z, positive):
    out = np.zeros_like(Z, dtype=np.float64)
    for i, x in enumerate(X):
        on = np.flatnonzero(Z[i])
        if len(on):
            A = D[on].T
            out[i, on] = nnls(A, x)[0] if positive else np.linalg.lstsq(A, x, rcond=None)[0]
    return out


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 2e-4)])
def test_values_are_scipys_on_every_support(positive, dtype, tolerance):
    X, D, Z = example(dtype=dtype)
    found = debias(X, D, Z, positive=positive)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, by_scipy(X, D, Z, positive), atol=tolerance)


@pytest.mark.parametrize("positive", [True, False])
def test_the_kind_of_codes_is_kept(positive):
    X, D, Z = example()
    dense = debias(X, D, Z, positive=positive)
    rows = debias(X, D, sparse.csr_array(Z), positive=positive)
    assert isinstance(rows, sparse.csr_array)
    assert (rows.data != 0).all()
    np.testing.assert_array_equal(rows.toarray(), dense)
    tensors = debias(*(torch.as_tensor(A) for A in (X, D, Z)), positive=positive)
    assert isinstance(tensors, torch.Tensor)
    np.testing.assert_array_equal(tensors.numpy(), dense)


@pytest.mark.parametrize("positive", [True, False])
def test_residuals_are_orthogonal_to_active_atoms(positive):
    X, D, Z = example(seed=1)
    found = debias(X, D, Z, positive=positive)
    slope = (X - found @ D) @ D.T
    assert np.abs(slope[found != 0]).max() < 1e-9
    if positive:
        assert found.min() >= 0
        assert slope[(Z != 0) & (found == 0)].max() < 1e-9


def test_dependent_atoms_give_the_least_residual_there_is():
    """Twice the same atom, and more atoms than dimensions: the fit is unique, codes are not."""
    draw = np.random.default_rng(2)
    D = draw.standard_normal((8, 3))
    D[1] = D[0]
    X, Z = draw.standard_normal((20, 3)), np.ones((20, 8))
    assert np.abs(debias(X, D, Z, positive=False) @ D - X).max() < 1e-9
    two = debias(X, D[:2], Z[:, :2], positive=False) @ D[:2]
    np.testing.assert_allclose(two, np.outer(X @ D[0] / (D[0] @ D[0]), D[0]), atol=1e-9)
    found = debias(X, D, Z, positive=True)
    np.testing.assert_allclose(
        np.linalg.norm(X - found @ D, axis=1), [nnls(D.T, x)[1] for x in X], atol=1e-9
    )


def test_nothing_active_stays_nothing():
    X, D, _ = example(n=5)
    assert not debias(X, D, np.zeros((5, 30))).any()
    assert debias(X[:0], D, np.zeros((0, 30))).shape == (0, 30)
