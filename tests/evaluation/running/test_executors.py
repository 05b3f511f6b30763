"""Wherever cells run, the results are those of a local run, and none is lost or run twice."""

import errno
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.running.evaluate import Ended
from evaluation.running.plan import make_plan
from evaluation.running.run import run
from evaluation.running.store import load_records, scan_records
from evaluation.running.suites import Suite
from evaluation.running.worker import Setup, Worker
from tests.evaluation.running.test_shards import METHODS, files, problem

OPTIONS: dict[str, Any] = {"seeds": 0, "tracks": ["blind"], "n_jobs": 2}
PROBLEMS = [problem(3), problem(4)]
POOLS = """
import errno
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

def threads():
    return ThreadPoolExecutor(2)

def processes():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))

class Full(ThreadPoolExecutor):
    '''The disk of a machine is full for its first calls.'''

    def __init__(self, n_failures):
        super().__init__(1)
        self.left = n_failures

    def submit(self, fn, *args):
        if self.left:
            self.left -= 1
            future = Future()
            future.set_exception(OSError(errno.ENOSPC, "No space left on device"))
            return future
        return super().submit(fn, *args)

def full_for_a_while():
    return Full(2)

def full_for_long():
    return Full(21)
"""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the run in this process."""
    out = tmp_path_factory.mktemp("local")
    run(PROBLEMS, METHODS, out=out, **OPTIONS)
    return files(out)


@pytest.fixture
def pools(tmp_path: Path) -> str:
    (tmp_path / "pools.py").write_text(POOLS)
    return f"{tmp_path}/pools.py"


@pytest.fixture
def distributed() -> Iterator[Any]:
    """Dask, which draws names from the global generator of Python."""
    module = pytest.importorskip("distributed")
    state = random.getstate()
    yield module
    random.setstate(state)


@pytest.mark.parametrize("make", ["threads", "processes", "full_for_a_while"])
def test_an_executor_from_a_file_gives_the_local_results(
    make: str, pools: str, local: dict[str, bytes], tmp_path: Path
) -> None:
    counted: Counter[str] = Counter()
    run(
        PROBLEMS,
        METHODS,
        out=tmp_path / "out",
        executor=f"{pools}:{make}",
        on_progress=lambda progress: counted.update([progress.record.key]),
        **OPTIONS,
    )
    assert files(tmp_path / "out") == local
    assert len(counted) == 10 and set(counted.values()) == {1}


def test_cells_that_no_machine_could_run_are_told_and_run_later(
    pools: str, local: dict[str, bytes], tmp_path: Path
) -> None:
    where = {"out": tmp_path / "out", **OPTIONS}
    with pytest.raises(RuntimeError, match=r"cell\(s\) could not be run: .*No space.* goes on"):
        run(PROBLEMS, METHODS, executor=f"{pools}:full_for_long", **where)
    run(PROBLEMS, METHODS, executor=f"{pools}:threads", **where)
    assert files(tmp_path / "out") == local


@pytest.mark.slow
def test_dask_gives_the_local_results(
    distributed: Any, local: dict[str, bytes], tmp_path: Path
) -> None:
    run(PROBLEMS, METHODS, out=tmp_path, executor="dask", **OPTIONS)
    assert files(tmp_path) == local


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(distributed: Any, tmp_path: Path) -> None:
    method = f"{Path(__file__).parents[1]}/plugins/good.py:Axes[pause=[0.5,0.6,0.7,0.8]]"
    counted: Counter[str] = Counter()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())

        def kill() -> None:
            while len(scan_records(tmp_path).records) < 3:
                time.sleep(0.02)
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        run(
            PROBLEMS,
            [method],
            out=tmp_path,
            executor=f"dask:{cluster.scheduler_address}",
            on_progress=lambda progress: counted.update([progress.record.key]),
            **OPTIONS,
        )
        killer.join()
        assert client.run(os.getpid)  # the cluster is not ours to close
    assert len(counted) == 12 and set(counted.values()) == {1}
    assert {record.status for record in load_records(tmp_path)} == {"ok"}


def test_a_worker_with_other_code_is_refused(tmp_path: Path) -> None:
    (cell, *_) = [
        cell
        for cell in make_plan(Suite(problems=(problem(3),), methods=("pca",)), tmp_path).cells
        if not cell.is_control
    ]
    with Worker(Setup()) as worker:
        worker.check_code(cell)
        worker._checked.clear()
        source = dict.fromkeys(cell.method.source, "another")
        with pytest.raises(RuntimeError, match="another version of unfold"):
            worker.check_code(replace(cell, method=replace(cell.method, source=source)))


def test_a_full_disk_is_not_a_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(self: Worker, cell: object) -> Ended:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Worker, "run", full)
    with pytest.raises(RuntimeError, match=r"4 cell\(s\) could not be run"):
        run([problem(3)], ["random", "pca"], out=tmp_path, **OPTIONS)
    assert load_records(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("slurm", "expected local, dask"), ("nothing.py:make", "No file"), ("{pools}:no", "'no'")],
)
def test_executors_that_do_not_exist(name: str, message: str, pools: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        run([problem(3)], ["pca"], out=tmp_path / "o", executor=name.format(pools=pools), **OPTIONS)
