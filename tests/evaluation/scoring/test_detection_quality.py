"""Scores of detectors: closed forms, and similarity failing where unfolding does not."""

import numpy as np
import pytest

from evaluation.scoring.detection_quality import detect, detection_table


def test_perfect_blind_and_inverted_detectors():
    active = np.random.default_rng(0).random((4000, 1)) < 0.3
    perfect = detect(active.astype(float), active)
    assert (perfect.auroc[0], perfect.false_alarms[0]) == (1.0, 0.0)
    constant = detect(np.ones(active.shape), active)
    assert constant.auroc[0] == pytest.approx(0.5)
    assert constant.false_alarms[0] == pytest.approx(0.95)
    assert detect(-active.astype(float), active).auroc[0] == 0.0


def test_gaussian_scores_match_their_closed_forms():
    from scipy.stats import norm

    rng = np.random.default_rng(1)
    active = rng.random((40_000, 1)) < 0.5
    quality = detect(rng.standard_normal(active.shape) + 1.5 * active, active)
    assert quality.auroc[0] == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=0.01)
    expected = norm.sf(norm.ppf(0.05) + 1.5)
    assert quality.false_alarms[0] == pytest.approx(expected, abs=0.02)


def test_features_always_or_never_active_have_no_quality():
    quality = detect(np.zeros((10, 2)), np.tile([True, False], (10, 1)))
    assert np.isnan(quality.auroc).all()
    assert np.isnan(quality.false_alarms).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="one shape"):
        detect(np.zeros((3, 2)), np.zeros((3, 3), bool))


def test_similarity_fails_as_superposition_grows_and_codes_do_not(planted):
    rates = {}
    for k in (10, 40):
        table = detection_table(planted(k=k, d=20, density=0.05, n=1500))
        rates[k] = table.groupby("reading")[["auroc", "false_alarms"]].mean()
    few, many = rates[10], rates[40]
    assert many.loc["codes", "auroc"] > 0.99
    assert many.loc["codes", "false_alarms"] < 0.01
    assert many.loc["cosine", "false_alarms"] > few.loc["cosine", "false_alarms"] + 0.2
    assert many.loc["cosine", "auroc"] < few.loc["cosine", "auroc"] < few.loc["codes", "auroc"]
