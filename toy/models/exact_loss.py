"""Exact expected losses of small toy models: no sampling.

Data: feature i is active with probability p_i, independently or with its set, and is then uniform
on [0, 1].
Losses are the paper's, ``E sum_i I_i (x_i - x'_i)^2``, summed over features. ReLU models sum over
supports, with closed forms along one axis of each and Gauss-Legendre nodes along the others.
"""

import numpy as np
import torch
from torch import Tensor

from toy.models.quadrature import expected_error, segments
from toy.spec import MOST_EXACT_FEATURES


def variance(density: Tensor) -> Tensor:
    """Variance ``p/3 - p^2/4`` of a feature uniform on [0, 1] with probability p, else 0."""
    return density / 3 - density**2 / 4


def linear_loss(W: Tensor, density: Tensor | float, importance: Tensor | float = 1.0) -> Tensor:
    """Return the expected loss of the linear model ``x' = W W^T x + b`` with its best bias.

    Parameters
    ----------
    W : Tensor of shape (K, n_features, n_hidden)
    density, importance : Tensor broadcastable to (K, n_features), or float

    Returns
    -------
    loss : Tensor of shape (K,)
    """
    p, weight = _rows(density, W[..., 0]), _rows(importance, W[..., 0])
    residual = W @ W.mT - torch.eye(W.shape[-2], dtype=W.dtype, device=W.device)
    return torch.einsum("ki,kij,kj->k", weight, residual**2, variance(p))


def relu_loss(
    W: Tensor,
    b: Tensor,
    density: Tensor | float,
    importance: Tensor | float = 1.0,
    *,
    set_size: int = 1,
) -> Tensor:
    """Return the expected loss of the ReLU-output model ``x' = ReLU(W W^T x + b)``.

    Parameters
    ----------
    W : Tensor of shape (K, n_features, n_hidden), float64
    b : Tensor of shape (K, n_features)
    density, importance : Tensor broadcastable to (K, n_features), or float
    set_size : int
        Features come in sets of so many, next to one another, that are active together or not at
        all, so that their densities are equal; 1 is independent features.

    Returns
    -------
    loss : Tensor of shape (K,)
        Differentiable in W and b. Exact where one feature is active at a time, to about
        1e-4 of the loss where several are.

    Raises
    ------
    ValueError
        If there are more than 12 features, whose supports are too many to enumerate, they do not
        make whole sets, or densities are not in (0, 1] or differ within a set.
    """
    n = b.shape[-1]
    if set_size < 1 or n % set_size:
        raise ValueError(f"{n} features do not make sets of {set_size}.")
    if n > MOST_EXACT_FEATURES:
        raise ValueError(
            f"The exact loss sums over all 2^n supports: got n={n} features, at most "
            f"{MOST_EXACT_FEATURES} can be enumerated. Train on samples, or use one_hot_loss."
        )
    p, weight = _rows(density, b), _rows(importance, b)
    chances = p.cpu().numpy()
    if not ((chances > 0) & (chances <= 1)).all():
        raise ValueError(
            f"A density is above 0 and at most 1, got {chances.min():g} to {chances.max():g}."
        )
    if (chances != np.repeat(chances[:, ::set_size], set_size, axis=1)).any():
        raise ValueError(f"Features of a set of {set_size} are active together: give one density.")
    grid = segments(n, set_size=set_size)
    chance = grid.probability(chances, set_size)
    silent = (weight * b.relu() ** 2).sum(-1) * (1 - p[:, ::set_size]).prod(-1)
    return silent + expected_error(W @ W.mT, b, chance, weight.cpu().numpy(), grid)


def one_hot_loss(W: Tensor, b: Tensor, importance: Tensor | float = 1.0) -> Tensor:
    """Return the loss when exactly one feature, any with equal chance, is active.

    This is the sparse limit of `relu_loss`, and exact.

    Parameters
    ----------
    W : Tensor of shape (K, n_features, n_hidden), float64
    b : Tensor of shape (K, n_features)
    importance : Tensor broadcastable to (K, n_features), or float

    Returns
    -------
    loss : Tensor of shape (K,)
        Differentiable in W and b.
    """
    weight = _rows(importance, b)
    n_models, n = weight.shape
    chance = np.full((n_models, n), 1 / n)
    return expected_error(W @ W.mT, b, chance, weight.cpu().numpy(), segments(n, 1))


def computation_loss(W_in: Tensor, W_out: Tensor, mixing: Tensor) -> Tensor:
    """Return the loss of computing ``y = ReLU(x) + x M`` in ``y' = ReLU(x W_in) W_out``.

    Exactly one of n inputs, any with equal chance, is active and uniform on [-1, 1]: the sparse
    limit. The naive network that computes m of the n ReLUs and ignores the rest loses
    ``(1 - m / n) / 6`` when nothing is mixed in.

    Parameters
    ----------
    W_in : Tensor of shape (K, n, m)
    W_out : Tensor of shape (K, m, n)
    mixing : Tensor of shape (K, n, n)

    Returns
    -------
    loss : Tensor of shape (K,)
        Exact, summed over outputs.

    References
    ----------
    Bhagat et al., "Compressed Computation is (probably) not Computation in Superposition", 2025.
    """
    n = W_in.shape[1]
    positive = W_in.relu() @ W_out - mixing - torch.eye(n, dtype=W_in.dtype, device=W_in.device)
    negative = (-W_in).relu() @ W_out + mixing
    return ((positive**2).sum((1, 2)) + (negative**2).sum((1, 2))) / (6 * n)


def _rows(value: Tensor | float, like: Tensor) -> Tensor:
    """Return `value` spread over (K, n)."""
    rows = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    try:
        return rows.expand(like.shape)
    except RuntimeError:
        raise ValueError(
            f"Densities and importances spread over (K, n) = {tuple(like.shape)}, got "
            f"{tuple(rows.shape)}."
        ) from None
