"""Models, losses, gradients and attacks: against autograd, finite differences and by hand."""

import numpy as np
import pytest
import torch

from toy.kernels.tied_models import adamw, fill_batch, gradient
from toy.models.loss import attack_directions, attacked_loss, loss, loss_and_gradient, perturb
from toy.models.networks import (
    AbsoluteValueModel,
    CompressedModel,
    IdentityModel,
    ResidualModel,
    TiedModel,
    input_weights,
)
from toy.randomness import stream
from toy.training.adamw import AdamW

MODELS = [
    TiedModel(6, 3, relu=False),
    TiedModel(6, 3),
    TiedModel(6, 3, hidden_relu=True),
    IdentityModel(6, 3),
    AbsoluteValueModel(6, 4),
    CompressedModel(6, 3, "embedding", 0.0, 9),
    CompressedModel(6, 3, "symmetric", 0.1),
    CompressedModel(6, 3, "asymmetric", 0.1),
    ResidualModel(6, 3, 9),
]


def some(model, instances=2, samples=7, dtype=torch.float64):
    rng = stream(0, repr(model))
    params = {
        name: torch.from_numpy(rng.standard_normal((instances, *shape))).to(dtype)
        for name, shape in model.shapes.items()
    }
    constants = [model.constants(stream(k)) for k in range(instances)]
    for name in constants[0]:
        params[name] = torch.from_numpy(np.stack([one[name] for one in constants])).to(dtype)
    x = rng.random((instances, samples, model.n_features)) * (
        rng.random((instances, samples, model.n_features)) < 0.4
    )
    importance = rng.random((instances, model.n_features)) + 0.5
    return params, torch.from_numpy(x).to(dtype), torch.from_numpy(importance).to(dtype)


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("l1", [0.0, 0.3])
def test_gradient_is_the_slope_of_the_loss(model, l1):
    params, x, importance = some(model)
    target = model.target(params, x)
    _, slopes = loss_and_gradient(model, params, x, target, importance, l1)
    rng, step = stream(1), 1e-6
    for name, slope in slopes.items():
        way = torch.from_numpy(rng.standard_normal(slope.shape))
        up, down = (
            loss(model, params | {name: params[name] + s * way}, x, target, importance, l1)
            for s in (step, -step)
        )
        expected = (way * slope).flatten(1).sum(dim=1)
        torch.testing.assert_close((up - down) / (2 * step), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("relu", [False, True])
def test_compiled_gradient_equals_autograd_with_empty_samples(relu):
    model = TiedModel(20, 5, relu=relu)
    params, _, importance = some(model, instances=1, dtype=torch.float32)
    x = np.zeros((300, 20), np.float32)
    used = fill_batch(x, 0.03, 0.0, 1.0, np.arange(1, 5, dtype=np.uint64))
    assert 0 < used < 200
    theta = np.ascontiguousarray(np.vstack([params["W"][0].T, params["b"][0]]))
    slope = np.empty_like(theta)
    value = gradient(x[:used], 300, theta, importance[0].numpy(), relu, slope)
    full = torch.zeros(1, 300, 20)
    full[0, :used] = torch.from_numpy(x[:used])
    trained = {name: tensor.requires_grad_() for name, tensor in params.items()}
    expected = loss(model, trained, full, full, importance)
    expected.sum().backward()
    assert value == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(slope[:-1].T, trained["W"].grad[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(slope[-1], trained["b"].grad[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.3, 1.0])
def test_compiled_sampler_has_the_declared_law(p):
    x, state = np.empty((20_000, 10), np.float32), np.arange(1, 5, dtype=np.uint64)
    used = fill_batch(x, p, -1.0, 1.0, state)
    active = x[:used] != 0
    error = np.sqrt(p * (1 - p) / 20_000)
    assert np.abs(active.sum(axis=0) / 20_000 - p).max() <= 5 * error
    values = x[:used][active]
    assert abs(values.mean()) < 5 / np.sqrt(3 * len(values))
    assert np.abs(values).max() < 1
    if p < 0.2:
        assert active.any(axis=1).all()
        assert used / 20_000 == pytest.approx(1 - (1 - p) ** 10, abs=0.02)


def test_both_optimisers_are_torch_s_adamw():
    start = torch.from_numpy(stream(0).standard_normal((3, 4)).astype(np.float32))
    slopes = torch.from_numpy(stream(1).standard_normal((30, 3, 4)).astype(np.float32))
    peer = torch.nn.Parameter(start.clone())
    reference = torch.optim.AdamW([peer], lr=0.1, weight_decay=0.2)
    ours, compiled = start.clone(), start.numpy().copy()
    optimizer = AdamW(ours, 0.2)
    mean, square = np.zeros_like(compiled), np.zeros_like(compiled)
    for step, slope in enumerate(slopes):
        peer.grad = slope.clone()
        reference.step()
        optimizer.step(slope, 0.1)
        adamw(compiled, slope.numpy(), mean, square, step + 1, 0.1, 0.2)
    torch.testing.assert_close(ours, peer.data, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(compiled, peer.data, rtol=1e-4, atol=1e-5)


def test_targets():
    x = torch.tensor([[[-2.0, 3.0]]])
    assert TiedModel(2, 1).target({}, x) is x
    torch.testing.assert_close(AbsoluteValueModel(2, 1).target({}, x), torch.tensor([[[2.0, 3.0]]]))
    torch.testing.assert_close(ResidualModel(2, 1).target({}, x), torch.tensor([[[-2.0, 6.0]]]))
    mixing = torch.tensor([[[0.0, 1.0], [0.5, 0.0]]])
    mixed = CompressedModel(2, 1).target({"M": mixing}, x)
    torch.testing.assert_close(mixed, torch.tensor([[[3.0, 2.0]]]))


def test_mixing_matrices():
    rng = [stream(0) for _ in range(4)]
    nothing, symmetric, asymmetric, embedding = (
        CompressedModel(50, 5, kind, 0.1, 400).constants(one)["M"]
        for kind, one in zip(["none", "symmetric", "asymmetric", "embedding"], rng, strict=True)
    )
    assert not nothing.any()
    np.testing.assert_allclose(symmetric, symmetric.T)
    np.testing.assert_allclose(embedding, embedding.T)
    assert np.abs(asymmetric - asymmetric.T).max() > 0.1
    off = ~np.eye(50, dtype=bool)
    for matrix, sigma in [(symmetric, 0.1), (asymmetric, 0.1), (embedding, 400**-0.5)]:
        np.testing.assert_allclose(np.diag(matrix), 0, atol=1e-12)
        assert matrix[off].std() == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_input_weights_make_the_hidden_layer(model):
    params, x, _ = some(model)
    before = torch.bmm(x, input_weights(model, params))
    hidden = before.relu() if model.rectified else before
    torch.testing.assert_close(model.hidden(params, x), hidden)


def test_worst_attack_hurts_most_and_moves_by_its_norm():
    model = TiedModel(6, 2)
    params, x, importance = some(model, samples=200)
    params["b"].zero_()
    norm = torch.tensor([0.05, 0.1], dtype=torch.float64)
    directions = attack_directions(params["W"])
    chosen = torch.zeros(x.shape[:2], dtype=torch.long)
    moved = perturb(x, directions, chosen, norm)
    torch.testing.assert_close((moved - x).norm(dim=2), norm[:, None].expand(-1, 200))
    worst = attacked_loss(model, params, x, importance, norm)
    assert (worst > loss(model, params, x, x, importance)).all()
    one = loss(model, params, moved, x, importance)
    assert (worst >= one - 1e-12).all()
