"""Circuits: the published asymmetric motif, and features that drive their outputs."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from unfold.unfolding.circuits import asymmetric_motifs, read_circuit
from unfold.unfolding.known_directions import KnownDirections
from unfold.unfolding.unfolded import unfold_model

#: In and out weights of the published motif: neuron 0 serves both features unequally, 2 to 1/2,
#: neuron 1 takes the interference of feature 0 with output 1 back and more.
IN = np.array([[2.0, 1.0], [0.5, 0.0]])
OUT = np.array([[0.5, 2.0], [0.0, -4.5]])


def test_the_published_motif_is_found_and_told_in_full():
    [motif] = asymmetric_motifs(IN, OUT, drives=[0, 1])
    assert (motif.source, motif.victim, motif.neuron, motif.inhibitor) == (0, 1, 0, 1)
    assert (motif.forward, motif.reverse) == (4.0, 0.25)
    assert motif.net == pytest.approx(-0.5)


def test_no_motif_without_inhibition_or_without_asymmetry():
    assert asymmetric_motifs(IN, OUT * [[1, 1], [1, 0]], drives=[0, 1]) == []
    assert asymmetric_motifs(np.ones((2, 2)), np.ones((2, 2)), drives=[0, 1]) == []
    assert asymmetric_motifs(np.eye(4), np.eye(4)) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_motif_survives_rescaled_neurons_and_reordering(seed):
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.2, 5, 2)
    swap = rng.permutation(2)
    [motif] = asymmetric_motifs((IN * scale)[:, swap], (OUT / scale[:, None])[swap], [0, 1])
    assert (motif.source, motif.victim) == (0, 1)
    assert motif.forward == pytest.approx(4.0)


def test_features_drive_their_own_outputs():
    rng = np.random.default_rng(0)
    W = np.vstack([np.eye(16), hadamard(16) / 4])
    x = rng.random((2000, 32)) * (rng.random((2000, 32)) < 0.04)
    order = rng.permutation(32)
    model = unfold_model(KnownDirections(W[order]), W.T, np.full(32, -0.1))
    hidden = x @ W
    circuit = read_circuit(model, hidden, np.maximum(hidden @ W.T - 0.1, 0))
    np.testing.assert_array_equal(circuit.drives, order)
    assert circuit.edges.sum(axis=1).max() == 1
    np.testing.assert_allclose(circuit.weights, W[order] @ W.T, atol=1e-12)
    off = circuit.effects[np.arange(32)[None, :] != order[:, None]]
    assert np.abs(off).mean() < 0.5 * np.abs(W @ W.T - np.eye(32)).mean()
    assert f"feature 0 -> output {order[0]}" in str(circuit)
    assert read_circuit(model, hidden).drives.tolist() == order.tolist()


def test_shapes_must_share_the_neurons():
    with pytest.raises(ValueError, match="must be"):
        asymmetric_motifs(np.ones((3, 2)), np.ones((3, 4)))
