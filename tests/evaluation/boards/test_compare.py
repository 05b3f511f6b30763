"""Comparing two runs: paired, with a margin, and never silent about what was left out."""

import numpy as np
import pytest

from evaluation.boards.compare import compare
from evaluation.scoring.metrics import PRIMARY


def _shifted(records, method, by):
    return [
        r.model_copy(update={"metrics": {n: v + by for n, v in r.metrics.items()}})
        if r.method == method
        else r
        for r in records
    ]


def _verdicts(found):
    return {m: v for m, t, v in found.table[["method", "track", "verdict"]].to_numpy()}


def test_a_run_is_the_same_as_itself(records):
    found = compare(records(), records())
    assert not found.regressed and set(found.table["verdict"]) == {"same"}
    assert (found.table["difference"] == 0).all() and not found.notes
    assert found.sentence == "8 unchanged."


@pytest.mark.parametrize(("by", "verdict"), [(-0.1, "worse"), (0.1, "improved"), (-0.004, "same")])
def test_a_shift_beyond_the_margin_is_found(records, by, verdict):
    found = compare(records(), _shifted(records(), "beta", by))
    assert _verdicts(found) == {"alpha": "same", "beta": verdict, "gamma": "same", "delta": "same"}
    assert found.regressed == (verdict == "worse")
    row = found.table.set_index("method").loc["beta"].iloc[0]
    assert row[["low", "difference", "high"]].to_list() == pytest.approx([by] * 3)
    assert (row["p"] < 0.1) == (verdict != "same")


def test_swapping_the_runs_flips_the_outcome(records):
    rng = np.random.default_rng(0)
    other = [
        r.model_copy(update={"metrics": {**r.metrics, PRIMARY: float(rng.random())}})
        if not r.method.startswith("control")
        else r
        for r in records()
    ]
    forth, back = compare(records(), other).table, compare(other, records()).table
    np.testing.assert_allclose(forth["difference"], -back["difference"])
    np.testing.assert_allclose(forth["p"], back["p"])


def test_one_lucky_cell_does_not_make_an_improvement(records):
    lucky = [
        r.model_copy(update={"metrics": {**r.metrics, PRIMARY: 1.0}})
        if r.method == "delta" and r.problem.startswith("tree") and r.seed == 0
        else r
        for r in records()
    ]
    assert _verdicts(compare(records(), lucky))["delta"] == "same"


def test_a_cell_that_breaks_is_a_regression_however_small_the_loss(records):
    broken = [
        r.model_copy(update={"status": "timeout", "metrics": {}})
        if r.method == "delta" and r.problem.startswith("tree") and r.seed == 0
        else r
        for r in records(tracks=("blind",))
    ]
    found = compare(records(tracks=("blind",)), broken)
    row = found.table.set_index("method").loc["delta"]
    assert row["broke"] == 1 and row["verdict"] == "worse" and found.regressed
    assert _verdicts(compare(broken, records(tracks=("blind",))))["delta"] == "improved"


def test_one_cell_is_judged_by_the_margin_alone(records):
    rows = records(n_problems=1, seeds=(0,))
    found = compare(rows, _shifted(rows, "beta", -0.05))
    assert found.table["low"].isna().all() and found.table["p"].isna().all()
    assert _verdicts(found)["beta"] == "worse"


def test_what_cannot_be_paired_is_said(records):
    fewer = records(n_problems=3)
    found = compare(records(n_problems=2), fewer)
    assert any("24 cell(s) only in run B" in note for note in found.notes)
    changed = [r.model_copy(update={"problem_digest": "f" * 64}) for r in fewer]
    found = compare(fewer, changed)
    assert found.table.empty and "no cell in common" in found.sentence
    assert any("changed between the runs" in note for note in found.notes)


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="Unknown metric 'f2'"):
        compare([], [], "f2")
