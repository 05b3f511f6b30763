"""The chance that a random direction passes for a sparse combination."""

import numpy as np
import pytest
from scipy.special import betainc, comb

from unfold.unfolding.explanations import log_binomial, log_cap, log_chance


def test_log_binomial_is_the_logarithm_of_comb():
    n, k = np.meshgrid(np.arange(1, 40), np.arange(0, 20))
    n, k = n[n >= k], k[n >= k]
    np.testing.assert_allclose(np.exp(log_binomial(n, k)), comb(n, k), rtol=1e-9)


@pytest.mark.parametrize("m", [2, 3, 5, 20, 100])
def test_cap_bounds_the_beta_probability_closely(m):
    q = np.arange(1, m)[:, None]
    x = np.array([1e-8, 1e-4, 1e-2, 0.1, 0.5])
    exact = np.log(np.maximum(betainc((m - q) / 2, q / 2, x), 1e-290))
    bound = log_cap(x, m, q)
    representable = exact > -660
    assert (bound >= exact - 1e-9)[representable].all()
    small = (x <= 1e-4) & representable
    assert (bound - exact)[small].max() < 0.05


def test_cap_matches_directions_drawn_at_random():
    rng = np.random.default_rng(0)
    u = rng.standard_normal((200_000, 6))
    outside = np.sum(u[:, 2:] ** 2, axis=1) / np.sum(u**2, axis=1)
    for rho_squared in (0.02, 0.1):
        share = np.mean(outside <= rho_squared)
        bound = np.exp(log_cap(np.array(rho_squared), 6, 2))
        assert share <= bound * 1.1
        assert bound <= 1.3 * share + 1e-4


def test_a_whole_space_is_always_near_and_nothing_never():
    assert log_cap(np.array(1e-9), 4, 4) == 0
    assert log_cap(np.array(0.5), 4, 0) == -np.inf


def test_the_weakest_tail_decides():
    # One dominant atom fits to 1%; the second and third share a remainder that they hardly fit.
    remainders = np.array([[1.0, 1e-3, 5e-4]])
    residual = np.array([2.5e-4])
    whole = log_binomial(30, 3) + log_cap(residual / 1.0, 10, 3)
    assert log_chance(remainders, residual, 30, 10)[0] > whole[()] + 5


def test_no_atoms_is_no_claim():
    assert log_chance(np.zeros((3, 0)), np.ones(3), 10, 5).tolist() == [-np.inf] * 3
