"""The mathematics of autoencoders: sparsity by construction, gradients, batching, revival."""

import numpy as np
import pytest
import torch

from unfold.arrays import unit_rows
from unfold.methods.autoencoders.architectures import (
    L1,
    BatchTopK,
    Gated,
    JumpReLU,
    MatchingPursuit,
    Matryoshka,
    TopK,
    decode,
    reconstruction_error,
)
from unfold.methods.autoencoders.estimators import TopKAutoencoder
from unfold.methods.autoencoders.training import Schedule, TrainingState, idle, start, train
from unfold.registry import get_method

ALL = [L1(0.1), TopK(2), BatchTopK(2), JumpReLU(2), Gated(0.1), Matryoshka(2), MatchingPursuit(2)]
NAMES = [type(a).__name__ for a in ALL]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def beginning(architecture, n_models=2, k=9, d=5, seed=0) -> TrainingState:
    rows = torch.randn(n_models, k, d, generator=generator(seed), dtype=torch.float64)
    return start(architecture, rows, generator())


def data(n=40, d=5, seed=1):
    return torch.randn(1, n, d, generator=generator(seed), dtype=torch.float64)


@pytest.mark.parametrize("architecture", ALL, ids=NAMES)
def test_codes_are_non_negative_and_each_model_is_its_own(architecture):
    params, X = beginning(architecture).params, data()
    codes = architecture.train_codes(params, X)
    assert codes.shape == (2, 40, 9) and bool((codes >= 0).all())
    for m in range(2):
        alone = {name: value[m : m + 1] for name, value in params.items()}
        assert torch.allclose(architecture.train_codes(alone, X)[0], codes[m])


@pytest.mark.parametrize("architecture", ALL, ids=NAMES)
def test_models_trained_side_by_side_are_models_trained_alone(architecture):
    X = data(400)[0]
    plan = Schedule(n_steps=20, batch_size=32, lr=0.01, n_revivals=0)

    def draw(rng, count):
        return X[torch.randint(len(X), (count,), generator=rng)]

    both = train(beginning(architecture), architecture, draw, plan)
    for m in range(2):
        whole = beginning(architecture)
        one = start(architecture, whole.params["decoder"][m : m + 1], generator())
        alone = train(one, architecture, draw, plan)
        assert torch.allclose(alone.params["decoder"][0], both.params["decoder"][m], atol=1e-8)


@pytest.mark.parametrize("architecture", ALL, ids=NAMES)
def test_training_lowers_the_error_and_keeps_unit_directions(architecture):
    D = torch.tensor(unit_rows(np.random.default_rng(0).standard_normal((9, 5))))
    rng = generator(3)
    codes = torch.rand(2000, 9, generator=rng, dtype=torch.float64)
    X = (codes * (torch.rand(2000, 9, generator=rng) < 0.15)) @ D
    run = beginning(architecture)
    before = reconstruction_error(X, decode(run.params, architecture.train_codes(run.params, X)))
    plan = Schedule(n_steps=150, batch_size=128, lr=0.01)
    train(run, architecture, lambda r, n: X[torch.randint(len(X), (n,), generator=r)], plan)
    after = reconstruction_error(X, decode(run.params, architecture.train_codes(run.params, X)))
    assert bool((after < before).all())
    norms = run.params["decoder"].norm(dim=-1)
    assert torch.allclose(norms, torch.ones_like(norms))


def test_counted_architectures_count():
    X = data()
    for architecture in (TopK(2), MatchingPursuit(2)):
        active = (architecture.train_codes(beginning(architecture).params, X) > 0).sum(-1)
        assert int(active.max()) <= 2
    batch = BatchTopK(2)
    active = (batch.train_codes(beginning(batch).params, X) > 0).sum((1, 2))
    assert active.tolist() == [80, 80]


def test_matryoshka_with_one_prefix_is_batch_topk():
    nested, flat = Matryoshka(2, shares=(1.0,)), BatchTopK(2)
    params, X = beginning(flat).params, data()
    codes = flat.train_codes(params, X)
    assert torch.allclose(nested.loss(params, X, codes, 1.0), flat.loss(params, X, codes, 1.0))


def test_matching_pursuit_is_exact_on_orthonormal_directions():
    architecture = MatchingPursuit(3)
    run = start(architecture, torch.eye(5, dtype=torch.float64)[None], generator())
    codes = torch.zeros(1, 6, 5, dtype=torch.float64)
    codes[0, :, :3] = torch.rand(6, 3, generator=generator(), dtype=torch.float64)
    assert torch.allclose(architecture.encode(run.params, codes @ torch.eye(5).double()), codes)


def test_gradient_of_a_threshold_is_the_kernel_estimate():
    """d L0 / d threshold is minus the density of activations there, a box of the width."""
    architecture = JumpReLU(1, weight=1.0, width=0.5)
    run = start(architecture, torch.ones(1, 1, 1, dtype=torch.float64), generator())
    run.params["log_threshold"] = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([0.8, 0.9, 1.1, 1.2, 2.0, 0.1], dtype=torch.float64).reshape(1, 6, 1)
    value, count = architecture._jump(run.params, x)
    assert value.flatten().tolist() == [0, 0, 1.1, 1.2, 2.0, 0]
    (grad,) = torch.autograd.grad(count.sum(), run.params["log_threshold"], retain_graph=True)
    assert float(grad) == pytest.approx(-4 / 0.5)
    (grad,) = torch.autograd.grad(value.sum(), run.params["log_threshold"])
    assert float(grad) == pytest.approx(-4 / 0.5 * 1.0)


def test_idle_latents_are_dead_or_doubles():
    D = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.01], [-1.0, 0.0]])
    assert idle(D, torch.tensor([5.0, 0.0, 4.0, 3.0])).tolist() == [False, True, True, False]
    assert idle(D, torch.tensor([5.0, 1.0, 5.0, 3.0])).tolist() == [False, False, True, False]


def test_revival_brings_dead_latents_back():
    """All latents start on one feature: without revival the others are never found."""
    rng = np.random.default_rng(0)
    D = unit_rows(rng.standard_normal((10, 6)))
    X = torch.tensor((rng.random((4000, 10)) * (rng.random((4000, 10)) < 0.08)) @ D)
    rows = torch.tensor(D[:1]).repeat(10, 1)[None] + 1e-3 * data(10, 6)

    def found(n_revivals):
        plan = Schedule(n_steps=300, batch_size=64, lr=0.01, n_revivals=n_revivals)
        run = start(TopK(1), rows, generator())
        train(run, TopK(1), lambda r, n: X[torch.randint(len(X), (n,), generator=r)], plan)
        return int(((D @ run.params["decoder"][0].numpy().T).max(axis=1) > 0.9).sum())

    assert found(14) >= found(0) + 4


@pytest.mark.parametrize("name", ["topk-sae", "matching-pursuit-sae"])
def test_one_feature_at_a_time_is_found(name):
    rng = np.random.default_rng(0)
    D = unit_rows(rng.standard_normal((10, 6)))
    X = np.eye(10)[rng.integers(10, size=3000)] * (rng.random((3000, 1)) + 0.2) @ D
    method = get_method(name)(15, n_active=1, n_steps=500, batch_size=128)
    found = (D @ method.fit(X).components_.T).max(axis=1)
    assert found.mean() > 0.98 and found.min() > 0.9


def test_the_best_of_several_models_is_kept():
    X = data(500)[0].numpy()
    params = {"n_active": 2, "n_steps": 60, "batch_size": 32}
    several = TopKAutoencoder(8, n_models=3, **params).fit(X)
    assert several.components_.shape == (8, 5)
    assert several.loss_ <= TopKAutoencoder(8, **params).fit(X).loss_ * 1.05


def test_codes_scale_with_the_data():
    X = data(300)[0].numpy()
    small = TopKAutoencoder(8, n_steps=50, batch_size=32).fit(X)
    large = TopKAutoencoder(8, n_steps=50, batch_size=32).fit(1024 * X)
    assert np.allclose(small.components_, large.components_, atol=1e-6)
    assert np.allclose(1024 * small.transform(X), large.transform(1024 * X), rtol=1e-4, atol=1e-2)


def test_a_frozen_decoder_stays_random_and_its_encoder_learns():
    X = np.random.default_rng(0).standard_normal((400, 6)) ** 3

    def fitted(n_steps: int) -> TopKAutoencoder:
        return TopKAutoencoder(
            n_components=9, n_active=2, n_steps=n_steps, frozen_decoder=True, random_state=3
        ).fit(X)

    short, long = fitted(1), fitted(300)
    np.testing.assert_allclose(long.components_, short.components_, atol=1e-6)
    assert long.loss_ < 0.9 * short.loss_
    samples = unit_rows(X)
    assert np.abs(long.components_ @ samples.T).max(axis=1).min() < 0.999
