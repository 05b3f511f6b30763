"""Any architecture of the sae_lens library as a method; needs the ``sae`` extra."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

from unfold.arrays import like, plain_torch, root_mean_square, to_numpy
from unfold.io.dictionaries import read_dictionary
from unfold.io.formats.dictionary import Dictionary
from unfold.methods.atoms import active_atoms, width
from unfold.methods.base import MethodCard, Recovery


@final
@dataclass(eq=False, repr=False, kw_only=True)
class SAELensAutoencoder(Recovery):
    """A sparse autoencoder trained by sae_lens, with its own initialisation and losses.

    Data are scaled to mean square norm ``d``, the usual scale there. Where the library counts a
    latent as dead after a thousand steps, ``dead_window`` follows the length of the run.

    Parameters
    ----------
    n_components : int, optional
        Latents; by default four a dimension.
    architecture : str
        A name of sae_lens' registry: "standard", "gated", "topk", "jumprelu", "batchtopk",
        "matryoshka_batchtopk", "matching_pursuit", or one that a plug-in registered.
    n_active : float, optional
        For architectures that count: active latents a sample; by default about the root of d.
    n_steps, batch_size : int
    lr : float
    dead_window : int, optional
        Steps without firing after which a latent is dead; by default a tenth of the run.
    options : mapping, optional
        Further fields of the architecture's configuration, as in ``{"l1_coefficient": 2.0}``.

    References
    ----------
    Bloom, Tigges, Duong & Chanin 2024, SAELens.
    """

    search_space: ClassVar = {"n_active": (2, 4, 8), "lr": (3e-4, 1e-3)}
    card: ClassVar[MethodCard] = MethodCard(
        family="autoencoders",
        solves="As the architecture: for comparison with the field's library.",
        paper="Bloom, Tigges, Duong & Chanin 2024, SAELens",
        cost="O(batch k d) a step",
        fails="as the architecture; latents that died early stay dead in most",
        hints={"n_components": "n_features", "n_active": "mean_active"},
        needs="sae",
    )
    backend = "torch"

    architecture: str = "topk"
    n_active: float | None = None
    n_steps: int = 3000
    batch_size: int = 1024
    lr: float = 1e-3
    dead_window: int | None = None
    options: Mapping[str, Any] | None = None

    def _fit(self, X: Any) -> None:
        import torch

        if X.shape[1] < 2:
            raise ValueError(
                f"SAELensAutoencoder needs at least 2 dimensions, got n_features = {X.shape[1]}."
            )
        seed = int(self._rng().randint(2**31 - 1))
        self.scale_ = root_mean_square(to_numpy(X)) / X.shape[1] ** 0.5
        # The library draws from torch's global generator: lend it one, and put it back.
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.sae_ = self._trained((X / self.scale_).float())
        # What a code of one adds: architectures differ in whether codes hold the norms.
        with torch.no_grad():
            unit = torch.eye(len(self.sae_.W_dec)).to(self.sae_.W_dec)
            offset = self.sae_.decode(torch.zeros_like(unit[:1]))
            atoms = self.sae_.decode(unit) - offset
        self._norms = atoms.norm(dim=1)
        self.components_ = atoms[self._norms > 0]
        self.mean_ = offset[0] * self.scale_
        self.n_iter_ = self.n_steps

    def __getstate__(self) -> dict[str, Any]:
        """Return what to pickle: the library's object holds a function that has no name to find."""
        state = dict(super().__getstate__())
        if "sae_" in state:
            sae = state.pop("sae_")
            state["_sae"] = (self.architecture, sae.cfg, sae.state_dict())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the library's object anew around its weights."""
        import torch

        state = dict(state)
        stored = state.pop("_sae", None)
        super().__setstate__(state)
        if stored is not None:
            architecture, config, weights = stored
            _, build = _library(architecture)
            with (
                plain_torch(),
                torch.random.fork_rng(),
            ):  # its constructor draws weights that are replaced
                self.sae_ = build[0](config)
            self.sae_.load_state_dict(weights)
            self.sae_.to(weights["W_dec"]).eval()

    def _trained(self, X: Any) -> Any:
        import torch

        sae_lens, build = _library(self.architecture)
        from sae_lens.config import SAETrainerConfig

        d = X.shape[1]
        fields = {"d_in": d, "d_sae": width(self.n_components, X), "device": str(X.device)}
        counted = build[1].__dataclass_fields__
        if "k" in counted:
            n_active = active_atoms(self.n_active, X)
            # Batch architectures and matching pursuit want theirs as their defaults have it.
            fields["k"] = type(counted["k"].default)(n_active)
        if "matryoshka_widths" in counted:
            k = fields["d_sae"]
            fields["matryoshka_widths"] = sorted(
                {max(1, k // 8), max(1, k // 4), max(1, k // 2), k}
            )
        sae = build[0](build[1](**fields | dict(self.options or {})))

        def batches() -> Iterator[Any]:
            while True:
                yield X[torch.randint(len(X), (self.batch_size,), device=X.device)]

        trainer = sae_lens.SAETrainer(
            SAETrainerConfig(
                total_training_samples=self.n_steps * self.batch_size,
                train_batch_size_samples=self.batch_size,
                lr=self.lr,
                lr_end=self.lr / 10,
                lr_decay_steps=self.n_steps // 3,
                device=str(X.device),
                dead_feature_window=self.dead_window or max(1, self.n_steps // 10),
            ),
            sae,
            batches(),
        )
        source = batches()
        # The library's own loop prints a progress bar; its steps are the same.
        for _ in range(self.n_steps):
            trainer.maybe_reset_sparsity()
            trainer.step(next(source))
            trainer.n_training_steps += 1
        return sae.eval()

    def _exported(self) -> Dictionary:
        with tempfile.TemporaryDirectory() as folder:
            # as the library writes it, in whatever architecture serves at run time
            self.sae_.save_inference_model(folder)
            found = read_dictionary(folder, "saelens").scaled(self.scale_)
            return found.shifted(self._location).with_unit_atoms()

    def _encode(self, X: Any) -> Any:
        import torch

        with torch.no_grad():
            Y = (X - like(self._location, X)) / self.scale_
            codes = self.sae_.encode(Y.to(self.sae_.W_dec))
        return (codes * self._norms)[:, self._norms > 0].to(X) * self.scale_


def _library(architecture: str) -> tuple[Any, Any]:
    """Return sae_lens, and the training class and configuration class of an architecture."""
    try:
        import sae_lens
        from sae_lens.registry import SAE_TRAINING_CLASS_REGISTRY
    except ImportError as error:
        raise ModuleNotFoundError(
            "SAELensAutoencoder needs sae_lens: pip install 'unfold-superposition[sae]'. "
            f"Importing it failed with: {error}"
        ) from error
    if architecture not in SAE_TRAINING_CLASS_REGISTRY:
        raise ValueError(
            f"sae_lens has no architecture {architecture!r}; it has "
            f"{sorted(SAE_TRAINING_CLASS_REGISTRY)}."
        )
    return sae_lens, SAE_TRAINING_CLASS_REGISTRY[architecture]
