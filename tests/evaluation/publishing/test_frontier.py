"""The frontier: every problem has its facts, and what is attainable is what it says."""

from pathlib import Path

import numpy as np
import pytest

import toy
from evaluation.cli.names import describe
from evaluation.publishing.frontier import FRONTIER
from evaluation.running.suites import FRONTIER_PROBLEMS, FULL_SIZE_PROBLEMS
from evaluation.scoring.score import score

CONSTANT = "hierarchy-60in20-depth1-alone0-constant/v1"


def test_every_problem_of_the_suite_says_what_is_known_and_what_would_be_progress() -> None:
    assert set(FRONTIER) == {*FRONTIER_PROBLEMS, *FULL_SIZE_PROBLEMS}
    for name, entry in FRONTIER.items():
        assert entry.progress and (entry.source or entry.best_known == "no published score")
        assert bool(entry.by) == bool(entry.source) == bool(entry.budget)
        assert (entry.attainable < 1) == bool(entry.why)
        told = describe(name)
        assert told["best_known"] == entry.best_known and told["progress"] == entry.progress


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_attainable_is_the_score_of_all_that_can_be_found(seed: int) -> None:
    problem = toy.make_problem(CONSTANT, seed)
    atoms = problem.truth.directions * problem.truth.norms[:, None]
    codes = np.asarray(problem.truth.codes_train)
    together = (codes.T @ codes) / codes.sum(axis=0)  # [i, j]: share of j's samples that hold i
    parent = {
        j: int(np.flatnonzero(together[:, j] == 1)[0])
        for j in range(60)
        if (together[:, j] == 1).sum() == 2
    }
    parents = sorted(set(parent.values()) - set(parent))
    children = [j for j in parent if j not in parents]
    assert (len(parents), len(children)) == (7, 21)
    free = sorted(set(range(60)) - set(parents) - set(children))
    sums = np.array(
        [atoms[j] + atoms[next(i for i in parents if together[i, j] == 1)] for j in children]
    )
    found = score(np.vstack([sums, atoms[free]]), None, problem)
    assert found["f1@0.9"] == pytest.approx(FRONTIER[CONSTANT].attainable, abs=5e-4)


def test_moving_a_vector_from_a_parent_to_its_children_changes_no_activation() -> None:
    problem = toy.make_problem(CONSTANT, 0)
    atoms = problem.truth.directions * problem.truth.norms[:, None]
    codes = np.asarray(problem.truth.codes_train)
    children = [j for j in range(1, 60) if (codes[codes[:, j] > 0, 0] > 0).all()]
    moved = atoms.copy()
    shift = np.random.default_rng(0).standard_normal(20)
    moved[0] -= shift
    moved[children] += shift
    assert len(children) == 3
    np.testing.assert_allclose(codes @ moved, codes @ atoms, atol=1e-5)


def test_constant_values_are_one_and_exclude_other_laws(tmp_path: Path) -> None:
    codes = np.asarray(toy.make_problem("independent-10in5-constant/v1", 0).truth.codes_train)
    assert set(np.unique(codes)) == {0.0, 1.0}
    with pytest.raises(ValueError, match="give one of the three"):
        toy.make_problem("independent-10in5-constant-tail1/v1", 0)
