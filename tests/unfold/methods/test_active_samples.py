"""Which samples are more than noise: whatever their units, and whether or not there is noise."""

import numpy as np
import pytest

from unfold.methods.active_samples import active_samples, noise_norm, unit_samples


def sparse_data(d=40, n=5000, sigma=0.0):
    rng = np.random.default_rng(0)
    D = rng.standard_normal((60, d)) / np.sqrt(d)
    Z = (rng.random((n, 60)) < 0.01) * (0.5 + rng.random((n, 60)))
    return Z @ D + sigma * rng.standard_normal((n, d)), Z.any(axis=1)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_zero_samples_are_silent_in_any_unit(unit):
    X, some = sparse_data()
    assert np.array_equal(active_samples(unit * X), some)
    assert np.linalg.norm(unit_samples(unit * X), axis=1) == pytest.approx(1)
    assert not active_samples(np.zeros((3, 2))).any()


@pytest.mark.parametrize("sigma", [0.01, 0.02])
def test_noise_is_measured_and_left_out(sigma):
    X, some = sparse_data(sigma=sigma)
    noise = noise_norm(X, np.random.RandomState(0))
    assert noise == pytest.approx(sigma * np.sqrt(40), rel=0.1)
    assert np.mean(active_samples(X, noise=noise) == some) > 0.99


def test_no_noise_is_seen_where_there_is_none():
    rng = np.random.RandomState(0)
    X, some = sparse_data()
    assert noise_norm(X[some], rng) == 0
    assert noise_norm(X[:, :4], rng) == 0
