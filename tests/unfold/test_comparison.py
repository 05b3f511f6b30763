"""Dictionaries side by side: what is shared is counted once, and chance is told apart."""

import json

import numpy as np
import pytest

import unfold
from unfold.comparison import distinct


def _directions(k: int, d: int, seed: int = 0) -> np.ndarray:
    D = np.random.default_rng(seed).standard_normal((k, d))
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def test_the_same_dictionary_in_another_order_and_scale_is_the_same() -> None:
    A = _directions(40, 30)
    order = np.random.default_rng(1).permutation(40)
    pair = unfold.compare_dictionaries(A, 3 * A[order]).pairs[0]
    assert pair.stability == pytest.approx(1)
    found = pair.matches[np.argsort(pair.matches[:, 0])]
    np.testing.assert_array_equal(order[found[:, 1]], np.arange(40))
    assert not len(pair.only_in[0]) and not len(pair.only_in[1])


def test_comparing_is_symmetric() -> None:
    A, B = _directions(40, 30), _directions(25, 30, 1)
    one, other = (
        unfold.compare_dictionaries(*two, null=False).pairs[0] for two in ((A, B), (B, A))
    )
    assert one.stability == pytest.approx(other.stability)
    assert one.overlap == pytest.approx(other.overlap)
    np.testing.assert_array_equal(one.only_in[0], other.only_in[1])


def test_opposite_directions_are_no_partners() -> None:
    A = np.eye(6)
    pair = unfold.compare_dictionaries(A, -A).pairs[0]
    assert pair.stability == 0 and len(pair.matches) == 0


def test_copies_of_one_atom_are_one_atom() -> None:
    copies = np.tile(_directions(1, 30), (40, 1))
    pair = unfold.compare_dictionaries(copies, copies).pairs[0]
    assert pair.stability == pytest.approx(1 / 40)
    assert unfold.compare_dictionaries(copies, copies).distinct == (1, 1)


def test_random_dictionaries_share_what_the_null_says() -> None:
    # Anisotropic, so that a null on the sphere would be far too low.
    scale = np.r_[np.full(4, 5.0), np.ones(26)]
    A, B = (np.random.default_rng(s).standard_normal((300, 30)) * scale for s in (1, 2))
    pair = unfold.compare_dictionaries(A, B).pairs[0]
    # Normalised rows are less uneven than what they came from: the null may be a little low.
    assert pair.null is not None and abs(pair.stability - pair.null) < 0.05
    isotropic = unfold.compare_dictionaries(_directions(300, 30), _directions(300, 30, 1)).pairs[0]
    assert pair.stability > isotropic.stability + 0.05


def test_a_split_atom_is_named_with_its_parts() -> None:
    A = np.eye(8)
    first = A[0] + 0.6 * A[1]
    second = A[0] - 0.6 * A[1]
    B = np.concatenate([[first, second], A[2:]])
    pair = unfold.compare_dictionaries(A, B).pairs[0]
    assert pair.one_to_many[0] == {0: [0, 1]}
    np.testing.assert_array_equal(pair.only_in[0], [1])


def test_spans_overlap_as_principal_angles_say() -> None:
    A, B = np.eye(10)[:4], np.eye(10)[2:8]
    pair = unfold.compare_dictionaries(A, B).pairs[0]
    assert pair.overlap == pytest.approx(2 / 4)
    assert pair.chance_overlap == pytest.approx(6 / 10)
    assert unfold.compare_dictionaries(A, A).pairs[0].overlap == pytest.approx(1)


def test_chance_overlap_is_what_random_spans_have() -> None:
    pairs = [
        unfold.compare_dictionaries(_directions(5, 20, s), _directions(8, 20, s + 99)).pairs[0]
        for s in range(40)
    ]
    mean = np.mean([pair.overlap for pair in pairs])
    assert mean == pytest.approx(pairs[0].chance_overlap, abs=0.04)


def test_several_dictionaries_are_compared_two_by_two_and_written_as_json() -> None:
    dictionaries = [_directions(12, 10, s) for s in range(3)]
    found = unfold.compare_dictionaries(*dictionaries)
    assert [pair.names for pair in found.pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    read = json.loads(json.dumps(found.as_json()))
    assert read["version"] == 1 and len(read["pairs"]) == 3


def test_zero_atoms_are_no_atoms() -> None:
    np.testing.assert_array_equal(distinct(np.array([[0.0, 0], [1, 0], [2, 0.1], [0, 1]])), [1, 3])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (np.ones((3, 7)), "one dimension"),
        (np.full((3, 5), np.nan), "finite"),
        (np.zeros((3, 5)), "not all zeros"),
        (np.ones(5), "directions"),
        (np.ones((0, 5)), "directions"),
    ],
)
def test_what_is_no_dictionary_is_refused(second: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unfold.compare_dictionaries(np.eye(5), second)


def test_one_dictionary_is_not_compared() -> None:
    with pytest.raises(ValueError, match="Two dictionaries"):
        unfold.compare_dictionaries(np.eye(5))
