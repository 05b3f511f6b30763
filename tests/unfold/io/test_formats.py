"""Dictionaries of other libraries, written by hand by their rules: codes by their formulas."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from unfold import FileError, dictionary_of, load_dictionary

D_IN, M, K = 5, 12, 3
Tensors = dict[str, torch.Tensor]
Writer = Callable[[Path, "Parts"], tuple[torch.Tensor, torch.Tensor]]


class Parts:
    """Random weights, and samples."""

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator)

        self.W_enc, self.W_dec = draw(D_IN, M), draw(M, D_IN)
        self.b_enc, self.b_dec = draw(M), draw(D_IN)
        self.threshold = draw(M).abs()
        self.X = draw(40, D_IN) + 0.5


def top_k(H: torch.Tensor, k: int = K) -> torch.Tensor:
    values, places = H.topk(k, dim=1)
    return torch.zeros_like(H).scatter(1, places, values.relu())


def linear(p: Parts) -> Tensors:
    return {"encoder.weight": p.W_enc.T.contiguous(), "decoder.weight": p.W_dec.T.contiguous()}


def save_ae(folder: Path, state: dict[str, Any], **trainer: Any) -> None:
    torch.save(state, folder / "ae.pt")
    (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": {}}))


def dl_standard(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    state = linear(p) | {"encoder.bias": p.b_enc, "bias": p.b_dec}
    save_ae(folder, state, dict_class="AutoEncoder")
    Z = ((p.X - p.b_dec) @ p.W_enc + p.b_enc).relu()
    return Z, Z @ p.W_dec + p.b_dec


def dl_top_k(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    state = linear(p) | {"encoder.bias": p.b_enc, "b_dec": p.b_dec, "k": torch.tensor(K),
                         "threshold": torch.tensor(-1.0)}  # fmt: skip
    save_ae(folder, state, dict_class="AutoEncoderTopK", k=K)
    Z = top_k(((p.X - p.b_dec) @ p.W_enc + p.b_enc).relu())
    return Z, Z @ p.W_dec + p.b_dec


def dl_batch_top_k(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    state = linear(p) | {"encoder.bias": p.b_enc, "b_dec": p.b_dec, "k": torch.tensor(K),
                         "threshold": torch.tensor(0.7)}  # fmt: skip
    save_ae(folder, state, dict_class="BatchTopKSAE", k=K)
    H = ((p.X - p.b_dec) @ p.W_enc + p.b_enc).relu()
    Z = H * (H > 0.7)
    return Z, Z @ p.W_dec + p.b_dec


def dl_matryoshka(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    state = {"W_enc": p.W_enc, "W_dec": p.W_dec, "b_enc": p.b_enc, "b_dec": p.b_dec,
             "k": torch.tensor(K), "threshold": torch.tensor(0.7),
             "group_sizes": torch.tensor([4, 8])}  # fmt: skip
    save_ae(folder, state, dict_class="MatryoshkaBatchTopKSAE", k=K)
    H = ((p.X - p.b_dec) @ p.W_enc + p.b_enc).relu()
    Z = H * (H > 0.7)
    return Z, Z @ p.W_dec + p.b_dec


def dl_jump(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    state = {"W_enc": p.W_enc, "W_dec": p.W_dec, "b_enc": p.b_enc, "b_dec": p.b_dec,
             "threshold": p.threshold}  # fmt: skip
    save_ae(folder, state, dict_class="JumpReluAutoEncoder")
    H = p.X @ p.W_enc + p.b_enc
    Z = H.relu() * (p.threshold < H)
    return Z, Z @ p.W_dec + p.b_dec


def dl_gated(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    state = linear(p) | {"decoder_bias": p.b_dec, "r_mag": 0.3 * p.b_enc, "gate_bias": p.b_enc,
                         "mag_bias": 0.5 * p.b_enc}  # fmt: skip
    save_ae(folder, state, dict_class="GatedAutoEncoder")
    H = (p.X - p.b_dec) @ p.W_enc
    Z = (H + p.b_enc > 0) * (H * (0.3 * p.b_enc).exp() + 0.5 * p.b_enc).relu()
    return Z, Z @ p.W_dec + p.b_dec


def sparsify(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    arrays = {"encoder.weight": p.W_enc.T.contiguous(), "encoder.bias": p.b_enc,
              "W_dec": p.W_dec, "b_dec": p.b_dec}  # fmt: skip
    save_file(arrays, folder / "sae.safetensors")
    config = {"expansion_factor": 32, "num_latents": M, "k": K, "d_in": D_IN, "transcode": False}
    (folder / "cfg.json").write_text(json.dumps(config | {"activation": "topk"}))
    Z = top_k(((p.X - p.b_dec) @ p.W_enc + p.b_enc).relu())
    return Z, Z @ p.W_dec + p.b_dec


def sparsify_groups(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    sparsify(folder, p)
    config = {"k": K, "d_in": D_IN, "num_latents": M, "activation": "groupmax"}
    (folder / "cfg.json").write_text(json.dumps(config))
    H = ((p.X - p.b_dec) @ p.W_enc + p.b_enc).relu().unflatten(1, (K, -1))
    values, places = H.max(dim=2, keepdim=True)
    Z = torch.zeros_like(H).scatter(2, places, values).flatten(1)
    return Z, Z @ p.W_dec + p.b_dec


def gemma_scope_1(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    names = ("W_enc", "W_dec", "b_enc", "b_dec", "threshold")
    np.savez(folder / "params.npz", **{name: getattr(p, name).numpy() for name in names})
    H = p.X @ p.W_enc + p.b_enc
    Z = H.relu() * (p.threshold < H)
    return Z, Z @ p.W_dec + p.b_dec


def gemma_scope_2(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    names = ("W_enc", "W_dec", "b_enc", "b_dec", "threshold")
    save_file({n.lower(): getattr(p, n) for n in names}, folder / "params.safetensors")
    (folder / "config.json").write_text(json.dumps({"architecture": "jump_relu", "width": M}))
    H = p.X @ p.W_enc + p.b_enc
    Z = H.relu() * (p.threshold < H)
    return Z, Z @ p.W_dec + p.b_dec


def _openai(folder: Path, p: Parts, **notes: Any) -> None:
    state: dict[str, Any] = linear(p) | {"pre_bias": p.b_dec, "latent_bias": p.b_enc}
    state |= {"stats_last_nonzero": torch.zeros(M, dtype=torch.long)}
    torch.save(state | notes, folder / "gpt2-small.pt")


def openai_relu(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    _openai(folder, p, activation="ReLU")
    Z = ((p.X - p.b_dec) @ p.W_enc + p.b_enc).relu()
    return Z, Z @ p.W_dec + p.b_dec


def openai_top_k(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    _openai(folder, p, activation="TopK", activation_state_dict={"k": K})
    mean = p.X.mean(dim=1, keepdim=True)
    std = (p.X - mean).std(dim=1, keepdim=True)
    Z = top_k((((p.X - mean) / (std + 1e-5)) - p.b_dec) @ p.W_enc + p.b_enc)
    return Z, (Z @ p.W_dec + p.b_dec) * std + mean


def _overcomplete(p: Parts, X: torch.Tensor) -> tuple[Tensors, torch.Tensor, torch.Tensor]:
    norm = torch.nn.BatchNorm1d(M)
    with torch.no_grad():
        norm.weight.copy_(p.threshold + 0.5)
        norm.bias.copy_(0.1 * p.b_enc)
        norm.running_mean.copy_(0.2 * p.b_enc)
        norm.running_var.copy_(p.threshold + 1)
        H = norm.eval()(X @ p.W_enc + p.b_enc)
    state = {"encoder.final_block.0.weight": p.W_enc.T.contiguous(),
             "encoder.final_block.0.bias": p.b_enc, "dictionary._weights": p.W_dec,
             "dictionary.multiplier": torch.tensor(0.3)}  # fmt: skip
    state |= {f"encoder.final_block.1.{n}": v for n, v in norm.state_dict().items()}
    atoms = p.W_dec / p.W_dec.norm(dim=1, keepdim=True) * np.exp(0.3)
    return state, H, atoms


def overcomplete(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    state, H, atoms = _overcomplete(p, p.X)
    torch.save(state, folder / "sae.pth")
    return H.relu(), H.relu() @ atoms


def overcomplete_jump(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    state, H, atoms = _overcomplete(p, p.X)
    torch.save(state | {"thresholds": p.b_enc - 1}, folder / "sae.pth")
    Z = H.relu() * (H.relu() >= (p.b_enc - 1).exp())
    return Z, Z @ atoms


def llama_scope(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    (folder / "checkpoints").mkdir()
    arrays = linear(p) | {"encoder.bias": p.b_enc, "decoder.bias": p.b_dec}
    save_file(arrays, folder / "checkpoints" / "final.safetensors")
    config = {"d_model": D_IN, "d_sae": M, "jump_relu_threshold": 0.4,
              "dataset_average_activation_norm": {"in": 3.0, "out": 3.0}}  # fmt: skip
    (folder / "hyperparams.json").write_text(json.dumps(config))
    scale = D_IN**0.5 / 3.0
    H = (p.X * scale) @ p.W_enc + p.b_enc
    Z = H.relu() * (0.4 * scale < H)
    return Z, (Z @ p.W_dec + p.b_dec) / scale


def goodfire(folder: Path, p: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    state = {"encoder_linear.weight": p.W_enc.T, "encoder_linear.bias": p.b_enc,
             "decoder_linear.weight": p.W_dec.T, "decoder_linear.bias": p.b_dec}  # fmt: skip
    torch.save(state, folder / "weights.pth")
    Z = (p.X @ p.W_enc + p.b_enc).relu()
    return Z, Z @ p.W_dec + p.b_dec


WRITERS: dict[Writer, str] = {
    dl_standard: "dictionary_learning",
    dl_top_k: "dictionary_learning",
    dl_batch_top_k: "dictionary_learning",
    dl_matryoshka: "dictionary_learning",
    dl_jump: "dictionary_learning",
    dl_gated: "dictionary_learning",
    sparsify: "sparsify",
    sparsify_groups: "sparsify",
    gemma_scope_1: "gemma_scope",
    gemma_scope_2: "gemma_scope",
    openai_relu: "openai",
    openai_top_k: "openai",
    overcomplete: "overcomplete",
    overcomplete_jump: "overcomplete",
    llama_scope: "llama_scope",
    goodfire: "llama_scope",
}


@pytest.mark.parametrize(("write", "source"), WRITERS.items())
def test_codes_are_those_of_the_library(tmp_path: Path, write: Writer, source: str) -> None:
    parts = Parts()
    codes, rebuilt = write(tmp_path, parts)
    assert (codes != 0).any(dim=0).sum() > 2 and (codes == 0).any()
    loaded = load_dictionary(tmp_path)
    X = parts.X.numpy()
    assert loaded.source_ == source
    np.testing.assert_allclose(loaded.transform(X), codes, atol=2e-5)
    np.testing.assert_allclose(loaded.reconstruct(X), rebuilt, atol=5e-5)
    in_tensors = loaded.transform(parts.X)
    assert isinstance(in_tensors, torch.Tensor)
    np.testing.assert_array_equal(in_tensors, loaded.transform(X))
    if write is openai_top_k:
        with pytest.raises(ValueError, match=r"layer_norm.*reconstruct"):
            loaded.inverse_transform(loaded.transform(X))
    else:
        np.testing.assert_allclose(loaded.inverse_transform(codes.numpy()), rebuilt, atol=5e-5)
    np.testing.assert_allclose(np.linalg.norm(dictionary_of(loaded), axis=1), 1, rtol=1e-5)
    named = load_dictionary(tmp_path, source)
    np.testing.assert_array_equal(named.dictionary_, loaded.dictionary_)


@pytest.mark.parametrize(("write", "source"), WRITERS.items())
def test_a_loaded_dictionary_saved_as_ours_gives_the_same_bits(
    tmp_path: Path, write: Writer, source: str
) -> None:
    from unfold import save_dictionary

    (tmp_path / "theirs").mkdir()
    write(tmp_path / "theirs", Parts())
    loaded = load_dictionary(tmp_path / "theirs")
    X = Parts().X.numpy()
    for format in ("unfold", "huggingface"):
        save_dictionary(loaded, tmp_path / format, format, facts={"model": "none"})
        again = load_dictionary(tmp_path / format)
        assert again.source_ == "unfold" and again.facts_["model"] == "none"
        np.testing.assert_array_equal(again.transform(X), loaded.transform(X))
        np.testing.assert_array_equal(again.dictionary_, loaded.dictionary_)


@pytest.mark.parametrize(("write", "source"), WRITERS.items())
def test_what_sae_lens_loads_of_it_gives_the_same_codes(
    tmp_path: Path, write: Writer, source: str
) -> None:
    sae_lens = pytest.importorskip("sae_lens")
    from unfold import save_dictionary

    (tmp_path / "theirs").mkdir()
    parts = Parts()
    codes, rebuilt = write(tmp_path / "theirs", parts)
    loaded = load_dictionary(tmp_path / "theirs")
    if write is sparsify_groups:
        with pytest.raises(ValueError, match="no architecture for GroupMax"):
            save_dictionary(loaded, tmp_path / "sae", "saelens")
        return
    save_dictionary(loaded, tmp_path / "sae", "saelens")
    sae = sae_lens.SAE.load_from_disk(tmp_path / "sae")
    with torch.no_grad():
        np.testing.assert_allclose(sae.encode(parts.X), codes, atol=3e-5)
        np.testing.assert_allclose(sae(parts.X), rebuilt, atol=5e-5)
    np.testing.assert_allclose(
        load_dictionary(tmp_path / "sae").transform(parts.X), codes, atol=3e-5
    )


def test_what_is_of_no_known_format_is_told_by_names_and_shapes(tmp_path: Path) -> None:
    p = Parts()
    save_file({"W_enc": p.W_enc, "odd": p.b_enc}, tmp_path / "a.safetensors")
    with pytest.raises(FileError, match=r"'W_enc' \(5, 12\), 'odd' \(12,\)"):
        load_dictionary(tmp_path / "a.safetensors")
    alone = load_dictionary(tmp_path / "a.safetensors", key="W_enc")
    np.testing.assert_array_equal(alone.dictionary_.shape, (5, 12))
    with pytest.raises(FileError, match="no saelens dictionary"):
        load_dictionary(tmp_path / "a.safetensors", "saelens")
    with pytest.raises(ValueError, match="Unknown format 'sae'"):
        load_dictionary(tmp_path / "a.safetensors", "sae")
    with pytest.raises(FileNotFoundError):
        load_dictionary(tmp_path / "none")


def test_transcoders_and_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    p = Parts()
    sparsify(tmp_path, p)
    config = json.loads((tmp_path / "cfg.json").read_text())
    (tmp_path / "cfg.json").write_text(json.dumps(config | {"transcode": True}))
    with pytest.raises(FileError, match="one layer to another"):
        load_dictionary(tmp_path)
    for k in (0, M + 1, "3", 1e400, None):
        (tmp_path / "cfg.json").write_text(json.dumps(config | {"k": k}))
        with pytest.raises(FileError, match="k"):
            load_dictionary(tmp_path)
    p.b_enc = p.b_enc[:-1]
    np.savez(tmp_path / "params.npz", **{n: v.numpy() for n, v in vars(p).items() if n != "X"})
    with pytest.raises(FileError, match=r"encoder bias of shape \(11,\), expected \(12,\)"):
        load_dictionary(tmp_path / "params.npz")
    p.b_enc = torch.full((M,), torch.nan)
    np.savez(tmp_path / "params.npz", **{n: v.numpy() for n, v in vars(p).items() if n != "X"})
    with pytest.raises(FileError, match="has NaN"):
        load_dictionary(tmp_path / "params.npz")


def test_a_threshold_that_was_never_set_is_no_encoder(tmp_path: Path) -> None:
    p = Parts()
    state = linear(p) | {"encoder.bias": p.b_enc, "b_dec": p.b_dec, "k": torch.tensor(K),
                         "threshold": torch.tensor(-1.0)}  # fmt: skip
    save_ae(tmp_path, state, dict_class="BatchTopKSAE", k=K)
    with pytest.raises(FileError, match="never set"):
        load_dictionary(tmp_path)


def test_half_precision_weights_are_computed_in_float32(tmp_path: Path) -> None:
    p = Parts()
    arrays = {"w_enc": p.W_enc, "w_dec": p.W_dec, "b_enc": p.b_enc, "b_dec": p.b_dec,
              "threshold": p.threshold}  # fmt: skip
    half = {name: value.bfloat16() for name, value in arrays.items()}
    save_file(half, tmp_path / "params.safetensors")
    loaded = load_dictionary(tmp_path)
    full = {name: value.float() for name, value in half.items()}
    H = p.X @ full["w_enc"] + full["b_enc"]
    codes = H.relu() * (full["threshold"] < H)
    np.testing.assert_allclose(loaded.transform(p.X), codes, atol=2e-5)
