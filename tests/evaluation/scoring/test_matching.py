"""The assignment is optimal, signed, and blind to what must not matter."""

from itertools import permutations

import numpy as np
import pytest
from scipy.sparse import csc_array

from evaluation.scoring.matching import Target, as_columns, match, target


def _target(directions, positive=True, ignored=None):
    directions = np.asarray(directions, dtype=float)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    ignored = np.zeros((0, directions.shape[1])) if ignored is None else ignored
    return Target(directions, csc_array((1, len(directions))), ignored, positive)


def _brute_force(cosines):
    """Greatest total over all one-to-one assignments, by trying them all."""
    cosines = cosines if cosines.shape[0] <= cosines.shape[1] else cosines.T
    rows = range(cosines.shape[0])
    return max(
        sum(cosines[i, p[i]] for i in rows)
        for p in permutations(range(cosines.shape[1]), cosines.shape[0])
    )


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize(("k", "m"), [(1, 1), (2, 5), (4, 4), (5, 3), (6, 6)])
def test_total_cosine_equals_brute_force(k, m, positive):
    rng = np.random.default_rng(k * 10 + m)
    for _ in range(5):
        truth = _target(rng.standard_normal((k, 3)), positive)
        atoms = rng.standard_normal((m, 3))
        cosines = truth.directions @ (atoms / np.linalg.norm(atoms, axis=1, keepdims=True)).T
        cosines = np.clip(cosines if positive else np.abs(cosines), 0, 1)
        found = match(atoms, truth)
        assert found.cosine.sum() == pytest.approx(_brute_force(cosines))
        taken = found.atom[found.atom >= 0]
        assert len(set(taken)) == len(taken)


def test_hand_computed_two_by_two():
    truth = _target([[1, 0], [0, 1]])
    found = match(np.array([[3.0, 4.0], [1.0, 0.0]]), truth)
    np.testing.assert_array_equal(found.atom, [1, 0])
    np.testing.assert_allclose(found.cosine, [1, 0.8])
    np.testing.assert_allclose(found.best_cosine, [1, 0.8])


def test_a_hopeless_pair_does_not_cost_a_good_one_its_partner():
    # Forced pairing would sum 0.95 - 0.9 < 0.5 + 0.4 and give up the good match.
    truth = _target(np.eye(2))
    atoms = np.array([[0.95, np.sqrt(1 - 0.95**2)], [0.4, -0.9]])
    found = match(atoms, truth)
    assert found.atom[0] == 0 and found.cosine[0] == pytest.approx(0.95)
    assert found.atom[1] == -1 and found.cosine[1] == 0


def test_sign_counts_only_where_codes_are_signed():
    directions = np.eye(3)
    assert match(-directions, _target(directions)).cosine.sum() == 0
    signed = match(-directions, _target(directions, positive=False))
    np.testing.assert_allclose(signed.cosine, 1)
    np.testing.assert_array_equal(signed.sign, -1)


def test_antipodal_features_are_two_in_positive_problems():
    truth = _target([[1, 0], [-1, 0]])
    assert match(np.array([[1.0, 0.0]]), truth).cosine.tolist() == [1, 0]


def test_zero_rows_are_no_atoms_and_an_empty_dictionary_finds_nothing():
    truth = _target(np.eye(3))
    assert match(np.vstack([np.eye(3), np.zeros((4, 3))]), truth).n_returned == 3
    for nothing in (np.zeros((0, 3)), np.zeros((2, 3))):
        found = match(nothing, truth)
        assert found.n_returned == 0 and found.cosine.sum() == 0 and (found.atom == -1).all()


def test_findings_of_ignored_features_do_not_count():
    truth = _target(np.eye(4)[:2], ignored=np.eye(4)[2:3])
    assert match(np.eye(4)[:3], truth).n_returned == 2
    assert match(np.eye(4), truth).n_returned == 3


def test_coinciding_features_merge_with_their_codes(planted):
    base = planted(k=6, d=12, n=50)
    twice = base.truth.directions[[0, 1, 2, 3, 4, 0]]
    problem = planted(k=6, d=12, n=50, directions=twice)
    merged = target(problem.truth)
    assert merged.directions.shape == (5, 12)
    scaled = problem.truth.codes_test * problem.truth.norms
    expected = scaled[:, :5] + np.eye(1, 5) * scaled[:, 5:]
    np.testing.assert_allclose(merged.amplitudes.toarray(), expected)


def test_opposite_features_merge_only_where_codes_are_signed(planted):
    base = planted(k=3, d=8, n=50)
    opposite = np.vstack([base.truth.directions, -base.truth.directions[:1]])
    positive = planted(k=4, d=8, n=50, directions=opposite)
    assert len(target(positive.truth).directions) == 4
    signed = planted(k=4, d=8, n=50, directions=opposite, positive=False)
    merged = target(signed.truth)
    assert len(merged.directions) == 3
    np.testing.assert_allclose(
        merged.amplitudes @ merged.directions, signed.observed.test, atol=1e-5
    )


@pytest.mark.parametrize("signed", [False, True])
def test_merging_finds_the_same_groups_as_all_cosines(planted, signed):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((40, 100))
    near = base[:15] + 0.03 * rng.standard_normal((15, 100)) * rng.choice([0.5, 2], (15, 1))
    directions = np.vstack([base, near, -base[:3]])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    cosines = directions @ directions.T
    pairs = np.triu((np.abs(cosines) if signed else cosines) > 0.999, 1)
    expected = len(directions) - pairs.any(axis=0).sum()
    problem = planted(k=58, d=100, n=10, directions=directions, positive=not signed)
    assert 40 <= len(target(problem.truth).directions) == expected < 58


def test_unrepresented_features_are_left_out(planted):
    represented = np.array([True, False, True, False])
    directions = np.eye(4)
    directions[3] = 0
    problem = planted(k=4, d=4, n=20, directions=directions, represented=represented)
    scored = target(problem.truth)
    np.testing.assert_array_equal(scored.directions, np.eye(4)[[0, 2]])
    np.testing.assert_array_equal(scored.ignored, np.eye(4)[[1]])


def test_errors_say_what_was_wrong(planted):
    truth = _target(np.eye(3))
    with pytest.raises(ValueError, match=r"Expected a dictionary of shape \(n_atoms, 3\), got"):
        match(np.eye(2), truth)
    with pytest.raises(ValueError, match="NaN or infinity"):
        match(np.full((1, 3), np.nan), truth)
    with pytest.raises(ValueError, match="codes hold NaN"):
        as_columns(np.full((2, 2), np.inf))
    with pytest.raises(ValueError, match="Expected codes of shape"):
        as_columns(np.zeros(3))
    nothing = planted(k=3, d=3, n=5, represented=np.zeros(3, dtype=bool))
    with pytest.raises(ValueError, match="represents no feature"):
        target(nothing.truth)


@pytest.mark.slow
def test_sixteen_thousand_features_match_in_one_piece():
    rng = np.random.default_rng(0)
    truth = _target(rng.standard_normal((16384, 64)))
    found = match(truth.directions[:4096] + 0.01 * rng.standard_normal((4096, 64)), truth)
    assert (found.cosine > 0.9).sum() == 4096
    np.testing.assert_array_equal(found.atom[:4096], np.arange(4096))
