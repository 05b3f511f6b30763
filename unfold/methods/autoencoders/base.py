"""What all autoencoder estimators share: scaling, starts, training, choice and pruning."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unfold.arrays import root_mean_square, to_numpy
from unfold.io.formats.dictionary import Dictionary
from unfold.methods.atoms import distinct, drawn_samples, width
from unfold.methods.autoencoders.export import exported
from unfold.methods.streaming import Streaming


@dataclass(eq=False, repr=False, kw_only=True)
class Autoencoder(Streaming):
    """Abstract autoencoder: a subclass names its architecture, this trains it.

    The estimator holds tensors and is none itself: ``params_`` are those of the chosen model,
    for data divided by ``scale_``.

    Attributes
    ----------
    params_ : dict of tensor
    scale_ : float
    loss_ : float
        Of the chosen model, on a part of the training data.
    """

    backend = "torch"

    n_models: int = 1
    n_steps: int = 3000
    batch_size: int = 512
    lr: float = 3e-3
    n_revivals: int = 14
    frozen_decoder: bool = False
    device: str | None = None

    @abstractmethod
    def _architecture(self, X: Any) -> Any:
        """Return the `Architecture` for data ``X``."""

    def _fit(self, X: Any) -> None:
        import torch

        from unfold.methods.autoencoders.training import train

        self._begin(X)
        X = X.to(self._progress.generator.device) / self.scale_

        def draw(generator: Any, count: int) -> Any:
            places = torch.randint(len(X), (count,), generator=generator, device=X.device)
            return X[places]

        train(self._progress, self._architecture(X), draw, self._plan())
        self.n_iter_ = self._progress.step
        self._publish(X[:: max(1, len(X) // 4096)] * self.scale_)

    def _plan(self) -> Any:
        from unfold.methods.autoencoders.training import Schedule

        if self.frozen_decoder:  # a revival would move atoms
            return Schedule(self.n_steps, self.batch_size, self.lr, 0, ("decoder",))
        return Schedule(self.n_steps, self.batch_size, self.lr, self.n_revivals)

    def _begin(self, X: Any) -> None:
        import torch

        from unfold.methods.autoencoders.training import start

        rng = self._rng()
        self.scale_ = root_mean_square(to_numpy(X))
        k = width(self.n_components, X)
        if self.frozen_decoder:
            rows = [rng.standard_normal((k, X.shape[1])) for _ in range(self.n_models)]
        else:
            rows = [drawn_samples(to_numpy(X), k, rng) for _ in range(self.n_models)]
        device = self._device(X)
        directions = torch.tensor(np.stack(rows), dtype=X.dtype, device=device)
        generator = torch.Generator(device).manual_seed(int(rng.randint(2**31 - 1)))
        self._progress = start(self._architecture(X), directions, generator)

    def _absorb(self, X: Any) -> None:
        from unfold.methods.autoencoders.training import train

        batch = X.to(self._progress.generator.device) / self.scale_
        until = self._progress.step + 1
        train(
            self._progress,
            self._architecture(X),
            lambda generator, count: batch,
            self._plan(),
            until=until,
        )

    def _publish(self, X: Any) -> None:
        X = X.to(self._progress.generator.device)
        self._keep_best(self._progress.params, self._architecture(X), X / self.scale_)

    def _state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        from unfold.methods.autoencoders.training import as_arrays

        return as_arrays(self._progress), {"scale": self.scale_}

    def _restore(self, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        from unfold.methods.autoencoders.training import from_arrays

        self.scale_ = notes["scale"]
        self._progress = from_arrays(arrays, notes["step"], self._device(None))

    def _keep_best(self, params: Any, architecture: Any, X: Any) -> None:
        """Set the fitted attributes from the model that explains ``X`` best."""
        import torch

        from unfold.methods.autoencoders.architectures import (
            SHARED,
            damped,
            decode,
            reconstruction_error,
        )

        with torch.no_grad():
            codes = architecture.encode(params, X[None])
            losses = reconstruction_error(X[None], decode(params, codes))
            best = int(losses.argmin())
            chosen = {name: value[best : best + 1] for name, value in params.items()}
            chosen = damped(chosen, X[None], codes[best : best + 1])
        if self.n_components is None:
            usage = (codes[best] > 0).sum(dim=0)
            keep = torch.tensor(distinct(to_numpy(chosen["decoder"][0]), to_numpy(usage)))
            keep = keep.to(X.device)
            chosen = {n: v if n in SHARED else v[:, keep] for n, v in chosen.items()}
        self.loss_ = float(losses[best])
        self.components_ = chosen["decoder"][0]
        self.mean_ = chosen["center"][0] * self.scale_
        # trained about the location; the model to keep is for samples as they are
        location = torch.as_tensor(self._location / self.scale_).to(chosen["center"])
        self.params_ = chosen | {"center": chosen["center"] + location}

    def _exported(self) -> Dictionary:
        params = {name: to_numpy(value[0]) for name, value in self.params_.items()}
        return exported(self._architecture(self.params_["center"]), params).scaled(self.scale_)

    def _encode(self, X: Any) -> Any:
        import torch

        params = {n: v.to(device=X.device, dtype=X.dtype) for n, v in self.params_.items()}
        architecture = self._architecture(X)
        with torch.no_grad():
            parts = [architecture.encode(params, b[None])[0] for b in (X / self.scale_).split(8192)]
        return torch.cat(parts) * self.scale_

    def _device(self, X: Any) -> Any:
        import torch

        if self.device is not None:
            return torch.device(self.device)
        if X is not None and X.device.type != "cpu":
            return X.device
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(eq=False, repr=False, kw_only=True)
class CountedAutoencoder(Autoencoder):
    """Abstract autoencoder told how many latents a sample may use.

    Parameters
    ----------
    n_components : int, optional
        Latents; by default four a dimension, less those that end up unused or doubled.
    n_active : float, optional
        Active latents a sample, rounded up; by default about the root of d.
    n_models : int
        Models trained side by side from different starts; the one that reconstructs best stays.
    n_steps, batch_size : int
    lr : float
        Peak learning rate of Adam, for data scaled to unit mean square norm.
    n_revivals : int
        Times that dead or doubled latents restart from badly reconstructed samples.
    frozen_decoder : bool
        Leave the decoder at random directions: what an encoder alone can do, a control.
    device : str, optional
        Where to train; by default where ``X`` is, and for arrays on a GPU if there is one.
    random_state : int, RandomState or None
    """

    search_space: ClassVar = {"n_active": (2, 4, 8), "lr": (1e-3, 3e-3)}

    n_active: float | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class PenalisedAutoencoder(Autoencoder):
    """Abstract autoencoder told what an active latent costs.

    Parameters
    ----------
    n_components : int, optional
        Latents; by default four a dimension, less those that end up unused or doubled.
    sparsity : float
        Weight of the L1 penalty, for data scaled to unit mean square norm.
    n_models : int
        Models trained side by side from different starts; the one that reconstructs best stays.
    n_steps, batch_size : int
    lr : float
        Peak learning rate of Adam, for data scaled to unit mean square norm.
    n_revivals : int
        Times that dead or doubled latents restart from badly reconstructed samples.
    frozen_decoder : bool
        Leave the decoder at random directions: what an encoder alone can do, a control.
    device : str, optional
        Where to train; by default where ``X`` is, and for arrays on a GPU if there is one.
    random_state : int, RandomState or None
    """

    search_space: ClassVar = {"sparsity": (0.03, 0.1, 0.3), "lr": (1e-3, 3e-3)}

    sparsity: float = 0.1
