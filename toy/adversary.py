"""Attacks on tied models: the input moves that hurt one feature's output most."""

import torch
from torch import Tensor

from toy.gradient import loss
from toy.models import Params, TiedModel


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
