"""Integrals of a ReLU model's error over the unit cubes on which its inputs live."""

from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

#: Gauss-Legendre nodes along each axis but one, by the number of active features. The integrand
#: is twice continuously differentiable there, the kink having been integrated away.
NODES = {1: 1, 2: 16, 3: 12, 4: 7, 5: 5}
MORE_NODES = 4


@dataclass(frozen=True, eq=False)
class Segments:
    """Line segments, each along the axis of one active feature, that sample all supports.

    Attributes
    ----------
    inputs : ndarray of shape (Q, n)
        Where the segments start: the feature that varies is 0 there.
    axis : int ndarray of shape (Q,)
        The feature that varies from 0 to 1.
    active : bool ndarray of shape (Q, n)
    weight : ndarray of shape (Q,)
        Sums to 1 over the segments of a support.
    """

    inputs: np.ndarray
    axis: np.ndarray
    active: np.ndarray
    weight: np.ndarray

    def probability(self, density: np.ndarray, set_size: int = 1) -> np.ndarray:
        """Return (K, Q): weight of each segment for sets of features of density (K, n)."""
        chance = np.broadcast_to(self.weight, (len(density), len(self.weight))).copy()
        for i in range(0, density.shape[1], set_size):
            p = density[:, i, None]
            chance *= np.where(self.active[:, i], p, 1 - p)
        return chance


@cache
def segments(n: int, most_active: int | None = None, set_size: int = 1) -> Segments:
    """Segments over all supports of 1 to `most_active` of n features, in whole sets."""
    inputs, axes, actives, weights = [], [], [], []
    for size in range(set_size, (most_active or n) + 1, set_size):
        nodes, node_weights = np.polynomial.legendre.leggauss(NODES.get(size, MORE_NODES))
        nodes, node_weights = (nodes + 1) / 2, node_weights / 2
        points = np.array(list(product(nodes, repeat=size - 1)))
        weight = np.array([np.prod(w) for w in product(node_weights, repeat=size - 1)])
        for sets in combinations(range(0, n, set_size), size // set_size):
            support = [first + i for first in sets for i in range(set_size)]
            x = np.zeros((len(points), n))
            x[:, support[1:]] = points
            active = np.zeros((len(points), n), dtype=bool)
            active[:, support] = True
            inputs.append(x)
            axes.append(np.full(len(points), support[0]))
            actives.append(active)
            weights.append(weight)
    return Segments(*(np.concatenate(part) for part in (inputs, axes, actives, weights)))


def expected_error(
    gram: Tensor, b: Tensor, chance: np.ndarray, importance: np.ndarray, grid: Segments
) -> Tensor:
    """Sum over segments of ``chance * int_0^1 sum_j I_j (x_j - ReLU(x @ gram + b)_j)^2 dt``.

    Parameters
    ----------
    gram : Tensor of shape (K, n, n), float64
    b : Tensor of shape (K, n), float64
    chance : ndarray of shape (K, Q)
    importance : ndarray of shape (K, n)
    grid : Segments

    Returns
    -------
    loss : Tensor of shape (K,)
        Differentiable in `gram` and `b`, once.
    """
    loss: Tensor = _ExpectedError.apply(gram, b, chance, importance, grid)  # type: ignore[no-untyped-call]
    return loss


class _ExpectedError(torch.autograd.Function):
    """The gradient comes with the value: both are sums over the same segments."""

    @staticmethod
    def forward(
        ctx: Any,
        gram: Tensor,
        b: Tensor,
        chance: np.ndarray,
        importance: np.ndarray,
        grid: Segments,
    ) -> Tensor:
        loss, d_gram, d_b = _integrate(
            np.ascontiguousarray(gram.detach().cpu().numpy()),
            np.ascontiguousarray(b.detach().cpu().numpy()),
            chance,
            np.ascontiguousarray(importance),
            grid.inputs,
            grid.axis,
        )
        ctx.save_for_backward(torch.from_numpy(d_gram).to(b), torch.from_numpy(d_b).to(b))
        return torch.from_numpy(loss).to(b)

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        d_gram, d_b = ctx.saved_tensors
        (g,) = upstream
        return g[:, None, None] * d_gram, g[:, None] * d_b, None, None, None


@numba.njit(cache=True, nogil=True)
def _integrate(
    gram: np.ndarray,
    b: np.ndarray,
    chance: np.ndarray,
    importance: np.ndarray,
    inputs: np.ndarray,
    axis: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return losses (K,) and their derivatives by `gram` and `b`.

    Along a segment the pre-activation is c + a t, so the ReLU is open on one interval of t,
    where the integrand is quadratic and two Gauss-Legendre nodes are exact. At that interval's
    end the ReLU is zero, so that its movement adds nothing to the derivative.
    """
    n_models, n = b.shape
    loss = np.zeros(n_models)
    d_gram = np.zeros((n_models, n, n))
    d_b = np.zeros((n_models, n))
    offset = 0.5 / np.sqrt(3.0)
    for k in range(n_models):
        for q in range(len(axis)):
            moving = axis[q]
            for j in range(n):
                factor = chance[k, q] * importance[k, j]
                if factor == 0.0:
                    continue
                start = inputs[q, j]
                speed = 1.0 if j == moving else 0.0
                loss[k] += factor * (start * start + speed / 3)  # what silence would cost
                a = gram[k, moving, j]
                c = b[k, j]
                for i in range(n):
                    c += inputs[q, i] * gram[k, i, j]
                low, high = 0.0, 1.0
                if c <= 0.0 and c + a <= 0.0:
                    continue
                if c < 0.0:
                    low = -c / a
                elif c + a < 0.0:
                    high = -c / a
                half = (high - low) / 2
                d_c, d_a = 0.0, 0.0
                for sign in (-1.0, 1.0):
                    t = (high + low) / 2 + sign * (high - low) * offset
                    out, target = c + a * t, start + speed * t
                    loss[k] += factor * half * out * (out - 2 * target)
                    slope = 2 * factor * half * (out - target)
                    d_c += slope
                    d_a += slope * t
                d_b[k, j] += d_c
                d_gram[k, moving, j] += d_a
                for i in range(n):
                    d_gram[k, i, j] += d_c * inputs[q, i]
    return loss, d_gram, d_b
