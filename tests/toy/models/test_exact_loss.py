"""Exact losses against sampling, closed forms and published numbers."""

import numpy as np
import pytest
import torch

from toy.geometry.polytopes import recognise
from toy.models.exact_loss import computation_loss, linear_loss, one_hot_loss, relu_loss, variance
from toy.training.exact import fit_computation, fit_linear, fit_one_hot, fit_relu
from toy.training.lbfgs import minimise


def random_model(n: int, m: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(1, n, m)) * 0.8
    return torch.from_numpy(W), torch.from_numpy(rng.normal(size=(1, n)) * 0.2)


def polygon(k: int, n: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(k) / k
    W = np.zeros((n, 2))
    W[:k] = np.column_stack([np.cos(angle), np.sin(angle)])
    return W


@pytest.mark.parametrize("p", [0.05, 0.4, 1.0])
def test_relu_loss_is_the_average_over_samples(p):
    W, b = random_model(4, 2)
    importance = torch.tensor([1.0, 0.5, 2.0, 0.1], dtype=torch.float64)
    rng = np.random.default_rng(1)
    X = rng.random((400_000, 4)) * (rng.random((400_000, 4)) < p)
    error = (X - np.maximum(X @ (W[0] @ W[0].T).numpy() + b[0].numpy(), 0)) ** 2
    samples = (error * importance.numpy()).sum(1)
    margin = 4 * samples.std() / np.sqrt(len(samples))
    assert abs(relu_loss(W, b, p, importance).item() - samples.mean()) < margin


def test_relu_loss_matches_adaptive_quadrature_of_two_features():
    from scipy.integrate import dblquad

    W, b = random_model(2, 1, seed=3)
    gram, bias = (W[0] @ W[0].T).numpy(), b[0].numpy()

    def error(y: float, x: float) -> float:
        out = np.maximum(np.array([x, y]) @ gram + bias, 0)
        return float(((np.array([x, y]) - out) ** 2).sum())

    expected, _ = dblquad(error, 0, 1, 0, 1, epsabs=1e-7)
    assert relu_loss(W, b, 1.0).item() == pytest.approx(expected, rel=1e-4)


def test_gradients_are_the_derivatives_of_the_losses():
    W, b = random_model(3, 2, seed=5)
    W.requires_grad_(), b.requires_grad_()
    density = torch.tensor([[0.3, 0.6, 0.1]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda W, b: relu_loss(W, b, density, 0.7), (W, b))
    assert torch.autograd.gradcheck(one_hot_loss, (W, b))


def test_relu_loss_ignores_rotation_and_order():
    W, b = random_model(4, 3)
    rotation = torch.from_numpy(np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0])
    order = [2, 0, 3, 1]
    same = relu_loss((W @ rotation)[:, order], b[:, order], 0.3)
    torch.testing.assert_close(same, relu_loss(W, b, 0.3), rtol=1e-4, atol=0)
    torch.testing.assert_close(relu_loss(W @ rotation, b, 0.3), relu_loss(W, b, 0.3))


def test_one_hot_loss_is_the_sparse_limit():
    W, b = random_model(6, 2)
    p = 1e-6
    silent = (b.relu() ** 2).sum().item()
    per_active = (relu_loss(W, b, p).item() - silent * (1 - p) ** 6) / (6 * p)
    assert one_hot_loss(W, b).item() == pytest.approx(per_active, abs=1e-5)


def test_too_many_features_to_enumerate_are_refused():
    with pytest.raises(ValueError, match=r"2\^n supports.*one_hot_loss"):
        relu_loss(*random_model(13, 2), 0.1)


def test_losses_that_do_not_exist_are_refused():
    W, b = random_model(4, 2)
    with pytest.raises(ValueError, match=r"above 0 and at most 1, got 1.5"):
        relu_loss(W, b, 1.5)
    with pytest.raises(ValueError, match=r"spread over \(K, n\) = \(1, 4\), got \(1, 3\)"):
        relu_loss(W, b, torch.full((1, 3), 0.1))
    unequal = torch.tensor([[0.1, 0.2, 0.1, 0.1]], dtype=torch.float64)
    with pytest.raises(ValueError, match="set of 2 are active together: give one density"):
        fit_relu(4, 2, unequal, set_size=2)


def test_sets_of_features_are_active_together():
    """One set of all: silence with 1 - p, else the dense loss; two sets: the average."""
    W, b = random_model(4, 2)
    silent = (b.relu() ** 2).sum()
    whole = relu_loss(W, b, 0.3, set_size=4)
    assert whole.item() == pytest.approx(
        (0.7 * silent + 0.3 * relu_loss(W, b, 1.0)).item(), rel=2e-3
    )
    rng = np.random.default_rng(1)
    on = np.repeat(rng.random((400_000, 2)) < 0.4, 2, axis=1)
    X = rng.random((400_000, 4)) * on
    error = (X - np.maximum(X @ (W[0] @ W[0].T).numpy() + b[0].numpy(), 0)) ** 2
    margin = 4 * error.sum(1).std() / np.sqrt(len(X))
    assert abs(relu_loss(W, b, 0.4, set_size=2).item() - error.sum(1).mean()) < margin
    with pytest.raises(ValueError, match="4 features do not make sets of 3"):
        relu_loss(W, b, 0.4, set_size=3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_features": 0}, "n_features must be at least 1, got 0"),
        ({"n_hidden": 0}, "n_hidden must be at least 1"),
        ({"density": 0.0}, "density must be above 0 and at most 1"),
        ({"density": float("nan")}, "density must be above 0"),
        ({"density": torch.tensor([0.1, 0.2, 0.3])}, r"of shape \(K, 4\) or \(K, 1\), got \(3,\)"),
        ({"importance": -1.0}, "importance must be finite and not negative"),
        ({"importance": torch.ones(1, 3)}, r"or \(K, 1\), got \(1, 3\)"),
        ({"n_starts": 0}, "n_starts must be at least 1"),
    ],
)
def test_impossible_fits_are_refused(given, message):
    settings = {"n_features": 4, "n_hidden": 2, "density": 0.1, "n_starts": 1} | given
    with pytest.raises(ValueError, match=message):
        fit_relu(**settings)
    with pytest.raises(ValueError, match=message):
        fit_linear(**settings)


def test_the_linear_model_learns_the_most_important_features():
    importance = 0.7 ** torch.arange(20, dtype=torch.float64)
    density = torch.tensor([[1.0], [0.01]], dtype=torch.float64)
    fit = fit_linear(20, 5, density, importance[None])
    norms = fit.W.norm(dim=-1)
    torch.testing.assert_close(norms[:, :5], torch.ones_like(norms[:, :5]), atol=1e-4, rtol=0)
    assert norms[:, 5:].max() < 1e-4
    floor = variance(density[:, 0]) * importance[5:].sum()
    torch.testing.assert_close(fit.loss, floor, rtol=1e-9, atol=0)
    mean = (density / 2).expand(2, 20)
    torch.testing.assert_close(fit.b[:, 5:], mean[:, 5:], atol=1e-4, rtol=0)


def test_linear_loss_counts_missed_variance_and_interference():
    W = torch.tensor([[[1.0], [-1.0]]], dtype=torch.float64)
    assert linear_loss(W, 1.0, 3.0).item() == pytest.approx(3 * 2 / 12)


def test_digons_cost_nothing_but_the_features_left_out():
    for c in (5, 6, 8):
        W = torch.from_numpy(polygon(4, c))[None]
        loss = one_hot_loss(W, torch.zeros(1, c, dtype=torch.float64)).item()
        assert loss == pytest.approx((c - 4) / (3 * c), abs=1e-12)


@pytest.mark.parametrize(
    ("k", "loss", "norm", "bias"),
    [
        (5, 0.015826, 1.1705, -0.2823),
        (6, 0.048192, 1.3205, -0.6181),
        (7, 0.083271, 1.4484, -0.9669),
    ],
)
def test_best_polygons_have_the_published_energies(k, loss, norm, bias):
    start = (torch.from_numpy(polygon(k, k))[None], torch.full((1, k), -0.1).double())
    fit = fit_one_hot(k, 2, start=start)
    assert fit.loss.item() == pytest.approx(loss, abs=1e-5)
    expected = torch.full((k,), norm).double()
    torch.testing.assert_close(fit.W[0].norm(dim=1), expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(fit.b[0], torch.full_like(expected, bias), atol=1e-3, rtol=0)
    assert recognise(fit.W[0].numpy()).name == {5: "pentagon", 6: "hexagon", 7: "heptagon"}[k]


def test_eight_features_prefer_a_heptagon_and_a_bias_to_an_octagon():
    octagon, heptagon = (torch.from_numpy(polygon(k, 8)) for k in (8, 7))
    bias = torch.full((2, 8), -0.1, dtype=torch.float64)
    bias[1, 7] = 1 / 16
    fit = fit_one_hot(8, 2, start=(torch.stack([octagon, heptagon]), bias))
    expected = torch.tensor([0.115546, 0.110623], dtype=torch.float64)
    torch.testing.assert_close(fit.loss, expected, atol=1e-5, rtol=0)
    assert fit.b[1, 7].item() == pytest.approx(1 / 16, abs=1e-6)


def test_without_bias_both_features_blur_when_dense():
    density = torch.tensor([[1.0], [0.5]], dtype=torch.float64)
    fit = fit_relu(2, 1, density, bias=False)
    assert fit.loss[0].item() == pytest.approx(1 / 12, abs=1e-6)
    assert (fit.W[0, 0] * fit.W[0, 1] > 0).all()
    assert (fit.W[1, 0] * fit.W[1, 1] < 0).all()


def test_nothing_computes_more_relus_than_it_has_neurons():
    fit = fit_computation(torch.zeros(1, 40, 40, dtype=torch.float64), 20, max_iter=600)
    assert fit.loss.item() == pytest.approx(1 / 12, abs=1e-6)
    W_in = torch.eye(40, dtype=torch.float64)[None, :, :20]
    naive = computation_loss(W_in, W_in.mT, torch.zeros(1, 40, 40, dtype=torch.float64))
    assert naive.item() == pytest.approx(1 / 12, abs=1e-12)


def test_descents_are_independent_and_repeatable():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(3, 6, 6))
    A = torch.from_numpy(A @ A.transpose(0, 2, 1) + np.eye(6))
    start = torch.from_numpy(rng.normal(size=(3, 6)))

    def quadratic(x: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ki,kij,kj->k", x - 1, A[rows], x - 1) / 2

    together = minimise(quadratic, start)
    torch.testing.assert_close(together.x, torch.ones_like(together.x), atol=1e-6, rtol=0)
    alone = minimise(lambda x, rows: quadratic(x, rows + 1), start[1:2])
    torch.testing.assert_close(alone.x[0], together.x[1], atol=1e-8, rtol=0)


def test_more_starts_never_hurt():
    few, many = (fit_relu(3, 1, 0.2, n_starts=k) for k in (2, 10))
    assert many.loss <= few.loss + 1e-12
    assert many.losses.shape == (1, 10)
    assert many.loss == many.losses.min()


def test_densities_and_importances_of_other_numbers_of_models_are_refused():
    with pytest.raises(ValueError, match="Densities of 2 models and importances of 3"):
        fit_relu(4, 2, torch.full((2, 4), 0.1), torch.ones(3, 4), n_starts=1)
