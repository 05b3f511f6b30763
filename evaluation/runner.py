"""Run a suite: every cell in a child process, scored here, stored as it ends, resumable."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from evaluation.bench import Bench
from evaluation.isolation.pool import Slot
from evaluation.isolation.sandbox import hidden_memory
from evaluation.plan import Cell, Plan, make_plan
from evaluation.record import Record
from evaluation.store import Store
from evaluation.suites import Suite, get_suite, override


@dataclass(frozen=True)
class Progress:
    """What a run reports after every cell.

    Attributes
    ----------
    n_done, n_total : int
        Cells of this run, without those that were done before it.
    n_failed : int
    seconds_left : float or None
        Until the end, from the pace so far.
    record : Record
        The cell that has just ended.
    """

    n_done: int
    n_total: int
    n_failed: int
    seconds_left: float | None
    record: Record


@dataclass
class RunSummary:
    """How a run went.

    Attributes
    ----------
    out : Path
    n_cells, n_reused : int
        Cells in all, and those that were done before.
    statuses : Counter
        Of all cells, controls aside.
    seconds : float
    notes : list of str
        What the user should know: records left aside, problems that changed.
    """

    out: Path
    n_cells: int = 0
    n_reused: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def n_failed(self) -> int:
        """Cells that did not end ok."""
        return sum(n for status, n in self.statuses.items() if status != "ok")


def run(
    suite: Suite | str | Iterable[str | Mapping[str, Any]],
    methods: Iterable[str] | None = None,
    seeds: str | int | Iterable[int] | None = None,
    out: str | Path = "results",
    *,
    tracks: Iterable[str] | None = None,
    tuning: Iterable[str] | None = None,
    timeout: str | float | None = None,
    mem: str | int | None = None,
    threads: int | None = None,
    n_jobs: int | None = None,
    salt: str = "",
    private: Iterable[str | Path] = (),
    only_failed: bool = False,
    force: bool = False,
    on_plan: Callable[[Plan], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> RunSummary:
    """Run methods on problems and store a record of every cell.

    Each cell runs in its own process group with a hard limit on time and memory, and sees
    activations, parameters, a seed and declared hints: nothing of the truth. Cells that are
    already in ``out`` are not run again, so that the same call continues what was interrupted.

    Parameters
    ----------
    suite : Suite, str or iterable
        A suite, the name of one, or problems (ids, globs, specs).
    methods : iterable of str, optional
        Selectors: ``name``, ``file.py:Class``, ``name[param=value]``; those of the suite if None.
    seeds : str, int or iterable of int, optional
        "0:5" is 0 to 4. A seed draws the problem and seeds the method.
    out : str or Path
        Results folder.
    tracks, tuning, timeout, mem, threads
        As in `evaluation.suites.override`.
    n_jobs : int, optional
        Cells at once; by default the CPUs there are, over ``threads``.
    salt : str
        Secret of 16 characters or more that draws the problems.
    private : iterable of str or Path
        Further files and folders that no method may read.
    only_failed : bool
        Run again what did not end ok, and nothing else.
    force : bool
        Run again what is already stored.
    on_plan, on_progress : callable, optional
        Told what will be run, and of every cell as it ends.

    Returns
    -------
    RunSummary

    Raises
    ------
    ValueError
        If a selector, problem or limit cannot be read.
    StoreError
        If ``out`` cannot be written to, or another run is writing to it.
    """
    began = time.monotonic()
    chosen = override(
        as_suite(suite), methods=methods, seeds=seeds, tracks=tracks, tuning=tuning,
        timeout=timeout, mem=mem, threads=threads,
    )  # fmt: skip
    with Store(out) as store:
        plan = make_plan(chosen, out, salt=salt, only_failed=only_failed, force=force)
        if on_plan:
            on_plan(plan)
        summary = RunSummary(Path(out), len(plan.cells), len(plan.cells) - len(plan.pending))
        summary.notes += [f"Left aside: {p}: {why}" for p, why in plan.scan.unreadable.items()]
        count_results(summary, plan.done.values())
        pending, notes = _runnable(plan, store)
        summary.notes += notes
        store.announce(plan.suite.name, [cell.key for cell in plan.cells])
        bench = Bench(pending, salt, [Path(out), *map(Path, private)])
        n_jobs = n_jobs or default_jobs(chosen.limits.threads)
        with hidden_memory(), bench:
            for record in _execute(pending, bench, store, n_jobs, on_progress):
                count_results(summary, [record])
        summary.notes += bench.notes
    summary.seconds = time.monotonic() - began
    return summary


def as_suite(suite: Suite | str | Iterable[str | Mapping[str, Any]]) -> Suite:
    """Return the suite that is meant by a suite, its name, or problems."""
    if isinstance(suite, Suite):
        return suite
    if isinstance(suite, str):
        return get_suite(suite)
    return Suite(problems=tuple(suite))


def default_jobs(threads: int) -> int:
    """Return how many cells to run at once on this machine."""
    import os

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (usable or 1) // threads)


def count_results(summary: RunSummary, records: Iterable[Record]) -> None:
    """Add records to the counts of a summary; controls are no results."""
    for record in records:
        if not record.method.startswith("control:"):
            summary.statuses[record.status] += 1


def _runnable(plan: Plan, store: Store) -> tuple[list[Cell], list[str]]:
    """Return the pending cells that may be written, and notes on those that may not.

    A record from a newer version stands where it is; only a newer version may replace it.
    """
    newer = {path.parent.name for path, why in plan.scan.unreadable.items() if "newer" in why}
    kept = [cell for cell in plan.pending if cell.key not in newer]
    left = len(plan.pending) - len(kept)
    note = (
        f"{left} cell(s) not run: their records in {store.out} are from a newer version of unfold."
    )
    return kept, [note] if left else []


def _execute(
    pending: list[Cell],
    bench: Bench,
    store: Store,
    n_jobs: int,
    on_progress: Callable[[Progress], None] | None,
) -> Iterator[Record]:
    """Run cells on ``n_jobs`` slots and yield their records as they end."""
    if not pending:
        return
    n_jobs = min(n_jobs, len(pending))
    ended: SimpleQueue[Record | None] = SimpleQueue()
    waiting, lock = iter(pending), threading.Lock()
    slots = [Slot(pending[0].limits.threads, bench.scratch) for _ in range(n_jobs)]

    def work(slot: Slot) -> None:
        try:
            while not bench.stopped.is_set():
                with lock:
                    cell = next(waiting, None)
                if cell is None:
                    return
                with bench.prepared(cell) as prepared:
                    record, estimate, log = prepared.evaluate(cell, slot, n_jobs)
                if not bench.stopped.is_set():  # else the end may be our own doing
                    store.write(record, estimate, log)
                    ended.put(record)
        except BaseException:
            bench.stopped.set()
            raise
        finally:
            ended.put(None)

    began, n_failed, running, n_done = time.monotonic(), 0, n_jobs, 0
    with ThreadPoolExecutor(n_jobs) as executor, _stopping(bench, slots):
        for slot in slots:
            slot.start()
        futures = [executor.submit(work, slot) for slot in slots]
        while running:
            record = ended.get()
            if record is None:
                running -= 1
                continue
            n_done, n_failed = n_done + 1, n_failed + (record.status != "ok")
            left = (time.monotonic() - began) / n_done * (len(pending) - n_done)
            if on_progress:
                on_progress(Progress(n_done, len(pending), n_failed, left, record))
            yield record
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()


@contextlib.contextmanager
def _stopping(bench: Bench, slots: list[Slot]) -> Iterator[None]:
    """On the way out, for whatever reason, stop the workers and leave no process."""
    try:
        yield
    finally:
        bench.stopped.set()
        for slot in slots:
            slot.close()
