"""Sparse autoencoders as pure functions on tensors, many models at once.

Parameters are a dict of tensors whose first axis is the model: ``encoder`` and ``decoder``
(M, k, d), ``bias`` (M, k), ``center`` (M, d). Data are (M, B, d) or (1, B, d), codes (M, B, k).
Nothing here holds state, so one batched matrix product serves all models.
"""

# ruff: noqa: D102 (what encode and loss return is said once, in Architecture)

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

Params = dict[str, Tensor]

#: Parameters that have no axis of latents.
SHARED = frozenset({"center", "floor"})


@dataclass(frozen=True)
class Architecture(ABC):
    """How codes come from data, and what loss trains them."""

    def extra(self, n_models: int, k: int) -> Params:
        """Return the initial values of parameters beyond those all architectures share."""
        return {}

    @abstractmethod
    def encode(self, params: Params, X: Tensor) -> Tensor:
        """Return the codes (M, B, k) of data, as used after training."""

    def train_codes(self, params: Params, X: Tensor) -> Tensor:
        """Return the codes of a training batch."""
        return self.encode(params, X)

    def loss(self, params: Params, X: Tensor, codes: Tensor, progress: float) -> Tensor:
        """Return the loss of every model (M,) on a batch with given training codes."""
        return reconstruction_error(X, decode(params, codes))

    def after_step(self, params: Params, codes: Tensor) -> None:  # noqa: B027 (optional)
        """Update parameters that are statistics rather than weights, in place."""


def preactivations(params: Params, X: Tensor) -> Tensor:
    """Return what the encoder sees in data, before any nonlinearity."""
    centred = X - params["center"][:, None]
    return centred @ params["encoder"].mT + params["bias"][:, None]


def decode(params: Params, codes: Tensor) -> Tensor:
    """Return the data that codes stand for."""
    return codes @ params["decoder"] + params["center"][:, None]


def reconstruction_error(X: Tensor, rebuilt: Tensor) -> Tensor:
    """Return the mean squared error of every model, summed over dimensions."""
    return (X - rebuilt).square().sum(dim=-1).mean(dim=-1)


def damped(params: Params, X: Tensor, codes: Tensor) -> Params:
    """Return parameters whose codes are shortened where they rebuild worse than the mean does.

    A model hardly trained overshoots: all latents that see a direction add it.

    Parameters
    ----------
    params : dict of tensor
        Of one model.
    X : tensor of shape (1, n, d)
    codes : tensor of shape (1, n, k)
        Those of the model, for ``X``.
    """
    rebuilt, centred = decode(params, codes), X - X.mean(dim=1, keepdim=True)
    if bool((X - rebuilt).square().sum() <= centred.square().sum()):
        return params
    part, whole = rebuilt - params["center"][:, None], X - params["center"][:, None]
    share = float(((part * whole).sum() / part.square().sum()).clamp(1e-6, 1))
    linear = {"encoder", "bias", "magnitude_bias", "floor"} & params.keys()
    fresh = {name: params[name] * share for name in linear}
    if "log_threshold" in params:
        fresh["log_threshold"] = params["log_threshold"] + math.log(share)
    return params | fresh


def largest(activations: Tensor, n_active: int) -> Tensor:
    """Return activations with all but the largest of each sample set to zero."""
    n_active = min(n_active, activations.shape[-1])
    values, places = activations.topk(n_active, dim=-1)
    return torch.zeros_like(activations).scatter(-1, places, values)


@final
@dataclass(frozen=True)
class L1(Architecture):
    """Rectified codes under an L1 penalty that ramps up over the first part of training."""

    sparsity: float

    def encode(self, params: Params, X: Tensor) -> Tensor:
        return preactivations(params, X).relu()

    def loss(self, params: Params, X: Tensor, codes: Tensor, progress: float) -> Tensor:
        ramp = min(1.0, progress / 0.2)
        penalty = codes.sum(dim=-1).mean(dim=-1)
        return reconstruction_error(X, decode(params, codes)) + ramp * self.sparsity * penalty


@final
@dataclass(frozen=True)
class TopK(Architecture):
    """The ``n_active`` largest rectified activations of each sample."""

    n_active: int

    def encode(self, params: Params, X: Tensor) -> Tensor:
        return largest(preactivations(params, X).relu(), self.n_active)


@dataclass(frozen=True)
class _OverBatch(Architecture):
    """Abstract: the largest activations of a batch, so that samples share ``n_active`` slots.

    Afterwards an activation counts from the smallest kept in training, ``floor``, upwards.
    """

    n_active: int

    def extra(self, n_models: int, k: int) -> Params:
        return {"floor": torch.zeros(n_models)}

    def encode(self, params: Params, X: Tensor) -> Tensor:
        activations = preactivations(params, X).relu()
        return activations * (activations >= params["floor"][:, None, None])

    def train_codes(self, params: Params, X: Tensor) -> Tensor:
        activations = preactivations(params, X).relu()
        flat = activations.flatten(1)
        slots = min(self.n_active * activations.shape[1], flat.shape[1])
        least = flat.topk(slots, dim=1).values[:, -1]
        return activations * (activations >= least[:, None, None])

    def after_step(self, params: Params, codes: Tensor) -> None:
        kept = torch.where(codes > 0, codes, torch.inf).flatten(1).amin(dim=1)
        kept = torch.where(kept.isfinite(), kept, params["floor"])
        params["floor"].lerp_(kept.to(params["floor"].dtype), 0.02)


@final
@dataclass(frozen=True)
class BatchTopK(_OverBatch):
    """The largest activations of a batch, ``n_active`` a sample on average."""


@final
@dataclass(frozen=True)
class Matryoshka(_OverBatch):
    """Batch TopK whose first latents must reconstruct on their own, at several sizes."""

    shares: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0)

    def loss(self, params: Params, X: Tensor, codes: Tensor, progress: float) -> Tensor:
        k = codes.shape[-1]
        total = torch.zeros(codes.shape[0], dtype=codes.dtype, device=codes.device)
        rebuilt = params["center"][:, None].expand(-1, X.shape[1], -1)
        start = 0
        for share in self.shares:
            stop = max(1, round(share * k))
            rebuilt = rebuilt + codes[..., start:stop] @ params["decoder"][:, start:stop]
            total = total + reconstruction_error(X, rebuilt)
            start = stop
        return total / len(self.shares)


class _Jump(torch.autograd.Function):
    """``x`` where it exceeds a threshold, and whether it does; kernel estimates of gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, threshold: Tensor, width: float) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, threshold)
        ctx.width = width
        open_ = (x > threshold).to(x.dtype)
        return x * open_, open_

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        x, threshold = ctx.saved_tensors
        grad_value, grad_count = grads
        near = ((x - threshold).abs() < ctx.width / 2).to(x.dtype) / ctx.width
        to_x = grad_value * (x > threshold)
        to_threshold = -near * (threshold * grad_value + grad_count)
        return to_x, to_threshold.sum(dim=1, keepdim=True), None


@final
@dataclass(frozen=True)
class JumpReLU(Architecture):
    """A learned threshold for each latent; the loss pulls the mean L0 towards ``n_active``."""

    n_active: int
    weight: float = 0.3
    width: float = 0.1

    def extra(self, n_models: int, k: int) -> Params:
        return {"log_threshold": torch.full((n_models, k), -3.0)}

    def _jump(self, params: Params, X: Tensor) -> tuple[Tensor, Tensor]:
        activations = preactivations(params, X).relu()
        threshold = params["log_threshold"].exp()[:, None]
        value, count = _Jump.apply(activations, threshold, self.width)  # type: ignore[no-untyped-call]
        return value, count

    def encode(self, params: Params, X: Tensor) -> Tensor:
        return self._jump(params, X)[0]

    def loss(self, params: Params, X: Tensor, codes: Tensor, progress: float) -> Tensor:
        value, count = self._jump(params, X)
        excess = count.sum(dim=-1).mean(dim=-1) / self.n_active - 1
        ramp = self.weight * min(1.0, progress / 0.2)
        return reconstruction_error(X, decode(params, value)) + ramp * excess.square()


@final
@dataclass(frozen=True)
class Gated(Architecture):
    """One map decides which latents are active, a rescaled copy of it how much."""

    sparsity: float

    def extra(self, n_models: int, k: int) -> Params:
        return {"log_scale": torch.zeros(n_models, k), "magnitude_bias": torch.zeros(n_models, k)}

    def encode(self, params: Params, X: Tensor) -> Tensor:
        gate = preactivations(params, X)
        drive = (gate - params["bias"][:, None]) * params["log_scale"].exp()[:, None]
        return (gate > 0) * (drive + params["magnitude_bias"][:, None]).relu()

    def loss(self, params: Params, X: Tensor, codes: Tensor, progress: float) -> Tensor:
        gate = preactivations(params, X).relu()
        frozen = {name: params[name].detach() for name in ("decoder", "center")}
        ramp = min(1.0, progress / 0.2)
        return (
            reconstruction_error(X, decode(params, codes))
            + reconstruction_error(X, decode(frozen, gate))
            + ramp * self.sparsity * gate.sum(dim=-1).mean(dim=-1)
        )


@final
@dataclass(frozen=True)
class MatchingPursuit(Architecture):
    """No encoder: one latent at a time, the best for what the earlier ones left over."""

    n_active: int

    def encode(self, params: Params, X: Tensor) -> Tensor:
        decoder = params["decoder"]
        residual = (X - params["center"][:, None]).expand(len(decoder), -1, -1)
        codes = residual.new_zeros(*residual.shape[:2], decoder.shape[1])
        for _ in range(min(self.n_active, decoder.shape[1])):
            step = largest((residual @ decoder.mT).relu(), 1)
            codes = codes + step
            residual = residual - step @ decoder
        return codes
