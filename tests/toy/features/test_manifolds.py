"""Features of several dimensions: points lie on their shape, coordinates are on together."""

import numpy as np
import pytest

import toy
from toy.features.manifolds import ring, simplex

SMALL = {"n_train": 4000, "n_test": 500}


def _points(problem_id: str, size: int) -> tuple[np.ndarray, toy.Problem]:
    problem = toy.make_problem({"id": problem_id, **SMALL}, 0)
    codes = np.asarray(problem.truth.codes_train).reshape(len(problem.observed.train), -1, size)
    return codes, problem


@pytest.mark.parametrize(
    ("problem_id", "size"),
    [
        ("circles-12in16-p0.1/v1", 2),
        ("days-12in16-p0.1-noise0.05/v1", 2),
        ("simplices-10in20-p0.1-noise0.05/v1", 3),
        ("spheres-10in20-p0.1-noise0.05/v1", 3),
    ],
)
def test_coordinates_are_on_together_at_lengths_around_one(problem_id: str, size: int) -> None:
    codes, problem = _points(problem_id, size)
    lengths = np.linalg.norm(codes, axis=2)
    on = lengths > 0
    assert on.mean() == pytest.approx(0.1, abs=0.01)
    assert lengths[on].min() >= 0.7 and lengths[on].max() < 1.3
    assert (np.bincount(problem.truth.group) == size).all()
    mean = codes[on].mean(axis=0)
    assert np.abs(mean).max() < 0.06  # the shapes surround the origin


def test_a_feature_s_directions_are_orthonormal_and_make_the_activations() -> None:
    codes, problem = _points("circles-12in16-p0.1/v1", 2)
    D = np.asarray(problem.truth.directions).reshape(12, 2, 16)
    np.testing.assert_allclose(D @ D.transpose(0, 2, 1), np.tile(np.eye(2), (12, 1, 1)), atol=1e-6)
    np.testing.assert_allclose(
        np.einsum("ngs,gsd->nd", codes, D), problem.observed.train, atol=1e-5
    )


def test_days_are_seven_directions_a_week_and_simplices_have_four_corners() -> None:
    for problem_id, size, corners in (
        ("days-12in16-p0.1-noise0.05/v1", 2, 7),
        ("simplices-10in20-p0.1-noise0.05/v1", 3, 4),
    ):
        codes, _ = _points(problem_id, size)
        own = codes[:, 0][codes[:, 0].any(axis=1)]
        unit = own / np.linalg.norm(own, axis=1, keepdims=True)
        assert len(np.unique(unit.round(3), axis=0)) == corners


def test_shapes_are_regular() -> None:
    for points in (ring(7), simplex(2), simplex(3), simplex(5)):
        np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
        np.testing.assert_allclose(points.sum(axis=0), 0, atol=1e-12)
    gram = simplex(4) @ simplex(4).T
    np.testing.assert_allclose(gram[~np.eye(5, dtype=bool)], -1 / 4, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"gate": {"kind": "anticorrelated", "size": 2, "p": 0.1}}, '"correlated" and size 2'),
        ({"gate": {"kind": "correlated", "size": 3, "p": 0.1}}, '"correlated" and size 2'),
        ({"magnitude": {"kind": "manifold", "dimension": 2, "shape": "ring"}}, "ring needs them"),
        (
            {"magnitude": {"kind": "manifold", "dimension": 3, "shape": "ring", "points": 7}},
            "a ring has 2 dimensions",
        ),
        ({"inherit": True}, "without inherit"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        toy.make_problem({"id": "circles-12in16-p0.1/v1", "features": changes}, 0)


def test_lines_have_no_groups_and_the_same_bits_as_before() -> None:
    problem = toy.make_problem("planted-40in20-p0.05/v1", 0)
    assert problem.truth.group is None
    assert problem.digest.startswith("4cbb14d7df7965db")
