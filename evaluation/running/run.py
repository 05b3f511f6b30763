"""Run a suite: every cell in a child process, scored here, stored as it ends, resumable."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from evaluation.isolation.sandbox import hidden_memory
from evaluation.running.evaluate import Ended
from evaluation.running.executors import LOCAL, Submit, find_executor, submitting
from evaluation.running.plan import Cell, Plan, make_plan
from evaluation.running.record import Record
from evaluation.running.selectors import WHOLE, Shard
from evaluation.running.store import Store
from evaluation.running.suites import Suite, get_suite, override
from evaluation.running.worker import Setup, Worker
from evaluation.scoring.controls import is_control

#: Times that a cell is sent out before it is given up: a full disk or a broken mount is that of
#: one machine, and more of them in a row are no accident.
ATTEMPTS = 3
GO_ON = "What was finished is stored; the same command goes on from there."
#: Ways to end that are no failure: what was skipped was not run.
NO_FAILURE = ("ok", "skipped")
#: Reasons of earlier failures that are told.
MOST_FAULTS = 8


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
        """Cells that did not end ok, those aside that were not run."""
        return sum(n for status, n in self.statuses.items() if status not in NO_FAILURE)


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
    shard: Shard = WHOLE,
    executor: str = LOCAL,
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
    shard : Shard
        The part of the cells to run; `evaluation.running.merge.merge` unites the parts.
    executor : str
        Where cells run, as `evaluation.running.executors.find_executor` takes it.
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
    RuntimeError
        If cells could not be run for want of a machine that can; all else is stored.
    """
    began = time.monotonic()
    chosen = override(
        as_suite(suite),
        methods=methods,
        seeds=seeds,
        tracks=tracks,
        tuning=tuning,
        timeout=timeout,
        mem=mem,
        threads=threads,
    )
    make_executor = find_executor(executor)
    n_jobs = n_jobs or default_jobs(chosen.limits.threads)
    setup = Setup(chosen.limits.threads, salt, tuple(Path(p).resolve() for p in (out, *private)))
    local = executor == LOCAL
    with Store(out) as store, hidden_memory(), Worker(setup, n_jobs if local else 0) as worker:
        plan = make_plan(
            chosen,
            out,
            salt=salt,
            only_failed=only_failed,
            force=force,
            shard=shard,
            slots=worker.slots,
        )
        summary = RunSummary(Path(out), len(plan.cells), len(plan.cells) - len(plan.pending))
        summary.notes += [f"Left aside: {p}: {why}" for p, why in plan.scan.unreadable.items()]
        count_results(summary, plan.done.values())
        _rename(plan, store)
        pending, notes = _runnable(plan, store)
        summary.notes += [*notes, *_failed_before(plan.done.values()), *_told_nothing(plan)]
        summary.notes += [f"{name} is {own}: one row." for name, own in plan.same.items()]
        store.announce(plan.suite.name, [cell.key for cell in plan.cells])
        if on_plan:
            on_plan(plan)
        if pending:
            worker.start(len(pending))
            meter = Meter(len(pending))
            n = min(n_jobs, len(pending))
            with submitting(make_executor, n, worker, local=local) as submit:
                for record in _execute(pending, submit, store):
                    count_results(summary, [record])
                    if on_progress:
                        on_progress(meter.advance(record))
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


def _rename(plan: Plan, store: Store) -> None:
    """Call reused results what this run calls their methods."""
    for cell in plan.cells:
        record = plan.done.get(cell.key)
        if record is not None and record.method != cell.method.choice.name:
            store.rewrite(record.model_copy(update={"method": cell.method.choice.name}))


def _failed_before(reused: Iterable[Record]) -> list[str]:
    """Say what failed in an earlier run, why, and how to run it again."""
    faults = Counter(
        f"  {record.status}: {record.method}: {record.reason}"
        for record in reused
        if record.status not in NO_FAILURE
    )
    if not faults:
        return []
    lines = [
        line if n == 1 else f"{line} ({n} cells)" for line, n in faults.most_common(MOST_FAULTS)
    ]
    if len(faults) > MOST_FAULTS:
        lines.append(f"  and {len(faults) - MOST_FAULTS} other reasons")
    told = f"{faults.total()} cell(s) failed in an earlier run; --only-failed runs them again:"
    return ["\n".join([told, *lines])]


def _told_nothing(plan: Plan) -> list[str]:
    """Name methods that are on the informed track and told nothing, which may not be meant."""
    names = {
        cell.method.choice.name: None
        for cell in plan.cells
        if cell.track == "informed" and cell.method.told_nothing
    }
    if not names:
        return []
    return [
        f"Told nothing on the informed track: {', '.join(names)}. A class says what to be told by "
        f"hints = {{'its size parameter': 'n_features'}}; hints = {{}} says that this is meant."
    ]


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


def _execute(pending: list[Cell], submit: Submit, store: Store) -> Iterator[Record]:
    """Send cells to where they run, store what comes back, and yield the records.

    A cell that no machine could run is tried again, as another machine may take it; it leaves
    no record, so that the same command runs it later.
    """
    cells: dict[Future[Ended], Cell] = {}
    ended: SimpleQueue[Future[Ended]] = SimpleQueue()
    attempts: Counter[str] = Counter()
    lost: list[OSError] = []

    def send(cell: Cell) -> None:
        attempts[cell.key] += 1
        future = submit(cell)
        cells[future] = cell
        future.add_done_callback(ended.put)

    for cell in pending:
        send(cell)
    while cells:
        future = ended.get()
        cell = cells.pop(future)
        try:
            record, estimate, log = future.result()
        except CancelledError:
            raise RuntimeError(f"The executor went away. {GO_ON}") from None
        except OSError as error:
            if attempts[cell.key] < ATTEMPTS:
                send(cell)
            else:
                lost.append(error)
            continue
        store.write(record, estimate, log)
        yield record
    if lost:
        raise RuntimeError(f"{len(lost)} cell(s) could not be run: {lost[0]}. {GO_ON}") from lost[0]


class Meter:
    """Counts cells as they end, and judges from their pace how long the rest will take."""

    def __init__(self, n_total: int) -> None:
        self.n_total, self.n_done, self.n_failed = n_total, 0, 0
        self._began = time.monotonic()

    def advance(self, record: Record) -> Progress:
        """Take in the next record."""
        self.n_done += 1
        self.n_failed += record.status not in NO_FAILURE
        pace = (time.monotonic() - self._began) / self.n_done
        left = pace * (self.n_total - self.n_done)
        return Progress(self.n_done, self.n_total, self.n_failed, left, record)
