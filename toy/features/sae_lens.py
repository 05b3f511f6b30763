"""Feature distributions of ``sae_lens.synthetic``: its models are worlds like any other here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from toy.features.distribution import Features

#: Draws that tell how often features of a hierarchy fire, which no formula of the library does:
#: an error of 1e-3 at a density of a half.
DENSITY_DRAWS = 200_000
#: Draws made at a time, to bound memory.
_CHUNK = 8192


def synthetic_model(config: Mapping[str, Any], seed: int) -> Any:
    """Return the model of a configuration, its own seed replaced.

    Parameters
    ----------
    config : mapping
        As ``SyntheticModelConfig.to_dict`` gives it.
    seed : int

    Raises
    ------
    ImportError
        If sae_lens is not installed.
    ValueError
        If the configuration is not one of its.
    """
    try:
        from sae_lens.synthetic import SyntheticModel, SyntheticModelConfig
    except ImportError as error:
        raise ImportError(
            "Problems of sae_lens.synthetic need sae_lens: pip install "
            f"'unfold-superposition[sae]'. Importing it failed with: {error}"
        ) from error
    try:
        return SyntheticModel(SyntheticModelConfig.from_dict({**config, "seed": seed}))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"This is no configuration of a synthetic model: {error!r}.") from error


class SyntheticFeatures(Features):
    """What the generator of a model draws: correlated, hierarchical, or independent features.

    Parameters
    ----------
    model : sae_lens.synthetic.SyntheticModel
    """

    def __init__(self, model: Any) -> None:
        self._generator = model.activation_generator
        self._density = self._generator.firing_probabilities.numpy().astype(float)
        if model.hierarchy is not None:
            rng = np.random.default_rng(0)
            active = np.zeros(len(self._density))
            for _ in range(0, DENSITY_DRAWS, _CHUNK):
                values = self.sample(_CHUNK, rng)
                active += np.bincount(values.indices[values.data > 0], minlength=len(active))
            self._density = active / (_CHUNK * len(range(0, DENSITY_DRAWS, _CHUNK)))

    @property
    def density(self) -> np.ndarray:
        """The library's firing probabilities; in a hierarchy, as measured."""
        return self._density

    @property
    def positive(self) -> bool:
        """Whether values are never negative: the library rectifies them."""
        return True

    @property
    def positive_share(self) -> np.ndarray:
        """Ones."""
        return np.ones_like(self._density)

    def sample(self, n: int, rng: np.random.Generator) -> csr_array:
        """Draw feature vectors (n, k), CSR, by the library's own generator."""
        import torch

        # The library draws from torch's global generator: lend it one, and put it back.
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**62)))
            values = self._generator.sample(n)
        values = values.to_dense() if values.is_sparse else values
        return csr_array(values.float().numpy())
