"""Leave-one-out pruning against refits from scratch, and what it does for supports."""

import numpy as np
import pytest

from unfold import sparse_encode
from unfold.arrays import unit_rows
from unfold.sparse_coding.debias import debias
from unfold.sparse_coding.leave_one_out import leave_one_out


def noisy(sigma=0.05, n=400, k=40, d=20, seed=0):
    rng = np.random.default_rng(seed)
    D = np.asarray(unit_rows(rng.standard_normal((k, d))))
    Z = (rng.random((n, k)) < 0.08) * rng.uniform(0.5, 1, (n, k))
    return Z @ D + sigma * rng.standard_normal((n, d)), D, Z


def loss(x, A):
    return 0.5 * float(np.sum((x - A.T @ np.linalg.lstsq(A.T, x, rcond=None)[0]) ** 2))


def test_every_atom_that_stays_is_worth_its_price_and_values_are_least_squares():
    X, D, _ = noisy()
    Z = sparse_encode(X, D, alpha=0.02, positive=False).codes
    found = leave_one_out(X, D, Z, 0.02, positive=False)
    assert 0 < np.count_nonzero(found) < np.count_nonzero(Z)
    np.testing.assert_allclose(found, debias(X, D, found, positive=False), atol=1e-9)
    for x, z in zip(X[:60], found[:60], strict=True):
        on = np.flatnonzero(z)
        for j in on:
            assert loss(x, D[on[on != j]]) - loss(x, D[on]) >= 0.02 - 1e-9


def test_the_first_to_go_is_the_one_that_matters_least():
    """One removal, brute force: of all atoms it raises the loss least."""
    X, D, _ = noisy(n=50)
    Z = sparse_encode(X, D, penalty="l0", n_nonzero=4, positive=False).codes
    for x, z in zip(X, Z, strict=True):
        on = np.flatnonzero(z)
        rises = [loss(x, D[on[on != j]]) - loss(x, D[on]) for j in on]
        second = np.sort(rises)[:2].mean()
        left = np.flatnonzero(leave_one_out(x[None], D, z[None], second, positive=False)[0])
        assert on[int(np.argmin(rises))] not in left


def test_a_price_of_nothing_refits_and_non_negative_codes_stay_so():
    X, D, _ = noisy()
    signed = sparse_encode(X, D, alpha=0.05, positive=False).codes
    np.testing.assert_allclose(
        leave_one_out(X, D, signed, 0.0, positive=False),
        debias(X, D, signed, positive=False),
        atol=1e-9,
    )
    found = sparse_encode(X, D, alpha=0.01, prune=0.01, sparse_output=True)
    assert found.codes.data.min() > 0


def test_supports_come_closer_to_the_truth():
    """F1 of the support, noise .05: an atom is worth what being on costs in noise."""
    sigma = 0.05
    X, D, Z = noisy(sigma)

    def f1(codes):
        hit = np.count_nonzero((codes != 0) & (Z != 0))
        return 2 * hit / (np.count_nonzero(codes) + np.count_nonzero(Z))

    plain = sparse_encode(X, D, alpha=2 * sigma).codes
    pruned = sparse_encode(X, D, alpha=2 * sigma, prune=sigma**2 * np.log(1 / 0.08)).codes
    assert f1(pruned) > f1(plain) + 0.05


@pytest.mark.parametrize("price", [-1.0, np.nan, np.inf])
def test_prices_that_are_none_are_refused(price):
    X, D, Z = noisy(n=5)
    with pytest.raises(ValueError, match="prune must be a finite price"):
        leave_one_out(X, D, Z, price)


def test_equal_atoms_keep_their_codes():
    D = np.array([[1.0, 0.0], [1.0, 0.0]])
    Z = np.array([[0.5, 0.5]])
    np.testing.assert_array_equal(leave_one_out(np.array([[1.0, 0.0]]), D, Z, 0.1), Z)
