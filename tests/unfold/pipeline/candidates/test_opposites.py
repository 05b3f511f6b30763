"""Opposite directions are one feature with signed codes; others are not touched."""

import numpy as np

from unfold.arrays import unit_rows
from unfold.pipeline.candidates.opposites import one_of_each, twofold
from unfold.pipeline.judge import Candidate, weigh
from unfold.pipeline.split import Split


def test_one_of_each_pair_stays_and_describes_signed_codes_shorter():
    """The same codes of half as many atoms: a sign costs what the halves of the uses did."""
    rng = np.random.default_rng(0)
    D = np.asarray(unit_rows(rng.standard_normal((30, 12))))
    Z = rng.standard_normal((6000, 30)) * (rng.random((6000, 30)) < 0.06)
    split = Split.of(Z @ D, None, np.random.RandomState(0))
    both = Candidate("both", np.concatenate([D, -D]), np.r_[np.full(30, 0.9), np.full(30, 0.8)])
    assert twofold(both.dictionary)
    one = one_of_each(both)
    np.testing.assert_array_equal(one.dictionary, D)
    assert not one.positive
    assert weigh(split, one).nats < weigh(split, both).nats


def test_directions_without_opposites_all_stay():
    D = np.eye(4)
    assert not twofold(D)
    assert len(one_of_each(Candidate("alone", D, np.ones(4))).dictionary) == 4
