"""One run with every way to misbehave in it, and three methods that must not notice."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from evaluation.running.record import Record
from evaluation.running.store import cell_folder, load_records

pytestmark = pytest.mark.slow
PLUGINS = Path(__file__).parents[1] / "plugins"
PROBLEM = "planted-8in6-p0.1/v1"
GOOD = [f"{PLUGINS}/good.py:{name}" for name in ("Axes", "Samples", "Noise")]
#: Class -> how its cell must end, and a part of the reason that a reader gets.
EXPECTED = {
    "Raises": ("error", "KeyError: 'no such thing'"),
    "Segfaults": ("crash", "Killed by SIGSEGV."),
    "SleepsWithGrandchildren": ("timeout", "Stopped at its limit of 12 s."),
    "AllocatesForever": ("out_of_memory", "Stopped at its limit of 1200 MB."),
    "ReturnsNaN": ("invalid", "The dictionary contains NaN or infinity."),
    "WrongDimension": ("invalid", "The dictionary has shape (3, 7), expected (n_components, 6)."),
    "WrongCodes": ("invalid", "transform returned shape (5000, 8), expected (5000, 6)."),
    "AllZero": ("invalid", "The dictionary is all zeros."),
    "FitsNothing": ("invalid", "After fit there is no dictionary"),
    "LeavesQuietly": ("crash", "left with exit code 0 before it returned a result"),
    "KillsItsSupervisor": ("error", "PermissionError"),
    "WritesIntoX": ("error", "read-only"),
    "NeedsAnArgument": ("error", "missing 1 required positional argument: 'required'"),
    "PrintsAGigabyte": ("ok", ""),
    "LeavesADaemon": ("ok", ""),
}


def _unfold(out: Path, methods: list[str], scratch: Path) -> subprocess.CompletedProcess[str]:
    scratch.mkdir(exist_ok=True)
    options = [word for method in methods for word in ("-m", method)]
    return subprocess.run(
        [
            *(sys.executable, "-m", "evaluation", "run", "-p", PROBLEM, "--seeds", "0"),
            *("--track", "blind", "--timeout", "12s", "--mem", "1200MB", "-o", str(out), *options),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(scratch)},
    )


def _by_class(out: Path) -> dict[str, Record]:
    return {r.method.rpartition(":")[2]: r for r in load_records(out)}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int, str]:
    folder = tmp_path_factory.mktemp("hostile")
    methods = [f"{PLUGINS}/hostile.py:{name}" for name in EXPECTED]
    done = _unfold(folder / "out", [*methods, *GOOD], folder / "scratch")
    return folder / "out", folder / "scratch", done.returncode, done.stdout + done.stderr


def test_run_ends_by_itself_and_says_that_some_cells_failed(
    hostile: tuple[Path, Path, int, str],
) -> None:
    assert hostile[2] == 3, hostile[3]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_cell_has_a_row_with_status_and_reason(
    hostile: tuple[Path, Path, int, str], name: str
) -> None:
    record = _by_class(hostile[0])[name]
    status, reason = EXPECTED[name]
    assert (record.status, record.reason) == (status, record.reason)
    assert reason in record.reason
    assert bool(record.reason) == (status != "ok")
    assert bool(record.metrics) == (status == "ok")


def test_no_process_and_no_file_is_left(hostile: tuple[Path, Path, int, str]) -> None:
    out, scratch, _, _ = hostile
    pids = [
        int(line.split()[1])
        for name in ("SleepsWithGrandchildren", "LeavesADaemon")
        for line in (cell_folder(out, _by_class(out)[name].key) / "log.txt")
        .read_text()
        .splitlines()
        if line.startswith("grandchild")
    ]
    assert len(pids) == 3
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert not list(scratch.glob("unfold-*"))
    for process in psutil.process_iter(["cmdline"]):
        assert str(scratch) not in " ".join(process.info["cmdline"] or [])


def test_a_gigabyte_of_output_is_kept_to_its_ends(hostile: tuple[Path, Path, int, str]) -> None:
    record = _by_class(hostile[0])["PrintsAGigabyte"]
    log = (cell_folder(hostile[0], record.key) / "log.txt").read_text()
    assert len(log) < 40_000
    assert "bytes left out" in log
    assert log.startswith("xxx")
    assert log.endswith("the end\n")


def test_errors_come_with_the_traceback_of_the_method_alone(
    hostile: tuple[Path, Path, int, str],
) -> None:
    record = _by_class(hostile[0])["Raises"]
    assert record.exception_type == "KeyError"
    assert "misbehave" in record.traceback
    assert "evaluation/isolation" not in record.traceback


def test_good_methods_score_as_they_do_alone(
    hostile: tuple[Path, Path, int, str], tmp_path: Path
) -> None:
    done = _unfold(tmp_path / "out", GOOD, tmp_path / "scratch")
    assert done.returncode == 0, done.stderr
    among, alone = _by_class(hostile[0]), _by_class(tmp_path / "out")
    for name in ("Axes", "Samples", "Noise"):
        assert among[name].metrics == alone[name].metrics
        assert among[name].key == alone[name].key
