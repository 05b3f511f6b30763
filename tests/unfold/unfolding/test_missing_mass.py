"""Exact bounds on rates and on what was never seen."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import binom

from unfold.unfolding.missing_mass import binomial_lower, binomial_upper, missing_mass


@pytest.mark.parametrize(("successes", "trials"), [(0, 30), (3, 50), (49, 50), (200, 1000)])
def test_upper_bound_solves_the_binomial_tail(successes, trials):
    p = binomial_upper(successes, trials, 0.95)
    np.testing.assert_allclose(binom.cdf(successes, trials, p), 0.05, rtol=1e-8)


def test_nothing_seen_gives_the_rule_of_three():
    assert binomial_upper(0, 1000, 0.95) == pytest.approx(3.0 / 1000, rel=0.01)


def test_bounds_are_mirror_images_and_trivial_without_trials():
    assert binomial_lower(7, 20) == pytest.approx(1 - binomial_upper(13, 20))
    assert (binomial_lower(0, 0), binomial_upper(0, 0)) == (0.0, 1.0)


@pytest.mark.parametrize("n", [5, 40])
def test_coverage_is_exact_at_every_rate(n):
    upper = np.array([binomial_upper(s, n, 0.9) for s in range(n + 1)])
    for p in np.linspace(0.01, 0.99, 25):
        covered = binom.pmf(np.arange(n + 1), n, p)[upper >= p].sum()
        assert covered >= 0.9 - 1e-12


def test_good_turing_estimates_and_bounds_what_was_not_seen():
    rng = np.random.default_rng(0)
    density = 0.5 / np.arange(1, 400)
    errors, covered = [], 0
    for _ in range(60):
        held = rng.random((300, density.size)) < density
        unseen = ~held.any(axis=0)
        truth = 1 - np.prod(1 - density[unseen])
        mass = missing_mass(held, confidence=0.9, random_state=rng.integers(2**31))
        errors.append(mass.estimate - truth)
        covered += mass.upper >= truth
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(len(errors)) + 0.01
    assert covered >= binom.ppf(0.001, 60, 0.9)


def test_sparse_and_dense_agree_and_complete_samples_miss_nothing():
    held = np.tile(np.eye(4, dtype=bool), (50, 1))
    dense, sparse = missing_mass(held), missing_mass(csr_array(held))
    assert dense == sparse
    assert dense.estimate == 0
    assert dense.upper == pytest.approx(binomial_upper(0, 100))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="2 samples"):
        missing_mass(np.ones((1, 3)))
    with pytest.raises(ValueError, match="confidence"):
        binomial_upper(1, 2, 1.0)
    with pytest.raises(ValueError, match="successes"):
        binomial_upper(3, 2)
