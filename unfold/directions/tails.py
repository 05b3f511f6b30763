"""Directions that the largest values point to, climbed from samples: for many dimensions."""

import torch
from torch import Tensor

from unfold.directions.moments import chunks
from unfold.directions.subspace_power import unit


def tail_power(
    Z: Tensor, V: Tensor, *, threshold: float = 3.0, n_iter: int = 8
) -> tuple[Tensor, Tensor]:
    """Iterate ``v <- E[z relu(z.v - q)]`` on white samples from given starts, all at once.

    Where ``z.v`` is largest a feature near ``v`` is active, and the mean of those samples points
    along it: far in the tail one feature's samples outnumber all others'.

    Parameters
    ----------
    Z : Tensor of shape (n, d)
        White samples.
    V : Tensor of shape (s, d)
        Starts, such as samples themselves.
    threshold : float
        Where the tail begins, in standard deviations.
    n_iter : int

    Returns
    -------
    directions : Tensor of shape (s, d)
        Unit rows.
    weight : Tensor of shape (s,)
        Mean excess over the threshold along each.
    """
    V = unit(V.to(Z.dtype))
    weight = torch.zeros(len(V), dtype=Z.dtype, device=Z.device)
    for _ in range(n_iter):
        step = torch.zeros_like(V)
        weight = torch.zeros_like(weight)
        for block in chunks(Z):
            excess = torch.relu(block @ V.T - threshold)
            step += excess.T @ block
            weight += excess.sum(0)
        V = torch.where(weight[:, None] > 0, unit(step), V)
    return V, weight / len(Z)


def mean_shift(
    U: Tensor, V: Tensor, *, first: float = 0.8, last: float = 0.93, n_iter: int = 8
) -> tuple[Tensor, Tensor]:
    """Move starts to the middle of the unit samples within a shrinking angle.

    Parameters
    ----------
    U : Tensor of shape (n, d)
        Unit samples.
    V : Tensor of shape (s, d)
        Starts.
    first, last : float
        Cosine that counts as near, at the first and the last step.
    n_iter : int

    Returns
    -------
    directions : Tensor of shape (s, d)
    counts : Tensor of shape (s,)
        Samples within cosine ``last``.
    """
    V = unit(V.to(U.dtype))
    for turn in range(n_iter):
        near = first + (last - first) * min(1.0, turn / max(n_iter - 3, 1))
        step = torch.zeros_like(V)
        for block in chunks(U):
            step += torch.relu(block @ V.T - near).T @ block
        moved = step.square().sum(1) > 0
        V = torch.where(moved[:, None], unit(step), V)
    counts = sum((block @ V.T > last).sum(0) for block in chunks(U))
    return V, torch.as_tensor(counts)


def spread_out(V: Tensor, value: Tensor, coherence: float) -> Tensor:
    """Return positions of directions, best first, that no better one is within a cosine of."""
    order = torch.argsort(value, descending=True, stable=True)
    W = V[order]
    near = torch.triu((W @ W.T).gt(coherence), 1)
    alive = torch.ones(len(W), dtype=torch.bool, device=V.device)
    for i in range(len(W)):
        if alive[i]:
            alive &= ~near[i]
    return order[alive]
