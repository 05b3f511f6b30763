"""Toy models: batched tensors, exact gradients.

Shapes: K instances at once, n features, m hidden dimensions, B samples.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TiedModel:
    """``x' = f(W^T W x + b)``: one matrix compresses and, transposed, expands.

    Parameters
    ----------
    relu : bool
        Whether the output passes a ReLU; otherwise the model is linear.
    """

    n_features: int
    n_hidden: int
    relu: bool = True

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter shapes of one instance; ``W`` holds a feature a row."""
        return {"W": (self.n_features, self.n_hidden), "b": (self.n_features,)}

    def hidden(self, params: dict[str, Tensor], x: Tensor) -> Tensor:
        """Return hidden activations (K, B, m) of features (K, B, n)."""
        return torch.bmm(x, params["W"])

    def output(self, params: dict[str, Tensor], hidden: Tensor) -> Tensor:
        """Return reconstructions (K, B, n)."""
        out = torch.baddbmm(params["b"].unsqueeze(1), hidden, params["W"].transpose(1, 2))
        return out.relu_() if self.relu else out

    def loss_and_gradient(
        self, params: dict[str, Tensor], x: Tensor, importance: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss (K,), ``mean_B sum_i I_i (x_i - x'_i)^2``, and its gradient."""
        W = params["W"]
        h = self.hidden(params, x)
        out = self.output(params, h)
        scale = importance.unsqueeze(1) / x.shape[1]
        error = out - x
        weighted = error * scale
        loss = (weighted * error).sum(dim=(1, 2))
        g = weighted.mul_(2)
        if self.relu:
            g = g.mul_(out > 0)
        dW = torch.bmm(g.transpose(1, 2), h)
        dW.baddbmm_(x.transpose(1, 2), torch.bmm(g, W))
        return loss, {"W": dW, "b": g.sum(dim=1)}
