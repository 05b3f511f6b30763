"""One's own activations: rows of a text stay together, labels are checked, a run works."""

import shlex
from pathlib import Path

import numpy as np
import pytest

import evaluation
from evaluation.boards.real import real_board
from evaluation.real.own import load_own, own_spec
from evaluation.real.problem import make_real
from evaluation.real.score import control_scores, score_real
from unfold.io.checks import FileError


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    texts = rng.permutation(np.repeat(np.arange(200), 3))
    topic = (texts * 7) % 3
    A = rng.standard_normal((12, 8))
    X = A[topic] + A[3 + rng.integers(9, size=600)]
    np.save(tmp_path / "X.npy", np.c_[X, texts].astype(np.float32))
    labels = np.stack([topic, topic == 1], axis=1)
    np.savez(tmp_path / "y.npz", labels=labels, texts=texts, tokens=topic)
    return tmp_path / "X.npy", tmp_path / "y.npz"


def test_rows_of_a_text_stay_together_and_in_one_part(files: tuple[Path, Path]) -> None:
    parts, tasks, _ = load_own(own_spec(*files))
    seen: set[float] = set()
    for rows in parts.values():
        own = rows.X[:, -1]
        for a, b in zip(rows.starts[:-1], rows.starts[1:], strict=True):
            assert len(set(own[a:b].tolist())) == 1 and b - a == 3
        assert not seen & set(own.tolist())
        seen |= set(own.tolist())
    assert len(seen) == 200
    assert [task.name for task in tasks] == [
        "label 0 is 0", "label 0 is 1", "label 0 is 2", "label 1 is 1",
    ]  # fmt: skip


def test_labels_of_tasks_are_those_of_their_texts(files: tuple[Path, Path]) -> None:
    parts, tasks, _ = load_own(own_spec(*files))
    rows = parts["probing"]
    text = rows.X[rows.starts[:-1], -1].astype(int)
    for task in tasks:
        assert not set(task.train.tolist()) & set(task.test.tolist())
    np.testing.assert_array_equal(tasks[1].test_labels, (text[tasks[1].test] * 7) % 3 == 1)


def test_files_that_have_changed_are_not_scored_as_the_old_ones(files: tuple[Path, Path]) -> None:
    spec = own_spec(*files)
    np.save(files[0], np.load(files[0]) + 1)
    with pytest.raises(ValueError, match="have changed"):
        load_own(spec)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(600), "whole numbers"),
        (np.zeros(599, int), "one a row of the 600"),
        (np.zeros((600, 1, 1), int), "one a row of the 600"),
    ],
)
def test_bad_labels_are_refused(
    labels: np.ndarray, message: str, files: tuple[Path, Path], tmp_path: Path
) -> None:
    np.save(tmp_path / "bad.npy", labels)
    with pytest.raises(FileError, match=message):
        own_spec(files[0], tmp_path / "bad.npy")


def test_labels_of_one_class_cannot_be_probed(files: tuple[Path, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(600, int))
    with pytest.raises(ValueError, match="can be probed"):
        own_spec(files[0], tmp_path / "one.npy")


def test_one_task_is_scored_and_has_no_halves(files: tuple[Path, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "two.npy", np.arange(600) % 2)
    spec = own_spec(files[0], tmp_path / "two.npy", n_components=8, n_active=2)
    problem = make_real("own", 0, spec)
    found = score_real(np.eye(9)[:8], None, problem)
    assert len(problem.tasks) == 1 and "probe@5:odd" not in found
    ends = control_scores(problem, 0)
    assert all(np.isfinite([*found.values(), *ends["control:oracle"][1].values()]))


def test_a_run_on_ones_own_activations_ranks(files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    spec = own_spec(*files, n_components=12, n_active=2)
    summary = evaluation.run(
        [spec], ["data-points"], seeds="0:2", out=out, tracks=["informed"], n_jobs=1
    )
    assert summary.statuses == {"ok": 2}, [r.reason for r in evaluation.load_records(out)]
    assert real_board(out).table["method"][0] == "data-points"
    assert next(iter(real_board(out).gamma.values())) > 0


def test_the_command_in_a_record_runs_the_cell_again(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evaluation.cli import main

    out = tmp_path / "out"
    spec = own_spec(*files, n_components=5, n_active=3)
    evaluation.run([spec], ["pca"], seeds="1:2", out=out, tracks=["informed"], n_jobs=1)
    first = next(r for r in evaluation.load_records(out) if r.method == "pca")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", shlex.split(first.command))
    with pytest.raises(SystemExit) as ended:
        main()
    again = next(r for r in evaluation.load_records("results/again") if r.method == "pca")
    assert ended.value.code in (None, 0) and again.problem == first.problem
    assert dict(again.metrics) == pytest.approx(dict(first.metrics))
