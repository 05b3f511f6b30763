"""SAELens' own files, written by the library: the same codes from NumPy alone, old and new."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from unfold import FileError, get_method, load_dictionary, save_dictionary

sae_lens = pytest.importorskip("sae_lens")

D_IN, M = 6, 15
X = np.random.default_rng(0).standard_normal((50, D_IN)).astype(np.float32) + 0.4
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("standard", {}),
    ("standard", {"apply_b_dec_to_input": False}),
    ("standard", {"normalize_activations": "layer_norm"}),
    ("standard", {"normalize_activations": "constant_norm_rescale"}),
    ("topk", {"k": 4}),
    ("topk", {"k": 4, "rescale_acts_by_decoder_norm": True}),
    ("jumprelu", {}),
    ("gated", {}),
    ("matching_pursuit", {"max_iterations": 5}),
    ("matching_pursuit", {"residual_threshold": 0.7, "stop_on_duplicate_support": False}),
]


def _theirs(architecture: str, options: dict[str, Any]) -> Any:
    from sae_lens.registry import get_sae_class

    kind, config = get_sae_class(architecture)
    sae = kind(config(d_in=D_IN, d_sae=M, device="cpu", **options))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in sae.named_parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
            if name == "threshold":
                parameter.abs_()
        if architecture == "matching_pursuit":
            sae.W_dec /= sae.W_dec.norm(dim=1, keepdim=True)
    return sae.eval()


@pytest.mark.parametrize(("architecture", "options"), OPTIONS)
def test_what_the_library_writes(tmp_path: Path, architecture: str, options: Any) -> None:
    with torch.random.fork_rng():
        sae = _theirs(architecture, options)
        sae.save_model(tmp_path)
    with torch.no_grad():
        codes, rebuilt = sae.encode(torch.tensor(X)), sae(torch.tensor(X))
    loaded = load_dictionary(tmp_path)
    assert loaded.source_ == "saelens" and loaded.facts_["architecture"] == architecture
    np.testing.assert_allclose(loaded.reconstruct(X), rebuilt, atol=2e-5)
    np.testing.assert_allclose(loaded.transform(X), codes, atol=2e-5)
    save_dictionary(loaded, tmp_path / "again", "saelens")
    again = sae_lens.SAE.load_from_disk(tmp_path / "again")
    with torch.no_grad():
        np.testing.assert_allclose(again.encode(torch.tensor(X)), codes, atol=2e-5)


def test_version_5_has_its_defaults(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        sae = _theirs("topk", {"k": 4})
        sae.save_model(tmp_path)
    (tmp_path / "cfg.json").write_text(json.dumps({
        "d_in": D_IN, "d_sae": M, "dtype": "float32", "device": "cpu", "hook_point": "blocks.0",
        "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 4}, "expansion_factor": 4,
        "normalize_activations": False, "sae_lens_version": "5.10.1",
    }))  # fmt: skip
    arrays = load_file(tmp_path / "sae_weights.safetensors")
    save_file(arrays | {"scaling_factor": torch.ones(M)}, tmp_path / "sae_weights.safetensors")
    theirs = sae_lens.SAE.load_from_disk(tmp_path)
    loaded = load_dictionary(tmp_path)
    assert loaded.facts_["hook_name"] == "blocks.0"
    with torch.no_grad():
        np.testing.assert_allclose(loaded.transform(X), theirs.encode(torch.tensor(X)), atol=2e-5)


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        _theirs("standard", {}).save_model(tmp_path)
    config = json.loads((tmp_path / "cfg.json").read_text())
    for architecture, why in (("transcoder", "one layer to another"), ("temporal", "not read")):
        (tmp_path / "cfg.json").write_text(json.dumps(config | {"architecture": architecture}))
        with pytest.raises(FileError, match=why):
            load_dictionary(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["l1-sae", "topk-sae", "batch-topk-sae", "jumprelu-sae", "matryoshka-sae", "gated-sae",
     "matching-pursuit-sae"],
)  # fmt: skip
def test_our_autoencoders_give_the_same_codes_there(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(1)
    D = rng.standard_normal((12, 6))
    data = ((rng.random((400, 12)) * (rng.random((400, 12)) < 0.2)) @ D * 3 + 1).astype(np.float32)
    est = get_method(name)(n_components=9, n_steps=20).fit(data)
    codes = est.transform(data)
    save_dictionary(est, tmp_path / "ours.safetensors")
    np.testing.assert_allclose(
        load_dictionary(tmp_path / "ours.safetensors").transform(data), codes, atol=2e-5
    )
    save_dictionary(est, tmp_path, "saelens")
    sae = sae_lens.SAE.load_from_disk(tmp_path)
    with torch.no_grad():
        np.testing.assert_allclose(sae.encode(torch.tensor(data)), codes, atol=2e-5)
        rebuilt = sae(torch.tensor(data))
    np.testing.assert_allclose(est.inverse_transform(codes), rebuilt, atol=5e-5)


@pytest.mark.parametrize("name", ["alternating", "recover"])
def test_iterative_codes_come_back_and_run_as_a_pursuit_there(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(1)
    D = rng.standard_normal((8, 6))
    data = (rng.random((600, 8)) * (rng.random((600, 8)) < 0.15)) @ D * 3 + 1
    data = data + 0.01 * rng.standard_normal(data.shape)
    est = get_method(name)(n_components=8).fit(data)
    save_dictionary(est, tmp_path / "ours.safetensors")
    again = load_dictionary(tmp_path / "ours.safetensors")
    np.testing.assert_allclose(again.transform(data), est.transform(data), atol=1e-9)
    save_dictionary(est, tmp_path, "saelens")
    sae = sae_lens.SAE.load_from_disk(tmp_path)
    with torch.no_grad():
        rebuilt = sae(torch.tensor(data, dtype=torch.float32)).numpy()
    share = 1 - ((rebuilt - data) ** 2).sum() / ((data - data.mean(axis=0)) ** 2).sum()
    assert share > 0.95
