"""The board: right order, honest about failures, blind to the order of its input."""

import random

import numpy as np
import pandas as pd
import pytest

from evaluation.boards.leaderboard import board
from evaluation.scoring.controls import CHANCE, ORACLE
from evaluation.scoring.metrics import METRICS, PRIMARY


def _methods(ranked):
    return ranked.table[~ranked.table["family"].eq("control")].set_index("method")


def _changed(records, wanted, **changes):
    changed = {"status": "error", "metrics": {}} | changes
    return [r.model_copy(update=changed) if wanted(r) else r for r in records]


def test_methods_are_ranked_by_strength_in_each_track(records):
    found = board(records())
    assert list(found.tracks) == ["blind", "informed"]
    for ranked in found.tracks.values():
        methods = _methods(ranked)
        assert methods.index[0] == "alpha" and methods.index[-1] == "delta"
        assert methods["skill"].is_monotonic_decreasing
        assert (methods["skill_low"] <= methods["skill"]).all()
        assert (methods["skill"] <= methods["skill_high"]).all()
        assert (methods["rank_low"] <= methods["rank"]).all()
        assert (methods["rank"] <= methods["rank_high"]).all()
        assert methods.loc["alpha", "tie_group"] == 1
        assert methods.loc["delta", "tie_group"] > methods.loc["beta", "tie_group"] > 1


def test_controls_close_every_board_at_zero_and_one(records):
    for ranked in board(records()).tracks.values():
        last = ranked.table.tail(2).set_index("method")
        assert list(last.index) == [ORACLE, CHANCE]
        assert last["skill"].to_dict() == {ORACLE: 1, CHANCE: 0}
        assert last["rank"].isna().all()
        assert last.loc[ORACLE, PRIMARY] == METRICS[PRIMARY].best


def test_mean_skill_is_the_mean_over_problems_of_the_mean_over_seeds(records):
    rows = records(n_problems=2)
    keep = [r for r in rows if r.problem.startswith("relu-20in5-p0.05") or r.seed == 0]
    cells = [r for r in keep if r.method == "beta" and r.track == "blind"]
    by_problem = pd.Series([r.metrics[PRIMARY] for r in cells]).groupby([r.problem for r in cells])
    expected = by_problem.mean().mean()
    assert _methods(board(keep).tracks["blind"]).loc["beta", "skill"] == pytest.approx(expected)


def test_the_board_does_not_depend_on_the_order_of_records(records):
    rows = records(n_problems=3)
    first = board(rows).table.to_csv()
    random.Random(0).shuffle(rows)
    assert board(rows).table.to_csv() == first


@pytest.mark.parametrize("status", ["error", "crash", "timeout", "out_of_memory", "invalid"])
def test_a_failure_scores_chance_and_lowers_completeness(records, status):
    rows = records(n_problems=2, tracks=("blind",))
    broken = _changed(rows, lambda r: r.method == "beta" and r.seed == 1, status=status)
    before, after = (_methods(board(r).tracks["blind"]) for r in (rows, broken))
    assert after.loc["beta", "completeness"] == pytest.approx(2 / 3)
    assert after.loc["beta", "skill"] < before.loc["beta", "skill"]
    assert after.loc["beta", PRIMARY] < before.loc["beta", PRIMARY]
    assert after.loc["beta", "worst_ever"] == METRICS["worst_cosine"].chance


def test_a_crash_never_raises_a_rank(records):
    """Fail or delete any random set of one method's cells: its rank and skill never improve."""
    rng = random.Random(1)
    methods = {"alpha": 0.5, "beta": 0.48, "gamma": 0.05, "delta": 0.0}
    rows = records(methods, n_problems=3, seeds=(0, 1), tracks=("blind",), spread=0.1)
    before = _methods(board(rows).tracks["blind"])
    for method in methods:
        for trial in range(2):
            doomed = {r.key for r in rows if r.method == method and rng.random() < 0.4}
            broken = _changed(rows, lambda r, doomed=doomed: r.key in doomed, status="crash")
            if trial % 2:
                broken = [r for r in broken if r.key not in doomed]
            after = _methods(board(broken).tracks["blind"])
            if method not in after.index:
                continue
            assert after.loc[method, "skill"] <= before.loc[method, "skill"] + 1e-12
            assert after.loc[method, "rank"] >= before.loc[method, "rank"]


def test_a_method_below_chance_gains_nothing_by_failing(records):
    rows = _changed(
        records(n_problems=2),
        lambda r: r.method == "delta",
        status="ok",
        metrics=dict.fromkeys(METRICS, 0.0),
    )
    failed = _changed(rows, lambda r: r.method == "delta" and r.problem == rows[0].problem)
    skills = [_methods(board(r).tracks["blind"]).loc["delta", "skill"] for r in (rows, failed)]
    assert skills == [0, 0]


def test_identical_methods_under_two_names_tie(records):
    rows = records({"one": 0.6, "three": 0.2})
    twins = [
        r.model_copy(update={"method": "two", "key": "two" + r.key})
        for r in rows
        if r.method == "one"
    ]
    methods = _methods(board(rows + twins).tracks["blind"])
    assert methods.loc["one", "rank"] == methods.loc["two", "rank"] == 1
    assert methods.loc["one", "tie_group"] == methods.loc["two", "tie_group"] == 1
    assert methods.loc["three", "tie_group"] == 2


def test_method_that_skips_a_whole_track_is_listed_not_ranked(records):
    rows = _changed(
        records(), lambda r: r.method == "gamma" and r.track == "blind", status="skipped"
    )
    found = board(rows)
    assert "gamma" not in _methods(found.tracks["blind"]).index
    assert "gamma" in _methods(found.tracks["informed"]).index
    assert any("Not ranked: gamma" in note for note in found.tracks["blind"].notes)


def test_tuned_and_default_rows_stand_apart(records):
    rows = records()
    tuned = [
        r.model_copy(update={"tuning": "tuned", "key": "t" + r.key})
        for r in rows
        if r.method == "beta"
    ]
    assert {"beta", "beta (tuned)"} <= set(_methods(board(rows + tuned).tracks["blind"]).index)


def test_times_taken_among_more_cells_are_called_out(records):
    rows = records()
    alone = board(rows).tracks["blind"].notes
    busy = [r.model_copy(update={"n_concurrent": 4}) if r.method == "beta" else r for r in rows]
    [note] = set(board(busy).tracks["blind"].notes) - set(alone)
    assert "Times are not comparable: beta ran with up to 4" in note


def test_of_two_records_of_a_cell_the_later_counts(records):
    rows = records(n_problems=1, seeds=(0,))
    newer = [
        r.model_copy(
            update={
                "key": "n" + r.key,
                "started_at": "2026-02-01T00:00:00Z",
                "metrics": {**r.metrics, PRIMARY: 0.123},
            }
        )
        for r in rows
        if r.method == "beta"
    ]
    for order in (rows + newer, newer + rows):
        found = board(order)
        assert _methods(found.tracks["blind"]).loc["beta", PRIMARY] == pytest.approx(0.123)
        assert any("2 older record(s)" in note for note in found.notes)


def test_few_problems_are_not_tested_and_the_board_says_why(records):
    one = board(records(n_problems=1, seeds=(0,))).tracks["blind"]
    assert one.p_values is None and np.isnan(one.table["skill_low"]).all()
    assert any("no intervals" in note for note in one.notes)
    assert any("need 8 problems before" in note for note in one.notes)
    assert any(
        "say nothing of other problems" in n
        for n in board(records(n_problems=1)).tracks["blind"].notes
    )
    three = board(records(n_problems=3)).tracks["blind"]
    assert three.p_values is None and np.isfinite(_methods(three)["skill_low"]).all()
    assert any("intervals are rough" in note for note in three.notes)


def test_enough_problems_are_tested(records):
    found = board(records()).tracks["blind"]
    assert found.p_values.loc["alpha", "delta"] < 0.05
    assert 0 < found.detectable < 0.5
    assert not found.notes
    assert found.mean_rank[0] == min(found.mean_rank)


def test_missing_controls_fall_back_and_say_so(records):
    found = board(records(controls=False))
    assert _methods(found.tracks["blind"]).index[0] == "alpha"
    assert any("No control rows" in note for note in found.notes)


def test_controls_of_one_track_serve_the_other(records):
    rows = [r for r in records() if not (r.method == CHANCE and r.track == "informed")]
    found = board(rows)
    assert not found.notes
    assert _methods(found.tracks["informed"]).index[0] == "alpha"


def test_a_metric_that_tells_nothing_somewhere_is_not_counted_there(records):
    hard = "tree-256in64/v1"
    rows = _changed(
        records(),
        lambda r: r.method == CHANCE and r.problem == hard,
        status="ok",
        metrics={name: m.best for name, m in METRICS.items()},
    )
    found = board(rows).tracks["blind"]
    assert hard not in found.by_problem.columns and found.by_problem.shape[1] == 7
    assert any(f"on {hard}: not counted there" in note for note in found.notes)


def test_a_metric_that_tells_nothing_anywhere_ranks_nobody(records):
    rows = _changed(
        records(n_problems=2),
        lambda r: r.method == CHANCE,
        status="ok",
        metrics={name: m.best for name, m in METRICS.items()},
    )
    methods = _methods(board(rows).tracks["blind"])
    assert (methods["skill"] == 0).all() and (methods["rank"] == 1).all()


def test_any_metric_can_rank_and_an_unknown_one_is_refused(records):
    rows = records(n_problems=2, seeds=(0,), tracks=("blind",))
    for metric in ("f1@0.99", "l0_ratio", "n_features_error"):
        assert len(board(rows, metric).table) == 6
    with pytest.raises(ValueError, match="Unknown metric 'f2': expected one of f1@"):
        board([], "f2")


def test_no_records_make_an_empty_board_with_a_reason():
    found = board([])
    assert found.tracks == {} and found.table.empty
    assert "run something first" in found.notes[0]


def test_a_board_where_everything_failed_stands(records):
    rows = _changed(records(n_problems=2), lambda r: not r.method.startswith("control"))
    methods = _methods(board(rows).tracks["blind"])
    assert methods["skill"].isna().all() and (methods["completeness"] == 0).all()


def test_a_method_that_failed_everywhere_has_no_rank_and_none_of_chances_numbers(records):
    rows = _changed(records(), lambda r: r.method == "beta", reason="RuntimeError: boom")
    for track in board(rows).tracks.values():
        methods = _methods(track)
        assert methods.loc["beta", ["rank", "skill", PRIMARY, "worst_cosine"]].isna().all()
        assert methods.loc["beta", "n_ok"] == 0 and methods.loc["beta", "n_cells"] > 0
        assert list(methods.index)[-1] == "beta" and len(track.by_problem) == 3
        assert any("beta (RuntimeError: boom)" in note for note in track.notes)


def test_cells_that_nobody_asked_for_are_named(records):
    rows = [r for r in records(n_problems=3) if r.method != "beta" or r.seed == 0]
    assert any("beta (" in n for n in board(rows).tracks["blind"].notes if "Never run" in n)
    assert not any("Never run" in n for n in board(records()).tracks["blind"].notes)


def _searched(value, tried):
    trials = [{"params": {"alpha": one}, "nats": 0.0} for one in tried]
    return {"chosen": {"alpha": value}, "trials": trials, "seconds": 2.0}


@pytest.mark.parametrize(
    ("value", "tried", "edge"),
    [
        (0.1, [0.1, 0.2, 0.3], True),
        (0.3, [0.1, 0.2, 0.3], True),
        (0.2, [0.1, 0.2, 0.3], False),
        (0.1, [0.1, 0.2], False),
        ("a", ["a", "b", "c"], False),
    ],
)
def test_tuned_values_are_told_and_so_is_an_edge_of_the_grid(records, value, tried, edge):
    tuned = [
        r.model_copy(update={"tuning": "tuned", "search": _searched(value, tried)})
        for r in records()
        if r.method == "beta"
    ]
    found = board([*records(), *tuned])
    (note,) = [n for n in found.tracks["blind"].notes if n.startswith("beta (tuned)")]
    assert f"alpha={value}" in note and ("edge" in note) is edge
    cells = found.cells[found.cells["tuning"] == "tuned"]
    assert (cells["tuned"] == f"alpha={value}").all() and (cells["search_seconds"] == 2).all()
