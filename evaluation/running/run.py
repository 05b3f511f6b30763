"""Run a suite: every cell in a child process, scored here, stored as it ends, resumable."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from evaluation.isolation.pool import Slot
from evaluation.isolation.sandbox import hidden_memory
from evaluation.running.evaluate import Problems
from evaluation.running.plan import Cell, Plan, make_plan
from evaluation.running.record import Record
from evaluation.running.store import Store
from evaluation.running.suites import Suite, get_suite, override
from evaluation.scoring.controls import is_control


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
        As in `evaluation.running.suites.override`.
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
    n_jobs = n_jobs or default_jobs(chosen.limits.threads)
    with Store(out) as store, Problems(salt, [Path(out), *map(Path, private)]) as problems:
        slots = [Slot(chosen.limits.threads, problems.scratch) for _ in range(n_jobs)]
        with hidden_memory(), _stopping(problems, slots):
            plan = make_plan(
                chosen, out, salt=salt, only_failed=only_failed, force=force, slots=slots
            )
            summary = RunSummary(Path(out), len(plan.cells), len(plan.cells) - len(plan.pending))
            summary.notes += [f"Left aside: {p}: {why}" for p, why in plan.scan.unreadable.items()]
            count_results(summary, plan.done.values())
            pending, notes = _runnable(plan, store)
            summary.notes += notes
            store.announce(plan.suite.name, [cell.key for cell in plan.cells])
            if on_plan:
                on_plan(plan)
            problems.expect(pending)
            for record in _execute(pending, problems, store, slots, on_progress):
                count_results(summary, [record])
        summary.notes += problems.notes
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
        if not is_control(record.method):
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
    problems: Problems,
    store: Store,
    slots: list[Slot],
    on_progress: Callable[[Progress], None] | None,
) -> Iterator[Record]:
    """Run cells on slots and yield their records as they end."""
    slots = slots[: len(pending)]
    ended: SimpleQueue[Record | None] = SimpleQueue()
    waiting, lock = iter(pending), threading.Lock()

    def work(slot: Slot) -> None:
        try:
            while not problems.stopped.is_set():
                with lock:
                    cell = next(waiting, None)
                if cell is None:
                    return
                with problems.prepared(cell) as prepared:
                    record, estimate, log = prepared.evaluate(cell, slot, len(slots))
                if not problems.stopped.is_set():  # else the end may be our own doing
                    store.write(record, estimate, log)
                    ended.put(record)
        except BaseException:
            if not problems.stopped.is_set():  # else it is the stop that is felt here
                problems.stopped.set()
                raise
        finally:
            ended.put(None)

    for slot in slots:
        slot.start()
    threads = ThreadPoolExecutor(max(1, len(slots)))
    with _stopping_first(threads, problems, slots):
        futures = [threads.submit(work, slot) for slot in slots]
        meter = Meter(len(pending))
        while meter.n_workers_gone < len(slots):
            record = ended.get()
            if record is None:
                meter.n_workers_gone += 1
                continue
            if on_progress:
                on_progress(meter.advance(record))
            yield record
        for future in futures:
            future.result()


class Meter:
    """Counts cells as they end, and judges from their pace how long the rest will take."""

    def __init__(self, n_total: int) -> None:
        self.n_total, self.n_done, self.n_failed, self.n_workers_gone = n_total, 0, 0, 0
        self._began = time.monotonic()

    def advance(self, record: Record) -> Progress:
        """Take in the next record."""
        self.n_done += 1
        self.n_failed += record.status != "ok"
        pace = (time.monotonic() - self._began) / self.n_done
        left = pace * (self.n_total - self.n_done)
        return Progress(self.n_done, self.n_total, self.n_failed, left, record)


@contextlib.contextmanager
def _stopping_first(
    threads: ThreadPoolExecutor, problems: Problems, slots: list[Slot]
) -> Iterator[None]:
    """Stop what the threads wait for before waiting for the threads."""
    try:
        yield
    except BaseException:
        _stop(problems, slots)
        raise
    finally:
        threads.shutdown()


@contextlib.contextmanager
def _stopping(problems: Problems, slots: list[Slot]) -> Iterator[None]:
    """On the way out, for whatever reason, leave no process."""
    try:
        yield
    finally:
        _stop(problems, slots)


def _stop(problems: Problems, slots: list[Slot]) -> None:
    problems.stopped.set()
    for slot in slots:
        slot.close()
