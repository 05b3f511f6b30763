"""Any network with one of its activations replaced by what the features found say it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unfold.arrays import like, to_numpy
from unfold.unfolding.unfolded import FittedMethod

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, eq=False)
class Splice:
    """What a network does with an activation, and with its unfolded version.

    Attributes
    ----------
    hidden : Tensor of shape (..., d)
        The activation.
    codes : Tensor of shape (..., k)
        The activation unfolded: the hidden layer of the larger model.
    outputs, spliced : Tensor
        What the network puts out, as it is and with ``codes`` folded back in its place.
    fidelity : float
        Share of the variance of ``outputs`` that ``spliced`` reproduces.
    """

    hidden: "torch.Tensor"
    codes: "torch.Tensor"
    outputs: "torch.Tensor"
    spliced: "torch.Tensor"
    fidelity: float

    def __repr__(self) -> str:
        """Return the number of interest, and sizes."""
        active = float((self.codes != 0).sum(-1).float().mean())
        return (
            f"Splice(fidelity={self.fidelity:.4g}, {self.codes.shape[-1]} features, "
            f"{active:.3g} active, d={self.hidden.shape[-1]})"
        )


def splice(module: "nn.Module", layer: str, method: FittedMethod, inputs: Any) -> Splice:
    """Run a network with one activation replaced by its features.

    Parameters
    ----------
    module : torch.nn.Module
    layer : str
        Name of the submodule whose output is the activation, as in ``module.named_modules()``.
    method : fitted method
    inputs : Tensor or tuple of Tensor
        What the network takes.

    Returns
    -------
    Splice

    Raises
    ------
    ValueError
        If there is no such submodule, or its output is not one tensor.
    """
    import torch

    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    with torch.no_grad():
        with _hooked(module, layer) as seen:
            outputs = module(*arguments)
        hidden = seen[0]
        flat = hidden.reshape(-1, hidden.shape[-1])
        codes = like(method.transform(to_numpy(flat)), flat)
        D, mean = like(method.components_, flat), like(method.mean_, flat)
        with _hooked(module, layer, (codes @ D + mean).reshape(hidden.shape)):
            spliced = module(*arguments)
    left = (outputs - spliced).square().sum()
    spread = (outputs - outputs.mean(dim=0)).square().sum()
    fidelity = float(1 - left / spread)
    return Splice(hidden, codes.reshape(*hidden.shape[:-1], -1), outputs, spliced, fidelity)


@contextmanager
def _hooked(
    module: "nn.Module", layer: str, replacement: "torch.Tensor | None" = None
) -> Iterator[list["torch.Tensor"]]:
    """Collect the output of a submodule while the block runs, and replace it if asked to."""
    import torch

    known = dict(module.named_modules())
    if layer not in known:
        names = ", ".join(repr(name) for name in known if name)
        raise ValueError(f"There is no submodule {layer!r}; there are {names or 'none'}.")
    seen: list[torch.Tensor] = []

    def hook(_module: Any, _arguments: Any, output: Any) -> "torch.Tensor | None":
        if not isinstance(output, torch.Tensor):
            raise ValueError(f"{layer!r} puts out a {type(output).__name__}, not one tensor.")
        seen.append(output)
        return replacement

    handle = known[layer].register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()
