"""Whatever ends a run, the same command goes on: nothing lost, nothing done twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from evaluation.report import write_report
from evaluation.running.record import Record
from evaluation.running.run import run
from evaluation.running.store import Store, cell_folder, load_records, scan_records

PLUGINS = Path(__file__).parents[1] / "plugins"
SPEC = {
    "features": {"n": 6, "gate": {"kind": "independent", "p": 0.2}},
    "source": {"kind": "planted", "d": 4},
    "n_train": 300,
    "n_test": 100,
}
COMMAND = [
    *(sys.executable, "-m", "evaluation", "run", "-p", "planted-8in6-p0.1/v1", "--seeds", "0:2"),
    *("-m", f"{PLUGINS}/good.py:Axes[pause=[0.3,0.4]]", "-m", f"{PLUGINS}/hostile.py:Raises"),
    *("--track", "blind", "-j", "1"),
]


def _start(out: Path, scratch: Path) -> "subprocess.Popen[bytes]":
    scratch.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(scratch)}
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*COMMAND, "-o", str(out)], stdout=quiet, stderr=quiet, env=environment)


def _interrupt_after(out: Path, scratch: Path, n_records: int, signum: int) -> int:
    process = _start(out, scratch)
    while len(scan_records(out).records) < n_records:
        assert process.poll() is None, "the run ended before it could be interrupted"
        time.sleep(0.02)
    process.send_signal(signum)
    return process.wait(timeout=60)


def _gone(scratch: Path) -> bool:
    """Wait for all processes that were started with a scratch folder to go."""
    for _ in range(300):
        lines = (" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))
        if not any(str(scratch) in line for line in lines) and not list(scratch.iterdir()):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_killed_and_interrupted_runs_go_on_to_the_same_table(tmp_path: Path) -> None:
    scratch, out, whole = tmp_path / "scratch", tmp_path / "out", tmp_path / "whole"
    assert _interrupt_after(out, scratch, 4, signal.SIGKILL) == -signal.SIGKILL
    assert _gone(scratch)
    first = {r.key: r for r in load_records(out)}
    assert _interrupt_after(out, scratch, len(first) + 2, signal.SIGINT) == 130
    assert _gone(scratch)
    second = {r.key: r for r in load_records(out)}
    assert _start(out, scratch).wait(timeout=200) == 3
    third = {r.key: r for r in load_records(out)}
    assert len(first) < len(second) < len(third) == 10
    assert {key: second[key] for key in first} == first
    assert {key: third[key] for key in second} == second
    assert _start(whole, scratch).wait(timeout=200) == 3
    write_report(out)
    write_report(whole)
    for name in ("cells.csv", "leaderboard.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def _methods(out: Path) -> dict[str, Record]:
    return {r.method: r for r in load_records(out) if not r.method.startswith("control:")}


def test_only_failed_and_force_run_what_they_say(tmp_path: Path) -> None:
    methods = [f"{PLUGINS}/good.py:Axes", f"{PLUGINS}/hostile.py:Raises"]
    out = tmp_path / "out"

    def again(**how: bool) -> tuple[int, int, dict[str, float]]:
        counted: list[str] = []
        summary = run(
            [SPEC],
            methods,
            0,
            out,
            tracks=["blind"],
            n_jobs=1,
            on_progress=lambda progress: counted.append(progress.record.method),
            **how,
        )
        times = {
            name: cell_folder(out, r.key).joinpath("record.json").stat().st_mtime_ns
            for name, r in _methods(out).items()
        }
        return len(counted), summary.n_failed, times

    n_first, failed, first = again()
    assert (n_first, failed) == (4, 1)  # two methods, two controls
    n_none, failed, _ = again()
    assert (n_none, failed) == (0, 1)
    told = "\n".join(run([SPEC], methods, 0, out, tracks=["blind"], n_jobs=1).notes)
    assert "1 cell(s) failed in an earlier run; --only-failed" in told
    assert "hostile.py:Raises: KeyError: 'no such thing'" in told
    n_failed, _, second = again(only_failed=True)
    assert n_failed == 1
    assert {name for name in first if second[name] != first[name]} == {"hostile.py:Raises"}
    n_all, _, third = again(force=True)
    assert n_all == 4
    assert all(third[name] != second[name] for name in third)


def test_a_limit_that_was_not_met_is_no_part_of_a_result(tmp_path: Path) -> None:
    methods = [f"{PLUGINS}/good.py:Axes", f"slow={PLUGINS}/good.py:Axes[pause=2]"]

    def counted(timeout: float) -> tuple[list[str], dict[str, str]]:
        ran: list[str] = []
        run(
            [SPEC], methods, 0, tmp_path, tracks=["blind"], n_jobs=1, timeout=timeout,
            on_progress=lambda progress: ran.append(progress.record.method),
        )  # fmt: skip
        return ran, {name: record.status for name, record in _methods(tmp_path).items()}

    ran, ended = counted(0.7)
    assert len(ran) == 4 and ended == {"good.py:Axes": "ok", "slow": "timeout"}
    assert counted(0.5) == ([], ended)  # a shorter limit stops it, too
    assert counted(60) == (["slow"], dict.fromkeys(ended, "ok"))
    assert counted(0.1) == ([], dict.fromkeys(ended, "ok"))


def test_reused_results_are_called_what_the_run_calls_them(tmp_path: Path) -> None:
    for name in ("good.py:Axes", "mine"):
        label = "" if name.startswith("good") else f"{name}="
        run([SPEC], [f"{label}{PLUGINS}/good.py:Axes"], 0, tmp_path, tracks=["blind"], n_jobs=1)
        assert list(_methods(tmp_path)) == [name]


def test_what_lacks_a_package_is_skipped_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / "lacking.py").write_text(
        "class Lacks:\n    def fit(self, X, y=None):\n        import no_such_package\n"
    )
    summary = run(
        [SPEC], [f"{tmp_path}/lacking.py:Lacks"], 0, tmp_path / "out", tracks=["blind"], n_jobs=1
    )
    (record,) = _methods(tmp_path / "out").values()
    assert (record.status, summary.n_failed) == ("skipped", 0)
    assert "no_such_package" in record.reason


def test_what_was_skipped_gets_another_chance(tmp_path: Path) -> None:
    run([SPEC], ["pca"], 0, tmp_path, tracks=["blind"], n_jobs=1)
    (record,) = _methods(tmp_path).values()
    with Store(tmp_path) as store:
        store.rewrite(record.model_copy(update={"status": "skipped", "metrics": {}}))
    ended = run([SPEC], ["pca"], 0, tmp_path, tracks=["blind"], n_jobs=1)
    assert ended.statuses == {"ok": 1}


def test_tracks_tell_what_methods_declare_and_record_it(tmp_path: Path) -> None:
    run([SPEC], ["pca"], 0, tmp_path, n_jobs=1)
    by_track = {r.track: r for r in load_records(tmp_path) if r.method == "pca"}
    assert by_track["blind"].hints == {}
    for record in by_track.values():
        assert set(record.hints) <= set(record.params)
        assert record.problem_facts["d"] == 4
        assert record.environment["packages"]["numpy"]
        assert record.command.startswith("unfold run -p")
    controls = {(r.method, r.track) for r in load_records(tmp_path) if r.family == "control"}
    assert {("control:chance", "blind"), ("control:oracle", "informed")} <= controls
