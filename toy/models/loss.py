"""The loss of a batch and its exact gradient, and attacks that make one feature's loss worst."""

import torch
from torch import Tensor

from toy.models.networks import Model, Params, TiedModel


def loss(
    model: Model, params: Params, x: Tensor, target: Tensor, importance: Tensor, l1: float = 0.0
) -> Tensor:
    """Return the loss (K,): ``mean_B sum_i I_i (y_i - y'_i)^2``, plus ``l1`` times ``|h|_1``.

    Parameters
    ----------
    model : Model
    params : dict of Tensor
    x, target : Tensor of shape (K, B, n)
    importance : Tensor of shape (K, n)
    l1 : float
        Price of hidden activations, which drives superposition out.
    """
    hidden = model.hidden(params, x)
    error = model.output(params, hidden, x) - target
    total = (error.square() * importance.unsqueeze(1)).sum(dim=2).mean(dim=1)
    return total + l1 * hidden.abs().sum(dim=2).mean(dim=1) if l1 else total


def loss_and_gradient(
    model: Model, params: Params, x: Tensor, target: Tensor, importance: Tensor, l1: float = 0.0
) -> tuple[Tensor, Params]:
    """Return the loss (K,) and its gradient with respect to the trained parameters."""
    if type(model) is TiedModel and not model.hidden_relu and not l1:
        return _tied(model, params, x, target, importance)
    trained = {name: params[name].detach().requires_grad_() for name in model.shapes}
    with torch.enable_grad():
        value = loss(model, params | trained, x, target, importance, l1)
        gradients = torch.autograd.grad(value.sum(), list(trained.values()))
    return value.detach(), dict(zip(trained, gradients, strict=True))


def _tied(
    model: TiedModel, params: Params, x: Tensor, target: Tensor, importance: Tensor
) -> tuple[Tensor, Params]:
    """Differentiate by hand: W carries both the way in and the way out."""
    W = params["W"]
    h = model.hidden(params, x)
    out = model.output(params, h, x)
    error = out - target
    weighted = error * (importance.unsqueeze(1) / x.shape[1])
    value = torch.linalg.vecdot(weighted.flatten(1), error.flatten(1))
    g = weighted.mul_(2)
    if model.relu:
        g.mul_(out > 0)
    dW = torch.bmm(g.transpose(1, 2), h)
    dW.baddbmm_(x.transpose(1, 2), torch.bmm(g, W))
    return value, {"W": dW, "b": g.sum(dim=1)}


def attack_directions(W: Tensor) -> Tensor:
    """Return unit directions (K, n, n) in input space: row i moves output i fastest.

    The output of feature i depends on the input through row i of ``W W^T`` (``W`` (K, n, m) with
    a feature a row), so that row is its own steepest direction (Elhage et al. 2022).
    """
    gram = torch.bmm(W, W.transpose(1, 2))
    return gram / gram.norm(dim=2, keepdim=True).clamp_min(1e-12)


def perturb(x: Tensor, directions: Tensor, chosen: Tensor, norm: Tensor) -> Tensor:
    """Return ``x`` (K, B, n) moved by ``norm`` (K,) along the direction ``chosen`` (K, B)."""
    index = chosen.unsqueeze(2).expand(-1, -1, directions.shape[2])
    return x + norm[:, None, None] * directions.gather(1, index)


def attacked_loss(
    model: TiedModel, params: Params, x: Tensor, importance: Tensor, norm: Tensor
) -> Tensor:
    """Return the loss (K,) of clean targets under the worst single direction.

    Parameters
    ----------
    model : TiedModel
    params : dict of Tensor
    x : Tensor of shape (K, B, n)
    importance : Tensor of shape (K, n)
    norm : Tensor of shape (K,)
        Length of the attack.
    """
    directions = attack_directions(params["W"])
    worst = torch.full_like(norm, -torch.inf)
    for feature in range(x.shape[2]):
        for sign in (1, -1):
            chosen = torch.full(x.shape[:2], feature, device=x.device)
            moved = perturb(x, directions, chosen, sign * norm)
            worst = torch.maximum(worst, loss(model, params, moved, x, importance))
    return worst
