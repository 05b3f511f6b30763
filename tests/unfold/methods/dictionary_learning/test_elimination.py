"""Elimination: the truth stays, doubles, sums and noise go; and what time leaves untried."""

import time

import numpy as np
import pytest

from unfold.arrays import unit_rows
from unfold.deadline import deadline
from unfold.methods.dictionary_learning.elimination import eliminate
from unfold.methods.dictionary_learning.online import OnlineDictionary
from unfold.sparse_coding.description_length import nats, numbers_nats, shortest, within

SIGMA = 0.02


@pytest.fixture(scope="module")
def world():
    """Samples of 24 features in 12 dimensions, the features, and a dictionary with 9 too many."""
    rng = np.random.default_rng(0)
    D = np.asarray(unit_rows(rng.standard_normal((24, 12))))
    Z = (rng.random((8000, 24)) < 0.08) * rng.uniform(0.5, 1, (8000, 24))
    X = Z @ D + SIGMA * rng.standard_normal((8000, 12))
    doubles = unit_rows(D[:3] + 0.05 * rng.standard_normal((3, 12)))
    sums = unit_rows(D[3:6] + D[6:9])
    nothing = unit_rows(rng.standard_normal((3, 12)))
    return X, D, np.asarray(np.concatenate([D, doubles, sums, nothing]))


def error_of(X, D):
    return shortest(X[::4], D, positive=True).error


def test_the_truth_stays_and_all_else_goes(world):
    X, _, many = world
    kept = eliminate(X, many, error_of(X, many), positive=True)
    assert kept[3:24].all()
    assert not kept[27:].any()
    # of a feature and its double one stays
    np.testing.assert_array_equal(kept[:3] ^ kept[24:27], True)


def test_whatever_goes_makes_the_description_shorter(world):
    """Two-part lengths, codes and numbers, recomputed from scratch before and after."""
    X, _, many = world
    error = error_of(X, many)
    kept = eliminate(X, many, error, positive=True)

    def length(D):
        return nats(X, D, within(X, D, error, positive=True)) + numbers_nats(D.size, len(X))

    assert length(many[kept]) < length(many)


def test_no_more_go_than_may_and_none_after_the_time(world):
    X, _, many = world
    error = error_of(X, many)
    assert eliminate(X, many, error, positive=True, least=30).sum() == 30
    with deadline(time.monotonic() - 1):
        assert eliminate(X, many, error, positive=True).all()


def test_the_number_and_the_noise_are_found_by_learning(world):
    X, D, _ = world
    fitted = OnlineDictionary(random_state=0, n_steps=150).fit(X)
    cosines = D @ fitted.components_.T
    assert fitted.n_components_ == 24
    assert cosines.max(axis=1).min() > 0.98
    # a description goes down to a residual a little above the noise
    assert SIGMA < fitted.noise_ < 2 * SIGMA


def test_the_price_of_numbers_is_half_a_logarithm_each():
    assert numbers_nats(6, 100) * 100 == pytest.approx(3 * np.log(100))
    assert numbers_nats(0, 100) == 0
