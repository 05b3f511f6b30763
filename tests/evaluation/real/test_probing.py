"""Sparse probes: parity with scikit-learn, pooling by hand, and no signal where there is none."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from evaluation.real.activations import TaskTexts
from evaluation.real.probing import auc, pooled, probe


def _task(F: np.ndarray, y: np.ndarray) -> TaskTexts:
    cut = len(F) // 2
    places = np.arange(len(F))
    return TaskTexts("t", places[:cut], places[cut:], y[:cut], y[cut:])


def test_auc_is_that_of_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(5, size=80), rng.random(80) < 0.4
    assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


@pytest.mark.parametrize("how", ["mean", "last"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_pooling_is_the_mean_or_the_last_of_a_text(how: str, form: type) -> None:
    Z = np.random.default_rng(1).random((9, 4)).astype(np.float32)
    starts = np.array([0, 2, 3, 9])
    parts = [Z[a:b] for a, b in pairwise(starts)]
    expected = np.stack([p.mean(axis=0) if how == "mean" else p[-1] for p in parts])
    np.testing.assert_allclose(pooled(form(Z), starts, how), expected, rtol=1e-5)


def test_one_latent_that_tells_is_enough() -> None:
    rng = np.random.default_rng(2)
    y = rng.random(400) < 0.5
    F = rng.standard_normal((400, 50))
    F[:, 17] += 5 * y
    assert probe(F, _task(F, y), 1) > 0.99


def test_latents_without_a_signal_stay_at_chance_on_test_texts() -> None:
    # 200 latents chosen from by 60 texts: what is chosen looks good in training, and is not.
    rng = np.random.default_rng(3)
    found = []
    for _ in range(60):
        F, y = rng.standard_normal((120, 200)), np.arange(120) % 2 == 0
        found.append(probe(F, _task(F, y), 5))
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)


def test_silent_latents_score_one_half() -> None:
    y = np.arange(40) % 2 == 0
    assert probe(np.zeros((40, 6)), _task(np.zeros((40, 6)), y), 2) == 0.5


def test_scale_and_order_of_latents_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    y = rng.random(200) < 0.5
    F = rng.standard_normal((200, 8)) + y[:, None] * np.linspace(0, 1, 8)
    base = probe(F, _task(F, y), None)
    assert probe(7 * F[:, ::-1], _task(F, y), None) == pytest.approx(base, abs=1e-3)
