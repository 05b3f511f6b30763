"""The certificate keeps its word on worlds where features are withheld on purpose."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from evaluation.scoring.certificate_calibration import Trial, calibrate, summarise, withhold
from toy.make import make_sampler

PROBLEMS = ("planted-16in8-p0.08/v1", "planted-30in10-p0.05/v1")


@pytest.fixture(scope="module")
def trials():
    return calibrate(PROBLEMS, range(4), (0, 1, 3), n_heldout=300)


def test_the_bound_holds_as_often_as_it_says(trials):
    assert len(trials) == 24
    assert trials["covered"].sum() >= binom.ppf(1e-4, len(trials), 0.95)
    assert (trials["covered"] == (trials["upper"] >= trials["outside"])).all()


def test_the_bound_is_close(trials):
    lacking = trials[trials["withheld"] > 0]
    assert (lacking["upper"] / lacking["outside"]).median() < 2
    assert trials.loc[trials["withheld"] == 0, "upper"].median() < 0.1


def test_the_truth_is_the_closed_form(trials):
    row = trials[(trials["problem"] == PROBLEMS[0]) & (trials["withheld"] == 3)].iloc[0]
    sampler = make_sampler(PROBLEMS[0], int(row["seed"]))
    X, _ = sampler.sample(300)
    radius = 0.05 * np.sqrt(np.mean(np.sum(np.square(X, dtype=float), axis=1)))
    assert row["outside"] == pytest.approx(1 - (1 - 0.08 * (1 - radius)) ** 3, abs=0.005)
    assert row["outside_any"] == pytest.approx(1 - 0.92**3, abs=0.005)
    assert (trials.loc[trials["withheld"] == 0, "outside"] == 0).all()


def test_a_bound_that_is_too_low_would_be_caught(trials):
    lying = trials.assign(upper=1 - trials["explained"] - 0.02)
    lying["covered"] = lying["upper"] >= lying["outside"]
    assert lying["covered"].sum() < binom.ppf(1e-4, len(trials), 0.95)


def test_false_atoms_get_less_confidence_than_any_feature():
    trials = calibrate(PROBLEMS, range(2), (2,), n_heldout=600, false_atoms=True)
    assert trials["covered"].all()
    assert (trials["confidence_false"] < trials["confidence_listed"]).mean() >= 0.8
    assert trials["confidence_false"].median() < 0.1


def test_one_seed_one_trial():
    first = withhold(PROBLEMS[0], 3, 2, n_heldout=200)
    again = withhold(PROBLEMS[0], 3, 2, n_heldout=200)
    assert first.upper == again.upper
    assert first.outside == again.outside
    assert withhold(PROBLEMS[0], 4, 2, n_heldout=200).upper != first.upper


def test_summaries_count():
    base = Trial("a", 0, 1, 0.1, 0.1, 0.2, 0.9, 0.0, 0.95, 0.05, 1.0, float("nan"))
    rows = [vars(base) | {"seed": i, "upper": u} for i, u in enumerate((0.2, 0.3, 0.05, 0.2))]
    table = pd.DataFrame([row | {"covered": row["upper"] >= row["outside"]} for row in rows])
    [summary] = summarise(table).to_dict("records")
    assert (summary["trials"], summary["coverage"]) == (4, 0.75)
    assert summary["ratio"] == pytest.approx(2.0)
    assert summary["slack"] == pytest.approx(0.1)
    assert summary["low"] < 0.75 < summary["high"]


def test_too_many_withheld_is_named():
    with pytest.raises(ValueError, match=r"0\.\.15, got 16"):
        withhold(PROBLEMS[0], 0, 16)
