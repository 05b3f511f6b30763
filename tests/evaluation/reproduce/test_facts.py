"""Published facts that are quick to check; the verdicts are part of the results."""

import numpy as np
import pytest

from evaluation.reproduce.catalogue import EXPERIMENTS
from evaluation.reproduce.experiments.autoencoders import mmcs
from evaluation.reproduce.experiments.computation import decomposition_scores
from evaluation.reproduce.experiments.correlated import cosines
from evaluation.reproduce.experiments.neurons import per_neuron
from evaluation.reproduce.experiments.phase_diagrams import classify

BY_ID = {one.id: one for one in EXPERIMENTS}

#: Facts that do not come out as published.
DIFFER = {
    "pentagon-digon": {"ratio", "norm"},
    "collapse": {"third"},
    "privileged-basis": {"last"},
}

QUICK = [
    "linear-pca",
    "polytopes",
    "polygon-energies",
    "confused-phase",
    "decomposition-scores",
    "nonlinear-compression",
    "collapse",
]
SLOW = [
    "intro",
    "phase-2-1",
    "phase-3-2",
    "pentagon-digon",
    "demonstration",
    "correlated-sets",
    "local-bases",
    "energy-levels",
    "dimensions-per-feature",
    "privileged-basis",
    "absolute-value",
    "absolute-value-superposition",
    "memorisation",
    "compressed-computation",
    "absorption",
    "hedging",
    "sae-recovery",
    "adversarial-training",
    "transformations",
]


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW)])
def test_facts_come_out_as_recorded(name):
    outcome = BY_ID[name].run(False)
    differing = {fact.id for fact in outcome.facts if fact.verdict == "differs"}
    assert differing == DIFFER.get(name, set()), [fact.ours for fact in outcome.facts]
    assert outcome.figure.axes
    assert outcome.numbers


@pytest.mark.slow
def test_vulnerability_and_scaling_follow_from_the_uniform_models():
    for name in ("compressed-sensing", "adversarial"):
        assert all(fact.verdict == "holds" for fact in BY_ID[name].run(False).facts)


def test_phases_are_told_apart_by_norm_and_overlap():
    W = np.array([[[1.0], [0.1]], [[1.0], [-1.0]], [[0.0], [1.0]]])
    assert classify(W).tolist() == [0, 1, 2]


def test_decomposition_scores_see_direction_and_length_apart():
    rng = np.random.default_rng(0)
    W = rng.standard_normal((6, 3))
    planted = np.stack([np.outer(np.eye(6)[i], W[i]) for i in range(6)])
    for scale in (1.0, 0.5):
        cosine, ratio = decomposition_scores(scale * planted[rng.permutation(6)], W)
        np.testing.assert_allclose(cosine, 1)
        np.testing.assert_allclose(ratio, scale)
    cosine, _ = decomposition_scores(-planted, W)
    np.testing.assert_allclose(cosine, -1)


def test_small_measures():
    assert mmcs(np.eye(3), np.eye(3)[[2, 0]]) == pytest.approx(2 / 3)
    assert per_neuron(np.array([[1.0, 0.5], [0.0, -0.6]]), 0.4).tolist() == [1, 2]
    np.testing.assert_allclose(cosines(np.array([[2.0, 0], [0, 0.1], [-1, 0]]))[0], [1, 0, -1])
