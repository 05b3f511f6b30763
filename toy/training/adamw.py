"""AdamW over many instances at once, on one flat tensor."""

import torch
from torch import Tensor


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019), torch's defaults.

    Parameters
    ----------
    parameters : Tensor of shape (K, P)
        Updated in place; every operation is element by element, so that an instance's path
        does not depend on who else is in the batch.
    weight_decay : float
    """

    def __init__(
        self,
        parameters: Tensor,
        weight_decay: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self._parameters = parameters
        self._weight_decay = weight_decay
        self._betas = betas
        self._eps = eps
        self._mean = torch.zeros_like(parameters)
        self._square = torch.zeros_like(parameters)
        self._step = 0

    def step(self, gradient: Tensor, lr: float) -> None:
        """Take one step down ``gradient`` (K, P)."""
        self._step += 1
        first, second = self._betas
        if self._weight_decay:
            self._parameters.mul_(1 - lr * self._weight_decay)
        self._mean.lerp_(gradient, 1 - first)
        self._square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        spread = self._square.sqrt().div_((1 - second**self._step) ** 0.5).add_(self._eps)
        self._parameters.addcdiv_(self._mean, spread, value=-lr / (1 - first**self._step))
