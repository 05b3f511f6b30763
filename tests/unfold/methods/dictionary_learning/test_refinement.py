"""The polish as a method: nearly right dictionaries become right ones."""

import numpy as np
import pytest

from unfold.methods.dictionary_learning.refinement import Refinement
from unfold.testing import check_method


def planted(n=20_000, sigma=0.0, d=16, k=32, p=0.05, seed=0):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((n, k)) < p) * rng.random((n, k))
    return Z @ D + sigma * rng.standard_normal((n, d)), D, Z


def shaken(D, size=0.05, seed=1):
    return D + size * np.random.default_rng(seed).standard_normal(D.shape)


def cosines(D, found):
    return (D * found).sum(axis=1)


def test_without_noise_directions_become_exact():
    X, D, _ = planted()
    found = Refinement(start=shaken(D)).fit(X)
    assert cosines(D, found.components_).min() > 1 - 1e-7
    assert found.noise_ == 0


def test_with_noise_they_end_near_least_squares_given_the_codes():
    X, D, Z = planted(n=40_000, sigma=0.02)
    found = Refinement(start=shaken(D)).fit(X)
    best = np.linalg.lstsq(Z, X, rcond=None)[0]
    best /= np.linalg.norm(best, axis=1, keepdims=True)
    errors = [np.sqrt((1 - cosines(D, one) ** 2).mean()) for one in (found.components_, best)]
    assert errors[0] < 2 * errors[1]
    assert found.noise_ == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_rotation_order_and_scale_do_not_matter(scale):
    X, D, _ = planted()
    rng = np.random.default_rng(2)
    Q = np.linalg.qr(rng.standard_normal((16, 16)))[0]
    moved = Refinement(start=shaken(D) @ Q).fit(scale * X[rng.permutation(len(X))] @ Q)
    assert cosines(D @ Q, moved.components_).min() > 1 - 1e-7


@pytest.mark.parametrize("start", [np.ones((3, 5)), np.zeros((3, 16)), np.full((3, 16), np.nan)])
def test_impossible_starts_are_refused(start):
    with pytest.raises(ValueError, match=r"start must be finite directions of shape \(k, 16\)"):
        Refinement(start=start).fit(planted(n=100)[0])


def test_conforms():
    report = check_method(Refinement(max_iter=5))
    assert report.ok, str(report)
