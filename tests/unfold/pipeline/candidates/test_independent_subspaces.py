"""Sets of features that are only active together: no code is sparse, cones tell them apart."""

import numpy as np
import pytest

from unfold import recover
from unfold.methods.active_samples import active_samples
from unfold.pipeline.candidates.independent_subspaces import (
    by_independent_subspaces,
    cone_of,
    independent_directions,
)
from unfold.pipeline.split import Split


def world(n_sets=2, size=6, d=6, p=0.06, n=60_000, seed=0):
    """Return activations and directions (n_sets * size, d); values are uniform on [0, 1]."""
    draw = np.random.default_rng(seed)
    D = np.stack([np.linalg.qr(draw.standard_normal((d, d)))[0][:size] for _ in range(n_sets)])
    on = draw.random((n, n_sets, 1)) < p
    Z = (on * draw.random((n, n_sets, size))).reshape(n, -1)
    D = D.reshape(-1, d)
    return Z @ D, D


def split(X, n=None):
    return Split.of(X, n, np.random.RandomState(0))


def cosines(D, found):
    return (D @ found.T).max(axis=1)


@pytest.mark.parametrize(("n_sets", "size", "d"), [(1, 5, 5), (2, 6, 6), (3, 4, 8)])
def test_every_set_gets_its_cone(n_sets, size, d):
    X, D = world(n_sets, size, d)
    found = by_independent_subspaces(split(X))
    assert found.evidence["sets"] == n_sets
    assert found.dictionary.shape == D.shape
    assert cosines(D, found.dictionary).min() > 0.98


def test_skewed_cones_and_rotations_make_no_difference():
    draw = np.random.default_rng(5)
    skew = draw.standard_normal((5, 5))
    X = draw.random((30_000, 5)) ** 1.5 @ skew
    edges = cone_of(X, 0).edges
    unit = skew / np.linalg.norm(skew, axis=1, keepdims=True)
    assert cosines(unit, edges).min() > 0.98
    turn = np.linalg.qr(draw.standard_normal((5, 5)))[0]
    assert cosines(unit @ turn, cone_of(X @ turn, 0).edges).min() > 0.98
    np.testing.assert_allclose(cone_of(3 * X, 0).edges, edges, atol=1e-6)


def test_clouds_without_walls_are_no_cones():
    draw = np.random.default_rng(1)
    assert cone_of(3 + draw.standard_normal((20_000, 4)), 0) is None
    assert cone_of(1 + draw.random((20_000, 4)), 0) is None  # a box that does not reach the origin
    assert by_independent_subspaces(split(draw.standard_normal((20_000, 4)))) is None


def test_sparse_worlds_are_left_to_other_roads():
    draw = np.random.default_rng(2)
    D = draw.standard_normal((20, 8))
    X = ((draw.random((30_000, 20)) < 0.08) * draw.random((30_000, 20))) @ D
    assert by_independent_subspaces(split(X)) is None


def test_more_than_was_asked_for_is_no_answer():
    X, _ = world()
    assert by_independent_subspaces(split(X, 12)) is not None
    assert by_independent_subspaces(split(X, 11)) is None


def test_few_samples_are_refused_rather_than_overfitted():
    X, _ = world(n=600)
    assert by_independent_subspaces(split(X)) is None


def test_directions_are_signed_and_of_unit_length():
    X, _ = world(n_sets=1)
    found = independent_directions(X[active_samples(X)], 0)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    assert (X[active_samples(X)] @ np.linalg.pinv(found)).mean(axis=0).min() > 0


@pytest.mark.slow
def test_the_default_takes_this_road():
    X, D = world(n_sets=2, size=10, d=10, p=0.05, n=100_000)
    found = recover(X)
    assert found.road_ == "independent features of sets"
    assert found.n_components_ == 20
    assert cosines(D, found.components_).min() > 0.99
