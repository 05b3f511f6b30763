"""Families of problems: a name says a world, a parameter changes what it says and nothing else."""

import numpy as np
import pytest

import toy
from evaluation.running.suites import get_suite
from toy.features.magnitudes import LogNormalMagnitude
from toy.spec import parse
from toy.zoo.families import family_spec, list_families
from toy.zoo.lookup import lookup


@pytest.mark.parametrize("name", sorted(list_families()))
def test_densities_that_are_declared_are_realised(name):
    problem = toy.make_problem(f"{name}-24in12-noise0.1-offset2-samples20000/v1")
    found = (np.asarray(problem.truth.codes_train) != 0).mean(axis=0)
    density = problem.truth.density
    error = np.sqrt(density * (1 - density) / len(problem.observed.train))
    assert (np.abs(found - density) < 5 * error).all()


def test_noise_and_offset_are_what_the_name_says():
    problem = toy.make_problem("independent-24in12-noise0.3-offset2-samples20000/v1")
    truth = problem.truth
    rays = truth.norms[:, None] * truth.directions
    rest = problem.observed.train - truth.codes_train @ rays
    assert np.linalg.norm(truth.bias) == pytest.approx(2, abs=1e-5)
    np.testing.assert_allclose(rest.mean(axis=0), truth.bias, atol=0.012)
    assert rest.std(axis=0) == pytest.approx(np.full(12, 0.3), rel=0.03)


def test_one_parameter_changes_one_thing():
    plain = toy.make_problem("independent-24in12-samples100/v1", seed=3)
    noisy = toy.make_problem("independent-24in12-samples100-noise0.1/v1", seed=3)
    np.testing.assert_array_equal(plain.truth.directions, noisy.truth.directions)
    other = toy.make_problem("independent-24in12-samples100/v1", seed=4)
    assert not np.allclose(plain.truth.directions, other.truth.directions)


def test_lognormal_values_have_the_declared_mean_and_median():
    values = LogNormalMagnitude(0.7).draw(np.zeros(200_000, int), np.random.default_rng(0))
    assert (values > 0).all()
    assert np.median(values) == pytest.approx(1, rel=0.01)
    assert values.mean() == pytest.approx(LogNormalMagnitude(0.7).mean(1)[0], rel=0.01)


def test_nested_children_fire_together_and_exclusive_ones_never():
    for nested, both in (("", False), ("-nested", True)):
        problem = toy.make_problem(f"hierarchy-24in12-samples20000{nested}/v1")
        codes = np.asarray(problem.truth.codes_train) != 0
        roots = problem.spec["features"]["gate"]["roots"]
        children = codes[:, roots : roots + 3]  # of the first root
        assert (children.sum(axis=1) > 1).any() == both
        assert (codes[children.any(axis=1), 0]).all()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("independent-24in12-nosie0.1/v1", "no parameter 'nosie'"),
        ("independent-24in12-p0.1-p0.2/v1", "given twice"),
        ("independent-24in12-noise/v1", "needs a number"),
        ("independent-24in12-noise1.2.3/v1", "needs a number"),
        ("independent-24in12-tail1-signed/v1", "signed, of a heavy tail"),
        ("independant-24in12/v1", "Unknown problem"),
    ],
)
def test_a_name_that_cannot_be_meant_is_refused_in_words(name, told):
    with pytest.raises(ValueError, match=told):
        lookup(name)


def test_the_hard_board_is_of_valid_and_different_problems():
    problems = get_suite("leaderboard-v2").problems
    specs = [parse(lookup(str(problem))) for problem in problems]
    assert len(set(problems)) == len(problems) >= 24
    assert len({spec.model_dump_json() for spec in specs}) == len(problems)
    outside = [p for p in problems if family_spec(str(p)) is None]
    assert len(outside) == 1
