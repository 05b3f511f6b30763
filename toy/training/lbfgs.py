"""L-BFGS over many independent problems at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]

#: Steps and gradient changes remembered.
MEMORY = 10
#: Sufficient decrease asked of a step, as a part of what the slope promises.
SUFFICIENT_DECREASE = 1e-4
HALVINGS = 25
#: Relative decrease of a loss that is no decrease.
ROUNDING = 1e-14
#: Least curvature ``s y / y y`` along a step for it to be remembered: less would be noise, or bend
#: the wrong way, and its inverse is a length.
LEAST_CURVATURE = 1e-12


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where the descent of each problem ended.

    Attributes
    ----------
    x : Tensor of shape (K, P)
    loss : Tensor of shape (K,)
    gradient : Tensor of shape (K,)
        Largest absolute partial derivative there.
    n_iter : int
    """

    x: Tensor
    loss: Tensor
    gradient: Tensor
    n_iter: int


def minimise(
    loss: Loss,
    x: Tensor,
    *,
    max_iter: int = 500,
    tolerance: float = 1e-8,
) -> Minimum:
    """Minimise K smooth functions at once, each with its own steps and memory.

    Parameters
    ----------
    loss : callable
        Maps positions (R, P) and problem numbers (R,) to losses (R,): R of the K problems.
    x : Tensor of shape (K, P), float64
        Where to start.
    max_iter : int
    tolerance : float
        A problem is finished when its gradient's largest entry is below this, or when its loss
        no longer falls by more than rounding.

    Returns
    -------
    Minimum

    References
    ----------
    Nocedal & Wright, "Numerical Optimization", 2006, algorithm 7.4.
    """
    everyone = torch.arange(len(x), device=x.device)
    here = _Point(x.detach(), *_evaluate(loss, x, everyone))
    memory = _Memory(len(x), x.device)
    active = here.gradient.abs().amax(1) > tolerance
    n_iter = 0
    while n_iter < max_iter and bool(active.any()):
        n_iter += 1
        direction, plain = memory.direction(here.gradient)
        found = _search(loss, here, direction, active)
        moved = found.value < here.value - ROUNDING * here.value.abs()
        memory.add(found.x - here.x, found.gradient - here.gradient, moved)
        # A failed step along the plain gradient is the end; another direction gets that chance.
        active = active & (moved | ~plain) & (found.gradient.abs().amax(1) > tolerance)
        here = found
    return Minimum(here.x, here.value, here.gradient.abs().amax(1), n_iter)


class _Point(NamedTuple):
    """Positions (K, P), losses (K,), gradients (K, P)."""

    x: Tensor
    value: Tensor
    gradient: Tensor


class _Memory:
    """Past steps and gradient changes of every problem; a weight of 0 forgets a pair."""

    def __init__(self, n_problems: int, device: torch.device) -> None:
        self._pairs: list[tuple[Tensor, Tensor, Tensor]] = []
        self._scale = torch.ones(n_problems, 1, dtype=torch.float64, device=device)
        self._empty = torch.ones(n_problems, dtype=torch.bool, device=device)

    def direction(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Return quasi-Newton directions (K, P), and which (K,) are the plain gradient's."""
        q = gradient
        taken = []
        for s, y, weight in reversed(self._pairs):
            taken.append(weight * _dot(s, q))
            q = q - taken[-1] * y
        q = q * self._scale
        for (s, y, weight), first in zip(self._pairs, reversed(taken), strict=True):
            q = q + s * (first - weight * _dot(y, q))
        plain = self._empty | (_dot(q, gradient)[:, 0] <= 0)
        steepest = gradient / gradient.abs().sum(1, keepdim=True).clamp(min=1.0)
        return -torch.where(plain[:, None], steepest, q), plain

    def add(self, s: Tensor, y: Tensor, moved: Tensor) -> None:
        """Remember a step of those that moved; forget everything about the others."""
        sy, yy = _dot(s, y), _dot(y, y)
        good = moved[:, None] & (sy > LEAST_CURVATURE * yy)
        weight = torch.where(good, 1 / torch.where(good, sy, 1.0), 0.0)
        kept = self._pairs[-(MEMORY - 1) :]
        self._pairs = [(s_, y_, w_ * moved[:, None]) for s_, y_, w_ in kept] + [(s, y, weight)]
        self._scale = torch.where(good, sy / torch.where(good, yy, 1.0), self._scale)
        self._empty = ~moved | (self._empty & ~good[:, 0])


def _search(loss: Loss, here: _Point, direction: Tensor, active: Tensor) -> _Point:
    """Halve each problem's step until it lowers its loss enough; those that never do stay."""
    slope = _dot(direction, here.gradient)[:, 0]
    found = _Point(here.x.clone(), here.value.clone(), here.gradient.clone())
    pending = active.nonzero()[:, 0]
    step = 1.0
    for _ in range(HALVINGS):
        trial = here.x[pending] + step * direction[pending]
        value, gradient = _evaluate(loss, trial, pending)
        enough = here.value[pending] + SUFFICIENT_DECREASE * step * slope[pending]
        good = value < enough
        for kept, new in zip(found, (trial, value, gradient), strict=True):
            kept[pending[good]] = new[good]
        pending = pending[~good]
        if not len(pending):
            break
        step /= 2
    return found


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return row-wise inner products, (K, 1)."""
    return (a * b).sum(1, keepdim=True)


def _evaluate(loss: Loss, x: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
    """Return losses and gradients."""
    x = x.detach().requires_grad_()
    value = loss(x, problems)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), gradient
