"""Intervals, ranks, ties and tests, against closed forms and reference implementations."""

import numpy as np
import pytest
from scipy.stats import wilcoxon

from evaluation.boards import statistics as st


def test_cell_weights_average_seeds_before_problems():
    weights = st.cell_weights(np.array(["a", "b", "b", "b", "b"]))
    np.testing.assert_allclose(weights, [1 / 2, 1 / 8, 1 / 8, 1 / 8, 1 / 8])


def test_bootstrap_weights_sum_to_one_and_average_to_the_plain_mean():
    problem = np.repeat(["a", "b", "c"], [4, 2, 3])[[3, 0, 8, 1, 5, 2, 4, 7, 6]]
    weights = st.bootstrap_weights(problem, n_draws=20_000, seed=1)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights.mean(axis=0), st.cell_weights(problem), atol=0.003)


def test_bootstrap_variance_has_both_levels():
    # Var(mean) = between / P + within / (P S): the closed form of the two-level bootstrap.
    rng = np.random.default_rng(0)
    problems, seeds = 12, 5
    values = rng.standard_normal((problems, 1)) + 0.7 * rng.standard_normal((problems, seeds))
    weights = st.bootstrap_weights(np.repeat(np.arange(problems), seeds), n_draws=20_000)
    found = (weights @ values.ravel()).var()
    expected = values.mean(axis=1).var() / problems + values.var(axis=1).mean() / problems / seeds
    assert found == pytest.approx(expected, rel=0.05)


def test_one_problem_resamples_its_seeds_only():
    weights = st.bootstrap_weights(np.zeros(4, dtype=int), n_draws=4000)
    values = np.array([0.0, 1, 2, 3])
    assert (weights @ values).var() == pytest.approx(values.var() / 4, rel=0.1)


def test_intervals_cover_the_true_mean_as_often_as_promised():
    rng = np.random.default_rng(3)
    problem = np.repeat(np.arange(15), 3)
    weights = st.bootstrap_weights(problem, n_draws=400)
    hits = 0
    for _ in range(300):
        values = rng.standard_normal((15, 1)) + 0.5 * rng.standard_normal((15, 3))
        samples = (weights @ values.ravel())[:, None]
        found = st.spread(np.array([values.mean()]), samples)
        hits += bool(found.low[0] <= 0 <= found.high[0])
    assert 0.88 <= hits / 300 <= 0.98


def test_a_clear_order_has_sharp_ranks_and_its_own_groups():
    rng = np.random.default_rng(0)
    samples = np.array([0.9, 0.5, 0.1]) + 0.01 * rng.standard_normal((500, 3))
    found = st.spread(np.array([0.9, 0.5, 0.1]), samples)
    np.testing.assert_array_equal(found.rank_low, [1, 2, 3])
    np.testing.assert_array_equal(found.rank_high, [1, 2, 3])
    np.testing.assert_array_equal(found.group, [1, 2, 3])
    assert (found.low < [0.9, 0.5, 0.1]).all() and (found.high > [0.9, 0.5, 0.1]).all()


def test_twins_share_group_and_rank_interval():
    rng = np.random.default_rng(0)
    one = rng.standard_normal((500, 1)) * 0.05
    samples = np.hstack([0.8 + one, 0.8 + one, 0.3 + one])
    found = st.spread(np.array([0.8, 0.8, 0.3]), samples)
    np.testing.assert_array_equal(found.group, [1, 1, 2])
    np.testing.assert_array_equal(found.rank_low, [1, 1, 3])
    np.testing.assert_array_equal(found.rank_high, [2, 2, 3])


def test_pairing_tells_apart_what_wide_intervals_would_not():
    common = np.random.default_rng(0).standard_normal((500, 1)) * 0.2
    samples = np.hstack([0.55 + common, 0.5 + common])
    found = st.spread(np.array([0.55, 0.5]), samples)
    assert found.low[0] < found.high[1]
    np.testing.assert_array_equal(found.group, [1, 2])


def test_differences_within_the_margin_are_ties_however_certain():
    samples = np.tile([1.0, 0.995, 0.98], (100, 1))
    means = np.array([1.0, 0.995, 0.98])
    np.testing.assert_array_equal(st.spread(means, samples).group, [1, 1, 2])
    np.testing.assert_array_equal(st.margin_only(means).group, [1, 1, 2])
    np.testing.assert_array_equal(st.ranks(means), [1, 1, 3])
    assert np.isnan(st.margin_only(means).low).all()


@pytest.mark.parametrize("n", [1, 5, 6, 11, 30])
def test_signed_rank_p_equals_the_exact_test(n):
    rng = np.random.default_rng(n)
    for _ in range(5):
        difference = rng.standard_normal(n) + 0.3
        expected = wilcoxon(difference, method="exact").pvalue
        assert st.signed_rank_p(difference) == pytest.approx(expected)


def test_signed_rank_p_with_ties_equals_all_sign_flips():
    difference = np.array([0.1, 0.1, -0.1, 0.2, 0.2, 0.3, 0.0, -0.2])
    kept = difference[difference != 0]
    size = np.array([2.0, 2, 2, 5, 5, 7, 5])
    flips = (np.arange(2**7)[:, None] >> np.arange(7)) & 1
    null, seen = flips @ size, size[kept > 0].sum()
    expected = min(1, 2 * min((null <= seen).mean(), (null >= seen).mean()))
    assert st.signed_rank_p(difference) == pytest.approx(expected)
    assert st.signed_rank_p(np.zeros(7)) == 1


def test_holm_by_hand():
    np.testing.assert_allclose(st.holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(st.holm(np.array([0.9, 0.5])), [1, 1])


def test_pairwise_test_needs_six_problems():
    with pytest.raises(ValueError, match=r"over 5 problem\(s\) cannot reach p < 0.05 .* 0.062"):
        st.pairwise_p(np.zeros((3, 5)))
    table = st.pairwise_p(np.vstack([np.linspace(0.8, 0.9, 6), np.zeros(6)]))
    assert table[0, 1] == table[1, 0] == pytest.approx(2 / 2**6)
    assert table[0, 0] == 1


@pytest.mark.parametrize("n_methods", [2, 3, 4, 10, 20])
def test_problems_needed_is_the_first_number_that_can_tell_a_pair(n_methods):
    def least_p(n_problems):
        strength = np.linspace(0, 1, n_methods)[:, None]
        return st.pairwise_p(strength + np.linspace(0, 1, n_problems) * (1 + strength)).min()

    needed = st.problems_needed(n_methods)
    assert least_p(needed) <= 0.05
    assert needed == st.MIN_PROBLEMS or least_p(needed - 1) > 0.05


def test_differences_within_the_margin_are_no_evidence():
    base = np.linspace(0.2, 0.9, 10)
    assert st.pairwise_p(np.vstack([base, base - 0.009]))[0, 1] == 1
    assert st.pairwise_p(np.vstack([base, base - 0.02]))[0, 1] < 0.01


def test_mean_ranks_share_ties_and_sum_to_the_triangle():
    by_problem = np.array([[1, 0.9, 1], [1, 0.5, 0.2], [0.3, 0.7, 0.1]])
    np.testing.assert_allclose(st.mean_ranks(by_problem), [3.5 / 3, 6.5 / 3, 8 / 3])


def test_cliques_are_the_longest_runs_without_a_difference():
    p = np.ones((4, 4))
    p[0, 2] = p[2, 0] = p[0, 3] = p[3, 0] = 0.01
    assert st.cliques(np.array([1.0, 2, 3, 4]), p) == [(0, 1), (1, 2, 3)]
    assert st.cliques(np.array([2.0, 1, 3, 4]), np.full((4, 4), 0.01)) == []


def test_detectable_difference_is_2_8_standard_errors():
    rng = np.random.default_rng(0)
    samples = 0.05 * rng.standard_normal((20_000, 2))
    expected = 2.8 * 0.05 * np.sqrt(2)
    assert st.detectable_difference(samples) == pytest.approx(expected, rel=0.03)
    assert np.isnan(st.detectable_difference(samples[:, :1]))
