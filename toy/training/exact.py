"""Training without samples: the expected loss itself, minimised by L-BFGS from several starts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from toy.features.spec import ExactlySpec, GateSpec, SetsSpec
from toy.models.exact_loss import computation_loss, linear_loss, one_hot_loss, relu_loss
from toy.spec import TrainedSpec
from toy.training.lbfgs import minimise


@dataclass(frozen=True, eq=False)
class Fit:
    """The best of several descents on an exact loss, for each of K instances.

    Attributes
    ----------
    W : Tensor of shape (K, n_features, n_hidden)
    b : Tensor of shape (K, n_features)
    loss : Tensor of shape (K,)
    losses : Tensor of shape (K, n_starts)
        Where each start ended: how rugged the landscape is.
    all_W : Tensor of shape (K, n_starts, n_features, n_hidden)
    """

    W: Tensor
    b: Tensor
    loss: Tensor
    losses: Tensor
    all_W: Tensor


def fit_relu(
    n_features: int,
    n_hidden: int,
    density: Tensor | float,
    importance: Tensor | float = 1.0,
    *,
    n_starts: int = 8,
    bias: bool = True,
    start: tuple[Tensor, Tensor] | None = None,
    set_size: int = 1,
    max_iter: int = 300,
    seed: int = 0,
) -> Fit:
    """Minimise `relu_loss` from several starts and keep the best.

    Parameters
    ----------
    n_features, n_hidden : int
    density, importance : Tensor of shape (K, n_features) or (K, 1), or float
        One model is fitted for each of the K rows; a float is one row.
    n_starts : int
        Random starts an instance.
    bias : bool
        Whether the model has one.
    start : tuple of Tensor, optional
        Instead of random starts: W (K, n_features, n_hidden) and b (K, n_features) to descend
        from, to follow one solution while the data change.
    set_size : int
        Features are active together in sets of so many, as in `relu_loss`.
    max_iter : int
        Of L-BFGS.
    seed : int

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        If sizes are not positive, densities not in (0, 1] or unequal in a set, importances
        negative or of another length, or there are more features than supports can be enumerated
        for.
    """
    p, weight = _pair(density, importance, n_features)
    _check(n_features, n_hidden, n_starts, p, weight)
    W, b = start or _random_starts(len(p) * n_starts, n_features, n_hidden, seed)
    each = len(W) // len(p)
    p, weight = p.repeat_interleave(each, 0), weight.repeat_interleave(each, 0)

    def loss(W: Tensor, b: Tensor, rows: Tensor) -> Tensor:
        return relu_loss(W, b, p[rows], weight[rows], set_size=set_size)

    return _descend(loss, W, b, each, bias, max_iter)


def fit_one_hot(
    n_features: int,
    n_hidden: int,
    importance: Tensor | float = 1.0,
    *,
    n_starts: int = 8,
    start: tuple[Tensor, Tensor] | None = None,
    max_iter: int = 500,
    seed: int = 0,
) -> Fit:
    """Minimise `one_hot_loss`; parameters and result as in `fit_relu`.

    `importance` is of one instance, (1, n_features) or a float. Every row of `start` is an
    instance of its own; random starts are all one instance's.
    """
    p, weight = _pair(1.0, importance, n_features)
    _check(n_features, n_hidden, n_starts, p, weight)
    W, b = start or _random_starts(n_starts, n_features, n_hidden, seed)
    each = 1 if start else n_starts
    return _descend(lambda W, b, _: one_hot_loss(W, b, weight), W, b, each, True, max_iter)


def fit_linear(
    n_features: int,
    n_hidden: int,
    density: Tensor | float,
    importance: Tensor | float = 1.0,
    *,
    n_starts: int = 4,
    max_iter: int = 500,
    seed: int = 0,
) -> Fit:
    """Minimise `linear_loss`; parameters and result as in `fit_relu`.

    The returned bias is the best one, ``E x - W W^T E x``.
    """
    p, weight = _pair(density, importance, n_features)
    _check(n_features, n_hidden, n_starts, p, weight)
    W, b = _random_starts(len(p) * n_starts, n_features, n_hidden, seed)
    every_p, every_weight = p.repeat_interleave(n_starts, 0), weight.repeat_interleave(n_starts, 0)

    def loss(W: Tensor, b: Tensor, rows: Tensor) -> Tensor:
        return linear_loss(W, every_p[rows], every_weight[rows])

    fit = _descend(loss, W, b, n_starts, False, max_iter)
    best = p / 2 - torch.einsum("kim,kjm,kj->ki", fit.W, fit.W, p / 2)
    return Fit(fit.W, best, fit.loss, fit.losses, fit.all_W)


def fit_computation(mixing: Tensor, n_hidden: int, *, max_iter: int = 3000, seed: int = 0) -> Fit:
    """Minimise `computation_loss`, from one start for each mixing matrix (K, n, n).

    Returns
    -------
    Fit
        Whose W is W_in; its bias is zero.
    """
    if mixing.ndim != 3 or mixing.shape[1] != mixing.shape[2]:
        raise ValueError(f"mixing must be (K, n, n), got {tuple(mixing.shape)}.")
    n_models, n, _ = mixing.shape
    if n_hidden < 1:
        raise ValueError(f"n_hidden must be at least 1, got {n_hidden}.")
    size = n * n_hidden
    rng = np.random.default_rng(seed)
    start = rng.standard_normal((n_models, 2 * size)) * np.sqrt(2 / (n + n_hidden))

    def split(x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, :size].reshape(-1, n, n_hidden), x[:, size:].reshape(-1, n_hidden, n)

    found = minimise(
        lambda x, rows: computation_loss(*split(x), mixing[rows]),
        torch.from_numpy(start),
        max_iter=max_iter,
        tolerance=1e-7,
    )
    W = split(found.x)[0]
    zero = torch.zeros(n_models, n, dtype=W.dtype)
    return Fit(W, zero, found.loss, found.loss[:, None], W[:, None])


def _descend(
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],
    W: Tensor,
    b: Tensor,
    n_starts: int,
    bias: bool,
    max_iter: int,
) -> Fit:
    """Descend from every start at once; rows of one instance lie next to one another."""
    n, m = W.shape[1:]

    def split(x: Tensor) -> tuple[Tensor, Tensor]:
        b = x[:, n * m :]
        return x[:, : n * m].reshape(-1, n, m), b if bias else torch.zeros_like(b)

    start = torch.cat([W.flatten(1), b], dim=1).to(torch.float64)
    found = minimise(lambda x, rows: loss(*split(x), rows), start, max_iter=max_iter)
    losses = found.loss.reshape(-1, n_starts)
    best = losses.argmin(1) + n_starts * torch.arange(len(losses))
    all_W, all_b = split(found.x)
    return Fit(
        all_W[best], all_b[best], found.loss[best], losses, all_W.reshape(-1, n_starts, n, m)
    )


def _random_starts(count: int, n: int, m: int, seed: int) -> tuple[Tensor, Tensor]:
    """Xavier-normal matrices (count, n, m) and zero biases (count, n)."""
    W = np.random.default_rng(seed).standard_normal((count, n, m)) * np.sqrt(2 / (n + m))
    return torch.from_numpy(W), torch.zeros(count, n, dtype=torch.float64)


def _pair(density: Tensor | float, importance: Tensor | float, n: int) -> tuple[Tensor, Tensor]:
    """Return both as (K, n), whichever has the K rows."""
    p, weight = _rows(density, n), _rows(importance, n)
    n_models = max(len(p), len(weight))
    if {len(p), len(weight)} - {1, n_models}:
        raise ValueError(
            f"Densities of {len(p)} models and importances of {len(weight)} do not go together; "
            f"give as many of both, or one."
        )
    return p.expand(n_models, n), weight.expand(n_models, n)


def _check(n_features: int, n_hidden: int, n_starts: int, p: Tensor, weight: Tensor) -> None:
    sizes = {"n_features": n_features, "n_hidden": n_hidden, "n_starts": n_starts}
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    if not bool(((p > 0) & (p <= 1)).all()):
        raise ValueError(f"density must be above 0 and at most 1, got {p.min():g} to {p.max():g}.")
    if not bool((weight >= 0).all() and weight.isfinite().all()):
        raise ValueError(f"importance must be finite and not negative, got {weight.min():g}.")


def _rows(value: Tensor | float, n: int) -> Tensor:
    """Return (K, n) float64 rows; a float is one row."""
    tensor = torch.as_tensor(value, dtype=torch.float64)
    if tensor.ndim not in (0, 2) or (tensor.ndim == 2 and tensor.shape[1] not in (1, n)):
        raise ValueError(
            f"Densities and importances are one number or of shape (K, {n}) or (K, 1), got "
            f"{tuple(tensor.shape)}."
        )
    return tensor.expand(1 if tensor.ndim == 0 else len(tensor), n)


def train_exactly(
    source: TrainedSpec, gate: GateSpec, density: np.ndarray, importance: np.ndarray, seed: int
) -> Fit:
    """Return the lowest of several minima of the exact loss.

    Parameters
    ----------
    source : TrainedSpec
        Of a model and features that have an exact loss, as `toy.spec.ProblemSpec` makes sure.
    gate : GateSpec
    density, importance : ndarray of shape (n,)
    seed : int

    Returns
    -------
    Fit
        Of one instance.
    """
    n, d, starts = len(density), source.d, source.training.restarts
    p, weight = (torch.from_numpy(value).double()[None] for value in (density, importance))
    if source.model.kind == "linear":
        return fit_linear(n, d, p, weight, n_starts=starts, seed=seed)
    if isinstance(gate, ExactlySpec):
        return fit_one_hot(n, d, weight, n_starts=starts, seed=seed)
    size = gate.size if isinstance(gate, SetsSpec) else 1
    return fit_relu(n, d, p, weight, set_size=size, n_starts=starts, seed=seed)
