"""An encoder in one matrix product: exact where codes are linear, its thresholds optimal."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from unfold import get_method, load_dictionary, save_dictionary
from unfold.io.formats.dictionary import Dictionary
from unfold.unfolding.amortised import _threshold, amortised


def test_linear_codes_are_imitated_exactly() -> None:
    rng = np.random.default_rng(0)
    D = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    codes = (0.5 + rng.random((500, 6))) * (rng.random((500, 6)) < 0.3)
    X = codes @ D + 2.0
    made = amortised(Dictionary(D, np.full(6, 2.0), None, "unfold"), X, codes)
    np.testing.assert_allclose(made.encode(X), codes, atol=1e-4)
    assert made.facts["explained_variance_encoder"] == pytest.approx(1, abs=1e-6)


def test_thresholds_have_the_least_error_of_all() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        h = rng.integers(-4, 9, 30) / 4.0
        z = np.maximum(h + rng.standard_normal(30), 0) * (rng.random(30) < 0.5)
        tried = [((z - h * (h > t)) ** 2).sum() for t in (*h[h >= 0], 0.0)]
        t = _threshold(h, z)
        assert ((z - h * (h > t)) ** 2).sum() == pytest.approx(min(tried))


def test_signed_codes_become_two_latents() -> None:
    rng = np.random.default_rng(2)
    D = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    codes = rng.choice([-1.0, 1.0], (400, 5)) * (rng.random((400, 5)) < 0.3)
    made = amortised(Dictionary(D, np.zeros(5), None, "unfold"), codes @ D, codes)
    both = made.encode(codes @ D)
    assert made.atoms.shape == (10, 5)
    np.testing.assert_allclose(both[:, :5] - both[:, 5:], codes, atol=1e-4)


def test_too_few_samples_are_refused() -> None:
    nothing = Dictionary(np.eye(4), np.zeros(4), None, "unfold")
    with pytest.raises(ValueError, match="more samples than dimensions"):
        amortised(nothing, np.eye(4), np.eye(4))
    with pytest.raises(ValueError, match="0 active"):
        amortised(nothing, np.ones((9, 4)), np.zeros((9, 4)))


def test_iterative_codes_run_in_sae_lens_as_a_jumprelu(tmp_path: Path) -> None:
    sae_lens = pytest.importorskip("sae_lens")
    rng = np.random.default_rng(3)
    D = rng.standard_normal((10, 16))
    X = ((0.5 + rng.random((1500, 10))) * (rng.random((1500, 10)) < 0.15)) @ D + 1
    est = get_method("ksvd")(n_components=10, max_iter=15).fit(X)
    save_dictionary(est, tmp_path, "saelens", amortise=X)
    sae = sae_lens.SAE.load_from_disk(tmp_path)
    assert sae.cfg.architecture() == "jumprelu"
    facts = json.loads((tmp_path / "cfg.json").read_text())["metadata"]
    with torch.no_grad():
        rebuilt = sae(torch.tensor(X, dtype=torch.float32)).numpy()
    share = 1 - ((X - rebuilt) ** 2).sum() / ((X - X.mean(axis=0)) ** 2).sum()
    assert share == pytest.approx(facts["explained_variance_encoder"], abs=1e-4)
    assert facts["explained_variance_codes"] >= share - 0.01 and share > 0.8
    theirs = sae.encode(torch.tensor(X, dtype=torch.float32)).detach()
    np.testing.assert_allclose(load_dictionary(tmp_path).transform(X), theirs, atol=1e-4)
