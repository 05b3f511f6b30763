"""The toy models, as pure functions of batched tensors.

Shapes: K instances at once, n features, m hidden dimensions, B samples; matrices hold a feature
a row on the way in (``W`` (K, n, m): ``h = x W``) and a hidden dimension a row on the way out.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Params = dict[str, Tensor]


@dataclass(frozen=True)
class Model(ABC):
    """A model that squeezes features through a hidden layer.

    Parameters
    ----------
    n_features : int
    n_hidden : int
    """

    n_features: int
    n_hidden: int

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the trained parameters of one instance; matrices get random starts."""

    @property
    def rectified(self) -> bool:
        """Whether the hidden layer ends in a ReLU."""
        return True

    def constants(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw what an instance keeps fixed."""
        return {}

    def target(self, params: Params, x: Tensor) -> Tensor:
        """Return what the output should be, (K, B, n)."""
        return x

    @abstractmethod
    def hidden(self, params: Params, x: Tensor) -> Tensor:
        """Return hidden activations (K, B, m) of features (K, B, n)."""

    @abstractmethod
    def output(self, params: Params, hidden: Tensor, x: Tensor) -> Tensor:
        """Return outputs (K, B, n) of hidden activations; ``x`` is for skip connections."""


@dataclass(frozen=True)
class TiedModel(Model):
    """``x' = f(W^T g(W x) + b)``: one matrix compresses and, transposed, expands.

    Elhage et al. 2022, *Toy Models of Superposition*: linear, ReLU-output and hidden-ReLU models.

    Parameters
    ----------
    relu : bool
        Whether the output passes a ReLU (``f``).
    hidden_relu : bool
        Whether the hidden layer does (``g``), which gives it a privileged basis.
    """

    relu: bool = True
    hidden_relu: bool = False

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """One matrix, one bias a feature."""
        return {"W": (self.n_features, self.n_hidden), "b": (self.n_features,)}

    @property
    def rectified(self) -> bool:
        """As given."""
        return self.hidden_relu

    def hidden(self, params: Params, x: Tensor) -> Tensor:
        """Return ``g(W x)``."""
        h = torch.bmm(x, params["W"])
        return h.relu() if self.hidden_relu else h

    def output(self, params: Params, hidden: Tensor, x: Tensor) -> Tensor:
        """Return ``f(W^T h + b)``."""
        out = torch.baddbmm(params["b"].unsqueeze(1), hidden, params["W"].transpose(1, 2))
        return out.relu() if self.relu else out


@dataclass(frozen=True)
class IdentityModel(TiedModel):
    """The ReLU-output model with a linear layer between, fixed at the identity.

    Bushnaq, Braun & Sharkey 2025, *Stochastic Parameter Decomposition*: "TMS + ID".
    """

    def constants(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the identity."""
        return {"A": np.eye(self.n_hidden)}

    def hidden(self, params: Params, x: Tensor) -> Tensor:
        """Return ``A W x``, which is the layer before it over again."""
        return torch.bmm(super().hidden(params, x), params["A"])


@dataclass(frozen=True)
class AbsoluteValueModel(Model):
    """``y' = ReLU(W_2 ReLU(W_1 x) + b)``, trained to compute ``|x|``; untied.

    Elhage et al. 2022, "Computation in superposition".
    """

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Two matrices, one bias a feature."""
        n, m = self.n_features, self.n_hidden
        return {"W": (n, m), "V": (m, n), "b": (n,)}

    def target(self, params: Params, x: Tensor) -> Tensor:
        """Return ``|x|``."""
        return x.abs()

    def hidden(self, params: Params, x: Tensor) -> Tensor:
        """Return ``ReLU(W_1 x)``."""
        return torch.bmm(x, params["W"]).relu()

    def output(self, params: Params, hidden: Tensor, x: Tensor) -> Tensor:
        """Return ``ReLU(W_2 h + b)``."""
        return torch.baddbmm(params["b"].unsqueeze(1), hidden, params["V"]).relu()


Mixing = Literal["none", "embedding", "symmetric", "asymmetric"]


@dataclass(frozen=True)
class CompressedModel(Model):
    """``y' = W_2 ReLU(W_1 x)``, trained to compute ``ReLU(x) + M x`` with too few neurons.

    Bhagat et al. 2025, *Compressed computation is (probably) not computation in superposition*:
    without the mixing matrix ``M`` nothing beats serving half of the features.

    Parameters
    ----------
    mixing : {"none", "embedding", "symmetric", "asymmetric"}
        "embedding": ``I - E E^T`` of random unit rows in ``n_embedding`` dimensions; the others
        random normal, of standard deviation ``sigma``, with a zero diagonal.
    """

    mixing: Mixing = "none"
    sigma: float = 0.0
    n_embedding: int = 1000

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Two matrices, no bias."""
        n, m = self.n_features, self.n_hidden
        return {"W": (n, m), "V": (m, n)}

    def constants(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the mixing matrix."""
        n = self.n_features
        if self.mixing == "embedding":
            embedding = _unit_rows(rng, n, self.n_embedding)
            return {"M": np.eye(n) - embedding @ embedding.T}
        noise = self.sigma * rng.standard_normal((n, n))
        if self.mixing == "symmetric":
            noise = (noise + noise.T) / np.sqrt(2)
        np.fill_diagonal(noise, 0)
        return {"M": noise if self.mixing != "none" else np.zeros((n, n))}

    def target(self, params: Params, x: Tensor) -> Tensor:
        """Return ``ReLU(x) + M x``."""
        return torch.baddbmm(x.relu(), x, params["M"].transpose(1, 2))

    def hidden(self, params: Params, x: Tensor) -> Tensor:
        """Return ``ReLU(W_1 x)``."""
        return torch.bmm(x, params["W"]).relu()

    def output(self, params: Params, hidden: Tensor, x: Tensor) -> Tensor:
        """Return ``W_2 h``."""
        return torch.bmm(hidden, params["V"])


@dataclass(frozen=True)
class ResidualModel(Model):
    """One MLP layer on a residual stream with a fixed random embedding; target ``x + ReLU(x)``.

    ``r = E x; y' = E^T (r + W_2 ReLU(W_1 r))``. Braun et al. 2025, *Attribution-based Parameter
    Decomposition*.

    Parameters
    ----------
    n_embedding : int
        Dimensions of the residual stream.
    """

    n_embedding: int = 1000

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Two matrices between the stream and the neurons."""
        e, m = self.n_embedding, self.n_hidden
        return {"W": (e, m), "V": (m, e)}

    def constants(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the embedding: a random unit row a feature."""
        return {"E": _unit_rows(rng, self.n_features, self.n_embedding)}

    def target(self, params: Params, x: Tensor) -> Tensor:
        """Return ``x + ReLU(x)``."""
        return x + x.relu()

    def hidden(self, params: Params, x: Tensor) -> Tensor:
        """Return the neurons' activations ``ReLU(W_1 E x)``."""
        return torch.bmm(torch.bmm(x, params["E"]), params["W"]).relu()

    def output(self, params: Params, hidden: Tensor, x: Tensor) -> Tensor:
        """Return the stream, read through the embedding."""
        stream = torch.baddbmm(torch.bmm(x, params["E"]), hidden, params["V"])
        return torch.bmm(stream, params["E"].transpose(1, 2))


def input_weights(model: Model, params: Params) -> Tensor:
    """Return what each feature adds to the (pre-)activations of the hidden layer, (K, n, m)."""
    if isinstance(model, ResidualModel):
        return torch.bmm(params["E"], params["W"])
    return torch.bmm(params["W"], params["A"]) if "A" in params else params["W"]


def _unit_rows(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    rows = rng.standard_normal((n, d))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
