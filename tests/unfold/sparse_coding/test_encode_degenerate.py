"""Degenerate data: whatever it is, codes are finite, certified, and the status says so."""

import numpy as np
import pytest

from unfold.sparse_coding.certificates import duality_gap, kkt_residual
from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.solution import Status


def dictionaries():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(6, 5))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    return {
        "duplicate": np.vstack([base, base[:3]]),
        "antipodal": np.vstack([base, -base]),
        "collinear": np.vstack([base, 0.5 * base[:2], 3 * base[2:4]]),
        "rank_deficient": rng.normal(size=(12, 2)) @ rng.normal(size=(2, 5)),
        "overcomplete": rng.normal(size=(200, 5)),
        "one_atom": base[:1],
        "near_duplicate": np.vstack([base, base + 1e-7 * rng.normal(size=base.shape)]),
        "orthonormal": np.eye(5),
        "any_norm": base * np.array([[0.03], [30], [1], [10], [0.1], [5]]),
    }


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", sorted(dictionaries()))
def test_degenerate_dictionaries_are_solved(name, dtype, positive):
    D = dictionaries()[name].astype(dtype)
    X = np.random.default_rng(1).normal(size=(30, 5)).astype(dtype)
    X[3] = 0
    X[4] = D[0]
    # Codes reach 24 here, and alpha is 0.01: single precision resolves no smaller gap.
    tol = 1e-6 if dtype == np.float64 else 1e-4
    found = sparse_encode(X, D, alpha=0.01, positive=positive, tol=tol)
    again = duality_gap(
        X.astype(float), D.astype(float), found.codes.astype(float), 0.01, positive=positive
    )
    assert found.codes.dtype == dtype
    assert found.converged, [Status(s).sentence for s in np.unique(found.status)]
    assert (again <= 3 * tol).all()
    assert (found.codes[3] == 0).all()


@pytest.mark.parametrize("name", ["duplicate", "antipodal", "collinear", "overcomplete"])
@pytest.mark.parametrize("positive", [True, False])
def test_pursuits_survive_degenerate_dictionaries(name, positive):
    D = dictionaries()[name]
    X = np.random.default_rng(1).normal(size=(20, 5))
    X[0] = 0
    for budget in ({"n_nonzero": 3}, {"n_nonzero": 50}, {"error": 0.5}):
        found = sparse_encode(X, D, penalty="l0", positive=positive, **budget)
        assert np.isfinite(found.codes).all()
        assert not positive or found.codes.min() >= 0
        assert (found.codes[0] == 0).all()
        residual = np.linalg.norm(X - found.codes @ D, axis=1)
        kept = found.status == int(Status.CONVERGED)
        if "error" in budget:
            assert (residual[kept] <= 0.5 + 1e-9).all()
            assert (residual[~kept] > 0.5).all()


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_codes_scale_with_the_data(scale):
    rng = np.random.default_rng(2)
    D, X = rng.normal(size=(20, 8)), rng.normal(size=(15, 8))
    plain = sparse_encode(X, D, alpha=0.05)
    scaled = sparse_encode(scale * X, D, alpha=scale * 0.05)
    assert scaled.converged
    np.testing.assert_allclose(scaled.codes, scale * plain.codes, rtol=1e-8, atol=1e-12 * scale)


def test_zero_codes_at_and_above_the_largest_useful_alpha():
    rng = np.random.default_rng(3)
    D, x = rng.normal(size=(20, 8)), rng.normal(size=(1, 8))
    top = (x @ D.T).max()
    assert (sparse_encode(x, D, alpha=top).codes == 0).all()
    assert (sparse_encode(x, D, alpha=2 * top).codes == 0).all()
    assert (sparse_encode(x, D, alpha=0.99 * top).codes != 0).sum() == 1


def test_one_sample_of_one_dimension():
    found = sparse_encode([[2.0]], [[1.0], [-1.0]], alpha=0.5)
    np.testing.assert_allclose(found.codes, [[1.5, 0.0]])


def test_without_penalty_it_is_least_squares_with_a_kkt_certificate():
    from scipy.optimize import nnls

    rng = np.random.default_rng(4)
    D, X = rng.normal(size=(6, 9)), rng.normal(size=(10, 9))
    found = sparse_encode(X, D, alpha=0.0)
    assert found.certificate_kind == "kkt_residual"
    assert found.converged
    np.testing.assert_allclose(found.codes, [nnls(D.T, x)[0] for x in X], atol=1e-6)
    np.testing.assert_allclose(found.certificate, kkt_residual(X, D, found.codes, 0.0), atol=1e-12)
    free = sparse_encode(X, D, alpha=0.0, positive=False, tol=1e-10).codes
    np.testing.assert_allclose(free, np.linalg.lstsq(D.T, X.T, rcond=None)[0].T, atol=1e-8)


def test_permuting_and_rotating_changes_nothing_but_order():
    rng = np.random.default_rng(5)
    D, X = rng.normal(size=(20, 8)), rng.normal(size=(15, 8))
    Q = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    order = rng.permutation(20)
    plain = sparse_encode(X, D, alpha=0.3).codes
    moved = sparse_encode(X @ Q, (D @ Q)[order], alpha=0.3).codes
    np.testing.assert_allclose(moved, plain[:, order], atol=1e-9)


def test_mean_is_subtracted():
    rng = np.random.default_rng(6)
    D, X, mean = rng.normal(size=(9, 4)), rng.normal(size=(5, 4)), rng.normal(size=4)
    np.testing.assert_array_equal(
        sparse_encode(X, D, alpha=0.1, mean=mean).codes,
        sparse_encode(X - mean, D, alpha=0.1).codes,
    )


@pytest.mark.parametrize("positive", [True, False])
def test_debiasing_removes_the_shrinkage(positive):
    rng = np.random.default_rng(7)
    D = rng.normal(size=(30, 15))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = np.zeros((10, 30))
    Z[np.arange(10), np.arange(10)] = 1
    Z[np.arange(10), np.arange(10) + 15] = 0.8 if positive else -0.8
    found = sparse_encode(Z @ D, D, alpha=0.02, positive=positive, debias=True)
    shrunk = sparse_encode(Z @ D, D, alpha=0.02, positive=positive)
    assert abs(found.codes - Z).max() < 1e-8
    assert abs(shrunk.codes - Z).max() > 1e-2
    assert found.certificate_kind == "relative_residual"
    assert found.certificate.max() < 1e-9
