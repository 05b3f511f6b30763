"""Guarantees against closed forms and brute force."""

import itertools

import numpy as np
import pytest

from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.guarantees import (
    SparkBounds,
    babel,
    dual_certificate,
    exact_recovery_coefficient,
    guaranteed_sparsity,
    mutual_coherence,
    spark_bounds,
    welch_bound,
)


@pytest.fixture
def D():
    return np.random.default_rng(0).normal(size=(9, 4))


def brute_spark(D):
    for m in range(1, len(D) + 1):
        for support in itertools.combinations(range(len(D)), m):
            if np.linalg.matrix_rank(D[list(support)]) < m:
                return m
    return len(D) + 1


def test_coherence_ignores_norms_signs_and_rotations(D):
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    scale = rng.uniform(0.1, 5, size=(9, 1)) * rng.choice([-1, 1], size=(9, 1))
    assert mutual_coherence(scale * D @ Q) == pytest.approx(mutual_coherence(D), abs=1e-12)


def test_three_atoms_at_120_degrees_attain_the_welch_bound():
    angles = 2 * np.pi * np.arange(3) / 3
    D = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert mutual_coherence(D) == pytest.approx(0.5)
    assert welch_bound(3, 2) == pytest.approx(0.5)
    np.testing.assert_allclose(babel(D), [0.5, 1.0])


def test_babel_is_the_worst_sum_over_supports(D):
    unit = D / np.linalg.norm(D, axis=1, keepdims=True)
    G = abs(unit @ unit.T)
    worst = max(
        G[j, list(s)].sum()
        for s in itertools.combinations(range(9), 3)
        for j in range(9)
        if j not in s
    )
    assert babel(D)[2] == pytest.approx(worst)
    assert (np.diff(babel(D)) >= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_spark_lies_within_its_bounds(seed):
    D = np.random.default_rng(seed).normal(size=(6, 4))
    D[5] = D[0] + D[1] if seed % 2 else D[5]
    bounds = spark_bounds(D)
    assert bounds.lower <= brute_spark(D) <= bounds.upper


def test_spark_of_orthonormal_collinear_and_zero_atoms():
    assert spark_bounds(np.eye(3)) == SparkBounds(4, 4)
    assert spark_bounds(np.array([[1.0, 0], [-2, 0], [0, 1]])) == SparkBounds(2, 2)
    assert spark_bounds(np.array([[1.0, 0], [0, 0]])) == SparkBounds(1, 1)


def test_guaranteed_sparsity_is_kept_by_every_support():
    # Identity and Hadamard: coherence 1/4 in 16 dimensions.
    H = np.ones((1, 1))
    for _ in range(4):
        H = np.block([[H, H], [H, -H]])
    D = np.vstack([np.eye(16), H / 4])
    m = guaranteed_sparsity(D)
    assert m == 2  # (1 + 1/mu) / 2 = 2.5
    rng = np.random.default_rng(0)
    for _ in range(20):
        support = rng.choice(32, m, replace=False)
        assert exact_recovery_coefficient(D, support) < 1


def test_exact_recovery_coefficient_below_one_means_omp_succeeds():
    rng = np.random.default_rng(2)
    D = rng.normal(size=(12, 8))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    checked = 0
    for support in itertools.combinations(range(12), 2):
        if exact_recovery_coefficient(D, support) < 1:
            z = np.zeros((1, 12))
            z[0, support] = rng.normal(size=2)
            found = sparse_encode(z @ D, D, penalty="l0", n_nonzero=2, positive=False).codes
            np.testing.assert_allclose(found, z, atol=1e-9)
            checked += 1
    assert checked > 10


def test_exact_recovery_coefficient_edge_cases(D):
    assert exact_recovery_coefficient(D, []) == 0
    assert exact_recovery_coefficient(np.eye(3), [0, 1]) == 0
    assert np.isinf(exact_recovery_coefficient(np.ones((3, 2)), [0, 1]))
    with pytest.raises(ValueError, match="support"):
        exact_recovery_coefficient(D, [99])
    with pytest.raises(ValueError, match="twice"):
        exact_recovery_coefficient(D, [1, 1])


@pytest.mark.parametrize("positive", [True, False])
def test_certified_codes_are_what_basis_pursuit_finds(positive):
    rng = np.random.default_rng(4)
    D = rng.normal(size=(20, 10))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((40, 20)) < 0.12) * (0.2 + rng.random((40, 20)))
    if not positive:
        Z *= rng.choice([-1, 1], size=Z.shape)
    certificate = dual_certificate(D, Z, positive=positive)
    found = sparse_encode(Z @ D, D, error=0.0, positive=positive).codes
    assert certificate.unique.sum() > 5
    np.testing.assert_allclose(found[certificate.unique], Z[certificate.unique], atol=1e-6)
    assert (certificate.unique == (certificate.margin > 1e-9)).all()


def test_signed_codes_are_not_certified_as_positive(D):
    Z = np.zeros((2, 9))
    Z[0, 0] = -1
    certificate = dual_certificate(D, Z)
    assert not certificate.unique[0]
    assert certificate.unique[1]
    with pytest.raises(ValueError, match="columns"):
        dual_certificate(D, Z[:, :3])
