"""Estimators of the number of features, where the number is known."""

import numpy as np
import pytest

import toy
from unfold import count_features


@pytest.fixture(scope="module")
def flat():
    """Thirty features in ten dimensions, sparse enough for every estimator."""
    return toy.make_problem("planted-30in10-p0.05/v1", 0).observed.train[:20_000]


@pytest.mark.parametrize(
    ("by", "slack"),
    [("pipeline", 0), ("agreement", 4), ("cumulants", 1), ("description length", 10)],
)
def test_the_number_is_found_where_features_are_sparse(flat, by, slack):
    assert abs(count_features(flat, by) - 30) <= slack


def test_split_halves_find_no_more_than_the_span_of_the_fourth_cumulant_holds(flat):
    assert 15 <= count_features(flat, "split halves") <= 30


def test_scale_and_rotation_do_not_change_the_count(flat):
    Q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((10, 10)))
    assert count_features((1e-3 * flat @ Q).astype(np.float32)) == count_features(flat) == 30


def test_bad_input_is_refused(flat):
    with pytest.raises(ValueError, match="'pipeline', 'agreement'"):
        count_features(flat, "magic")
    with pytest.raises(ValueError, match="NaN"):
        count_features(np.full((5, 2), np.nan))
    with pytest.raises(ValueError, match="minimum of 2"):
        count_features(np.ones((1, 3)))
