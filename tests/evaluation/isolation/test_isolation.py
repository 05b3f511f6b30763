"""One child at a time: however it ends, the slot tells how, and is ready for the next."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from evaluation.isolation.pool import ServerStopped, Slot
from evaluation.isolation.sandbox import hidden_memory
from evaluation.isolation.server import LOG_HEAD, LOG_TAIL, BoundedLog

PLUGINS = Path(__file__).parents[1] / "plugins"
Submit = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def slot() -> Iterator[Slot]:
    with hidden_memory(), Slot() as slot:
        yield slot


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name, n in (("train", 60), ("test", 30)):
        np.save(folder / f"{name}.npy", rng.standard_normal((n, 4)).astype(np.float32))
    return folder


@pytest.fixture
def submit(slot: Slot, data: Path) -> Submit:
    def run(method: str, seconds: float = 30, megabytes: float = 2000, **extra: Any) -> Any:
        task = {
            "action": "fit", "method": f"{PLUGINS}/{method}", "params": {}, "data": str(data),
            "seconds": seconds, "bytes": megabytes * 1e6, "sys_path": [str(PLUGINS)],
            "readable": [str(PLUGINS)], "code": [],
        }  # fmt: skip
        return slot.submit(task | extra)

    return run


def test_temporary_files_have_a_place(submit: Submit) -> None:
    outcome = submit("good.py:WritesTemporaryFiles")
    assert outcome["status"] == "ok", outcome


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("Raises", "error", "KeyError: 'no such thing'"),
        ("Segfaults", "crash", "Killed by SIGSEGV."),
        ("FitsNothing", "invalid", "After fit there is no dictionary"),
        ("LeavesQuietly", "crash", "left with exit code 0 before it returned a result"),
        ("KillsItsSupervisor", "error", "PermissionError"),
        ("WritesIntoX", "error", "read-only"),
        ("NeedsAnArgument", "error", "missing 1 required positional argument"),
    ],
)
def test_a_failure_is_told_and_the_slot_lives_on(
    submit: Submit, name: str, status: str, reason: str
) -> None:
    outcome = submit(f"hostile.py:{name}")
    assert outcome["status"] == status, outcome
    assert reason in outcome["reason"]
    assert outcome["estimate"] is None
    assert submit("good.py:Axes")["status"] == "ok"


def test_a_timeout_kills_grandchildren_even_those_that_left_the_session(submit: Submit) -> None:
    outcome = submit("hostile.py:SleepsWithGrandchildren", seconds=3)
    assert (outcome["status"], outcome["reason"]) == ("timeout", "Stopped at its limit of 3 s.")
    pids = [int(line.split()[1]) for line in outcome["log"].splitlines()]
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_daemon_does_not_outlive_its_cell(submit: Submit) -> None:
    outcome = submit("hostile.py:LeavesADaemon")
    assert outcome["status"] == "ok"
    (pid,) = [int(line.split()[1]) for line in outcome["log"].splitlines()]
    assert not psutil.pid_exists(pid)


def test_memory_is_limited_over_the_tree(submit: Submit) -> None:
    outcome = submit("hostile.py:AllocatesForever", megabytes=1000)
    assert outcome["status"] == "out_of_memory"
    assert outcome["reason"] == "Stopped at its limit of 1000 MB."


def test_a_killed_server_is_told_and_replaced(slot: Slot, submit: Submit) -> None:
    assert slot._server is not None
    os.killpg(slot._server.pid, signal.SIGKILL)
    slot._server.wait()
    assert submit("good.py:Axes")["status"] == "ok"


def test_the_log_of_a_stream_is_its_two_ends() -> None:
    log = BoundedLog()
    text = "".join(f"{i}\n" for i in range(20_000)).encode()
    for start in range(0, len(text), 777):
        log.write(text[start : start + 777])
    head, _, rest = log.text().partition("\n[... ")
    dropped, _, tail = rest.partition(" bytes left out ...]\n")
    assert head.encode() == text[:LOG_HEAD]
    assert tail.encode() == text[-LOG_TAIL:]
    assert int(dropped) == len(text) - LOG_HEAD - LOG_TAIL


def test_a_short_log_is_whole() -> None:
    log = BoundedLog()
    log.write(b"one\n")
    log.write(b"two\n")
    assert log.text() == "one\ntwo\n"


def test_closing_the_slot_ends_a_running_cell_and_removes_its_files(data: Path) -> None:
    import threading

    slot = Slot()
    task = {
        "action": "fit", "method": f"{PLUGINS}/hostile.py:SleepsWithGrandchildren", "params": {},
        "data": str(data), "seconds": 500, "bytes": 2e9, "sys_path": [], "readable": [str(PLUGINS)],
        "code": [],
    }  # fmt: skip
    ends: list[BaseException] = []

    def work() -> None:
        try:
            slot.submit(task)
        except BaseException as end:
            ends.append(end)

    worker = threading.Thread(target=work)
    worker.start()
    deadline = time.monotonic() + 120
    while not list(slot.scratch.glob("cell-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    slot.close()
    worker.join(timeout=60)
    assert not worker.is_alive()
    assert isinstance(ends[0], ServerStopped)
    assert not slot.scratch.exists()
