"""One trainer for all sparse autoencoders: many models in one batch, resumable at any step."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from unfold.methods.autoencoders.architectures import SHARED, Architecture, Params, decode
from unfold.same_direction import SAME

#: Called with a generator and a number of samples, returns data (B, d).
Draw = Callable[[torch.Generator, int], Tensor]

#: Parts of the steps in which the rate warms up, in which it cools, and in which latents restart.
WARM, COOL, REVIVING = 0.05, 0.4, 0.7


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes
    ----------
    n_steps, batch_size : int
    lr : float
        Peak learning rate: linear warm-up over the first 5% of the steps, linear decay to zero
        over the last 40%.
    n_revivals : int
        Times, evenly spread over the first 70%, that latents which did not fire since the last
        time, or double a busier one, restart from badly reconstructed samples. Runs differ in
        length, so a window in steps would be wrong for most.
    frozen : tuple of str
        Parameters that stay as they start.
    """

    n_steps: int
    batch_size: int
    lr: float
    n_revivals: int = 14
    frozen: tuple[str, ...] = ()

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        warm, cool = WARM * self.n_steps, COOL * self.n_steps
        return self.lr * min(
            1.0, (step + 1) / max(warm, 1), max(self.n_steps - step, 1) / max(cool, 1)
        )

    def revives(self, step: int) -> bool:
        """Return whether dead latents restart before this step."""
        window = max(1, int(REVIVING * self.n_steps / max(1, self.n_revivals)))
        return 0 < step <= REVIVING * self.n_steps and step % window == 0 and self.n_revivals > 0


@dataclass(eq=False)
class TrainingState:
    """All that a run needs to go on: save it, load it, and get the same bits.

    Attributes
    ----------
    params : dict of tensor
    first, second : dict of tensor
        Adam's moments.
    fired : tensor of shape (M, k)
        Samples in which each latent fired since the last revival.
    generator : torch.Generator
    step : int
    """

    params: Params
    first: Params
    second: Params
    fired: Tensor
    generator: torch.Generator
    step: int = 0
    losses: list[float] = field(default_factory=list)


def start(
    architecture: Architecture, directions: Tensor, generator: torch.Generator
) -> TrainingState:
    """Return the beginning of a run from decoder rows ``directions`` (M, k, d)."""
    n_models, k, d = directions.shape
    rows = directions / directions.norm(dim=-1, keepdim=True)
    params = {
        "decoder": rows.clone(),
        "encoder": rows.clone(),
        "bias": rows.new_zeros(n_models, k),
        "center": rows.new_zeros(n_models, d),
    }
    params |= {name: value.to(rows) for name, value in architecture.extra(n_models, k).items()}
    zeros = {name: torch.zeros_like(value) for name, value in params.items()}
    return TrainingState(
        params,
        zeros,
        {name: value.clone() for name, value in zeros.items()},
        rows.new_zeros(n_models, k),
        generator,
    )


def train(
    progress: TrainingState,
    architecture: Architecture,
    draw: Draw,
    plan: Schedule,
    *,
    until: int | None = None,
    on_step: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train up to step ``until`` (default: the end of the plan), in place.

    Parameters
    ----------
    progress : TrainingState
    architecture : Architecture
    draw : callable
        Source of data; all models see the same batches.
    plan : Schedule
    until : int, optional
    on_step : callable, optional
        Called after each step, to report or to save.

    Returns
    -------
    TrainingState
        The one given.
    """
    for step in range(progress.step, plan.n_steps if until is None else until):
        X = draw(progress.generator, plan.batch_size)[None]
        if plan.revives(step):
            revive(progress, architecture, X[0])
        fixed = {"floor", *plan.frozen}
        params = {n: p.requires_grad_(n not in fixed) for n, p in progress.params.items()}
        codes = architecture.train_codes(params, X)
        loss = architecture.loss(params, X, codes, step / plan.n_steps)
        names = [n for n in params if n not in fixed]
        grads = torch.autograd.grad(loss.sum(), [params[n] for n in names], allow_unused=True)
        with torch.no_grad():
            progress.params = {n: p.detach() for n, p in params.items()}
            _adam(progress, dict(zip(names, grads, strict=True)), plan.rate(step), step + 1)
            rows = progress.params["decoder"]
            rows /= rows.norm(dim=-1, keepdim=True).clamp_min(1e-12)
            progress.fired += (codes > 0).sum(dim=1)
            architecture.after_step(progress.params, codes.detach())
        progress.step = step + 1
        progress.losses.append(float(loss.detach().mean()))
        if on_step is not None:
            on_step(progress)
    return progress


def _adam(
    progress: TrainingState, grads: dict[str, Tensor | None], rate: float, count: int
) -> None:
    """Take one Adam step, in place."""
    for name, grad in grads.items():
        if grad is None:
            continue
        first, second = progress.first[name], progress.second[name]
        first.lerp_(grad, 0.1)
        second.lerp_(grad.square(), 0.001)
        size = (second / (1 - 0.999**count)).sqrt_().add_(1e-8)
        progress.params[name] -= rate / (1 - 0.9**count) * first / size


@torch.no_grad()
def revive(progress: TrainingState, architecture: Architecture, X: Tensor) -> None:
    """Restart latents that never fire, or double a busier one, from what is badly explained.

    Each gets the direction of a residual, drawn by its energy, in decoder and encoder; its
    moments are forgotten.
    """
    params = progress.params
    residual = X - decode(params, architecture.train_codes(params, X[None]))
    energy = residual.square().sum(dim=-1)
    for model in range(len(residual)):
        dead = idle(params["decoder"][model], progress.fired[model])
        picks = energy[model] > 0
        if not bool(dead.any()) or not bool(picks.any()):
            continue
        rows = torch.multinomial(
            energy[model], int(dead.sum()), replacement=True, generator=progress.generator
        )
        fresh = residual[model, rows]
        fresh = fresh / fresh.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        alive = params["encoder"][model][~dead]
        length = alive.norm(dim=-1).mean() if len(alive) else 1.0
        params["decoder"][model, dead] = fresh
        params["encoder"][model, dead] = fresh * length
        for name in params.keys() - SHARED - {"decoder", "encoder"}:
            params[name][model, dead] = params[name][model][~dead].mean() if len(alive) else 0.0
        params["bias"][model, dead] = 0.0
        for name in params.keys() - SHARED:
            progress.first[name][model, dead] = 0.0
            progress.second[name][model, dead] = 0.0
    progress.fired.zero_()


def idle(directions: Tensor, fired: Tensor, coherence: float = SAME) -> Tensor:
    """Return which latents never fired, or point where a latent that fired more often points."""
    cosine = directions @ directions.T
    order = torch.arange(len(fired), device=fired.device)
    busier = (fired > fired[:, None]) | ((fired == fired[:, None]) & (order < order[:, None]))
    return (fired == 0) | ((cosine > coherence) & busier).any(dim=1)


def as_arrays(progress: TrainingState) -> dict[str, np.ndarray]:
    """Return a run as named arrays, for a checkpoint; its step is not among them."""
    groups = {"params": progress.params, "first": progress.first, "second": progress.second}
    arrays = {f"{group}/{n}": t for group, tensors in groups.items() for n, t in tensors.items()}
    arrays |= {"fired": progress.fired, "generator": progress.generator.get_state()}
    return {name: tensor.cpu().numpy() for name, tensor in arrays.items()}


def from_arrays(arrays: dict[str, np.ndarray], step: int, device: torch.device) -> TrainingState:
    """Return the run that `as_arrays` took down."""
    generator = torch.Generator(device)
    generator.set_state(torch.tensor(arrays["generator"]))
    groups: dict[str, Params] = {"params": {}, "first": {}, "second": {}}
    for name, array in arrays.items():
        if "/" in name:
            group, _, parameter = name.partition("/")
            groups[group][parameter] = torch.tensor(array, device=device)
    fired = torch.tensor(arrays["fired"], device=device)
    params, first, second = groups["params"], groups["first"], groups["second"]
    return TrainingState(params, first, second, fired, generator, step)
