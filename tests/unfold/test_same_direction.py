"""Which directions count as one: once each, best first, of either kind of array."""

import numpy as np
import torch

from unfold.same_direction import distinct, joined, mutual, new


def at(*degrees):
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_the_better_of_two_is_kept_and_only_what_is_kept_displaces():
    D = at(0, 10, 20, 90)
    assert distinct(D, cosine=0.97).tolist() == [0, 2, 3]
    assert distinct(D, [1, 4, 2, 3], cosine=0.97).tolist() == [1, 3]


def test_opposites_are_one_where_codes_are_signed():
    D = at(0, 178)
    assert distinct(D).tolist() == [0, 1]
    assert distinct(D, positive=False).tolist() == [0]


def test_no_two_that_are_kept_are_close_and_all_others_are_close_to_a_better_one():
    rng = np.random.default_rng(0)
    D = rng.standard_normal((300, 4))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    value = rng.random(300)
    kept = distinct(D, value, cosine=0.8)
    inner = D @ D[kept].T
    assert (np.triu(inner[kept], 1) <= 0.8).all()
    assert (np.diff(value[kept]) < 0).all()
    for i in np.setdiff1d(np.arange(300), kept):
        assert ((inner[i] > 0.8) & (value[kept] > value[i])).any()
    tensors = distinct(torch.as_tensor(D), torch.as_tensor(value), cosine=0.8)
    assert np.array_equal(tensors, kept)


def test_what_is_known_already_is_not_new():
    known, found = at(0, 90), at(5, 45)
    assert new(found, known, 0.97).tolist() == [False, True]
    assert new(found, known[:0]).all()
    assert np.array_equal(joined(known, found, 0.97), at(0, 90, 45))
    assert np.array_equal(joined(known[:0], found), found)


def test_mutual_neighbours_agree_up_to_sign():
    A, B = at(0, 80, 100), at(182, 91)
    assert mutual(A, B, 0.9).tolist() == [0, 2]
    assert mutual(A, B, 0.9999).tolist() == []
