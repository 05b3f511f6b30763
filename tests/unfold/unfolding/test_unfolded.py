"""Models read in the feature basis: identities that hold whatever the features."""

import numpy as np
import pytest
import torch
from scipy.linalg import hadamard
from torch import nn

from unfold.unfolding.known_directions import KnownDirections
from unfold.unfolding.splicing import splice
from unfold.unfolding.unfolded import compare_unfolded, leakage, read_effects, unfold_model


class Tied:
    """ReLU(x W W^T + b) with 32 features in 16 dimensions, cosines 0 and 1/4."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.W = 1.1 * np.vstack([np.eye(16), hadamard(16) / 4])
        self.b = np.full(32, -0.15)
        self.x = rng.random((1500, 32)) * (rng.random((1500, 32)) < 0.05)

    def hidden(self, x):
        return np.asarray(x) @ self.W

    def outputs(self, hidden):
        return np.maximum(hidden @ self.W.T + self.b, 0)


@pytest.fixture(scope="module")
def tied():
    return Tied()


@pytest.fixture(scope="module")
def unfolded(tied):
    features = KnownDirections(tied.W)
    return unfold_model(features, tied.W.T, tied.b, hidden=tied.hidden, n_in=32)


def test_known_features_read_inputs_and_outputs_exactly(tied, unfolded):
    np.testing.assert_allclose(unfolded.read_in, 1.1 * np.eye(32), atol=1e-6)
    np.testing.assert_allclose(unfolded.read_out, tied.W @ tied.W.T / 1.1, atol=1e-12)
    assert unfolded.n_features == 32


def test_the_unfolded_model_does_what_the_original_does(tied, unfolded):
    hidden = tied.hidden(tied.x)
    report = compare_unfolded(unfolded, hidden, tied.outputs(hidden), tied.x)
    assert report.fidelity > 0.999
    assert report.error_unfolded == pytest.approx(report.error_original, rel=0.02)
    assert report.expansion == 2
    np.testing.assert_allclose(unfolded.forward(tied.x), tied.outputs(hidden), atol=1e-5)
    assert "fidelity" in str(report)


def test_interference_is_the_off_diagonal_energy_and_unfolding_removes_it(tied, unfolded):
    hidden = tied.hidden(tied.x)
    report = compare_unfolded(unfolded, hidden, tied.outputs(hidden))
    D = unfolded.method.components_
    gram = D @ D.T
    expected = np.mean(np.sum(gram**2, axis=1) - 1)
    assert report.interference_folded == pytest.approx(expected)
    assert report.interference_unfolded < 1e-6
    assert report.active_unfolded == pytest.approx((tied.x > 0).sum(axis=1).mean(), rel=0.1)
    assert report.active_unfolded < report.active_folded
    assert np.isnan(report.error_original)


def test_cleaning_takes_out_interference_and_beats_the_original(tied, unfolded):
    hidden = tied.hidden(tied.x)
    outputs = tied.outputs(hidden)
    clean = unfolded.cleaned(hidden, outputs)
    assert np.count_nonzero(clean.read_out) == 32
    assert (np.argmax(clean.read_out, axis=1) == np.arange(32)).all()
    before = compare_unfolded(unfolded, hidden, outputs, tied.x)
    after = compare_unfolded(clean, hidden, outputs, tied.x)
    assert after.error_unfolded < 0.8 * before.error_original


def test_the_order_of_features_is_free(tied, unfolded):
    order = np.random.default_rng(1).permutation(32)
    again = unfold_model(KnownDirections(tied.W[order]), tied.W.T, tied.b)
    hidden = tied.hidden(tied.x)
    np.testing.assert_allclose(again.read_out, unfolded.read_out[order])
    np.testing.assert_allclose(again.predict(hidden), unfolded.predict(hidden), atol=1e-8)
    with pytest.raises(ValueError, match="without inputs"):
        again.forward(tied.x)


def test_a_mean_moves_into_the_bias(tied):
    mean = np.random.default_rng(2).standard_normal(16)
    features = KnownDirections(tied.W, mean)
    model = unfold_model(features, tied.W.T, tied.b)
    hidden = tied.hidden(tied.x[:200]) + mean
    np.testing.assert_allclose(model.predict(hidden), tied.outputs(hidden), atol=0.05)
    np.testing.assert_allclose(model.bias, tied.b + mean @ tied.W.T)


def test_signed_inputs_feed_two_features():
    W1 = np.hstack([np.eye(3), -np.eye(3)])  # exact absolute value: ReLU(x) + ReLU(-x)
    W2 = np.vstack([np.eye(3), np.eye(3)])

    def hidden(x):
        return np.maximum(np.asarray(x) @ W1, 0)

    model = unfold_model(KnownDirections(np.eye(6)), W2, hidden=hidden, n_in=3, signed_inputs=True)
    np.testing.assert_allclose(model.read_in, W1, atol=1e-9)
    x = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    np.testing.assert_allclose(model.forward(x), np.abs(x), atol=1e-9)
    np.testing.assert_allclose(model.predict(hidden(x)), np.abs(x), atol=0.03)


def test_effects_are_the_slopes_of_a_linear_map():
    rng = np.random.default_rng(0)
    codes, slopes = rng.random((200, 5)), rng.standard_normal((5, 3))
    np.testing.assert_allclose(read_effects(codes, codes @ slopes + 7), slopes, atol=1e-10)
    with pytest.raises(ValueError, match="200 samples"):
        read_effects(codes, np.zeros((3, 3)))


def test_leakage_of_an_identity_is_zero_and_of_a_digon_one():
    assert leakage(np.eye(4)) == 0
    assert leakage(np.array([[1.0, -1.0], [-1.0, 1.0]])) == 1


def test_bad_weights_are_named(tied):
    features = KnownDirections(tied.W)
    with pytest.raises(ValueError, match="W_out has 32 rows"):
        unfold_model(features, tied.W)
    with pytest.raises(ValueError, match="n_in"):
        unfold_model(features, tied.W.T, hidden=tied.hidden)
    with pytest.raises(ValueError, match="zeros"):
        KnownDirections(np.zeros((2, 3)))


class Network(nn.Module):
    def __init__(self, tied):
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # layers draw starts that are not used
            self._layers(tied)

    def _layers(self, tied):
        self.compress = nn.Linear(32, 16, bias=False)
        self.expand = nn.Linear(16, 32)
        with torch.no_grad():
            self.compress.weight.copy_(torch.tensor(tied.W.T))
            self.expand.weight.copy_(torch.tensor(tied.W))
            self.expand.bias.copy_(torch.tensor(tied.b))

    def forward(self, x):
        return self.expand(self.compress(x)).relu()


def test_any_module_can_be_spliced_at_a_named_activation(tied, unfolded):
    network = Network(tied)
    x = torch.tensor(tied.x[:300], dtype=torch.float32)
    result = splice(network, "compress", unfolded.method, x)
    assert result.fidelity > 0.999
    assert result.codes.shape == (300, 32)
    np.testing.assert_allclose(result.outputs, network(x).detach(), atol=1e-6)
    np.testing.assert_allclose(result.spliced, unfolded.predict(result.hidden.numpy()), atol=1e-5)
    assert not network.compress._forward_hooks


def test_splicing_keeps_batch_shapes_and_shows_what_is_missing(tied):
    network = Network(tied)
    x = torch.tensor(tied.x[:300].reshape(20, 15, 32), dtype=torch.float32)
    half = KnownDirections(tied.W[:16])
    result = splice(network, "compress", half, x)
    assert result.codes.shape == (20, 15, 16)
    assert result.fidelity < 0.9
    with pytest.raises(ValueError, match="'compress', 'expand'"):
        splice(network, "middle", half, x)
