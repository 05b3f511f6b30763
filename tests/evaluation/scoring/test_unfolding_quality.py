"""Toys with exact circuits, unfolded blindly and scored."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from evaluation.scoring.unfolding_quality import Toy, match_rays, study_unfolding
from unfold.unfolding.known_directions import KnownDirections


class Given:
    """A method that was told its directions."""

    def __init__(self, directions):
        self.directions = directions

    def fit(self, X):
        return KnownDirections(self.directions)


@pytest.fixture(scope="module")
def absolute():
    """ReLU(x) + ReLU(-x), a neuron each, for four values; a fifth is not represented."""
    W = np.zeros((5, 8))
    W[:4] = np.hstack([np.eye(4), -np.eye(4)])
    V = np.zeros((8, 5))
    V[:, :4] = np.vstack([np.eye(4), np.eye(4)])
    return Toy.from_params({"W": W, "V": V, "b": np.zeros(5)}, rectified=True, signed=True)


def signed_samples(n, seed, p=0.2):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, 5)) * (rng.random((n, 5)) < p)


def test_rays_are_the_activations_of_single_features_by_sign(absolute):
    rays, owner = absolute.rays()
    np.testing.assert_array_equal(rays, np.eye(8))
    assert owner.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_the_exact_absolute_value_circuit_is_recovered(absolute):
    order = np.random.default_rng(0).permutation(8)
    study = study_unfolding(
        absolute, Given(np.eye(8)[order]), signed_samples(50, 0), signed_samples(800, 1)
    )
    assert (study.n_rays, study.n_found, study.n_right) == (8, 8, 8)
    assert study.drives_recall == study.drives_precision == 1.0
    np.testing.assert_array_equal(order[study.atom_of_ray], np.arange(8))
    assert study.report.fidelity > 0.9999
    assert study.report.error_original == 0
    assert study.report.interference_folded == 0
    assert study.circuit.edges.sum() == 8


def test_missing_atoms_cost_recall_and_fidelity(absolute):
    study = study_unfolding(
        absolute, Given(np.eye(8)[:6]), signed_samples(50, 0), signed_samples(800, 1)
    )
    assert study.n_found == study.n_right == 6
    assert study.drives_recall == 0.75
    assert study.report.fidelity < 0.9
    assert (study.atom_of_ray[6:] == -1).all()


def test_tied_weights_are_read_both_ways_and_cleaning_helps():
    W = 1.1 * np.vstack([np.eye(16), hadamard(16) / 4])
    toy = Toy.from_params({"W": W, "b": np.full(32, -0.15)}, rectified=False, signed=False)
    np.testing.assert_array_equal(toy.W_out, W.T)
    rng = np.random.default_rng(0)
    x = rng.random((1500, 32)) * (rng.random((1500, 32)) < 0.05)
    study = study_unfolding(toy, Given(W), x, x)
    assert study.n_right == study.n_rays == 32
    assert study.report.fidelity > 0.999
    assert study.report_clean.error_unfolded < 0.8 * study.report.error_original


def test_matching_is_one_to_one_and_signed():
    rays = 3 * np.eye(3)
    assert match_rays(rays, np.eye(3)[[2, 0]]).tolist() == [1, -1, 0]
    assert match_rays(rays, np.array([[1.0, 0, 0], [0.999, 0.04, 0]])).tolist().count(-1) == 2
    assert match_rays(rays, -np.eye(3)).tolist() == [-1, -1, -1]
