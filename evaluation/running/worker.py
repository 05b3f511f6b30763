"""Whoever runs cells: this process, or one that an executor keeps, on whichever machine."""

import contextlib
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from evaluation.isolation.pool import Slot
from evaluation.isolation.sandbox import hide_memory
from evaluation.running.cell_keys import absolute_target, method_source
from evaluation.running.evaluate import Ended, Problems
from evaluation.running.plan import Cell


@dataclass(frozen=True)
class Setup:
    """What a worker has to know before its first cell, the same for all cells of a run.

    Attributes
    ----------
    threads : int
        Threads of a cell.
    salt : str
        Secret that draws the problems; not shown, as engines show what they are given.
    private : tuple of Path
        Files and folders that methods must not read.
    root : Path
        The folder that the run was started in, which relative paths start from.
    run : str
        Tells this run from others that share a worker.
    """

    threads: int = 1
    salt: str = field(default="", repr=False)
    private: tuple[Path, ...] = ()
    root: Path = field(default_factory=Path.cwd)
    run: str = field(default_factory=lambda: uuid.uuid4().hex)


class Worker:
    """Problems and slots of one process; a cell waits for neither. Use as a context manager.

    Parameters
    ----------
    setup : Setup
    n_slots : int
        Slots to have from the beginning; more are made as more cells come at once.
    """

    def __init__(self, setup: Setup, n_slots: int = 0) -> None:
        self.setup = setup
        self.problems = Problems(setup.salt, setup.private, setup.root)
        self.slots: list[Slot] = []
        self._idle: list[Slot] = []
        self._most, self._closed, self._lock = 0, False, threading.Lock()
        self._checked: set[str] = set()
        for _ in range(n_slots):
            self._idle.append(self._new_slot())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, n: int) -> None:
        """Start slots ahead of their cells, so that they load libraries meanwhile."""
        for slot in self.slots[:n]:
            slot.start()

    def run(self, cell: Cell) -> Ended:
        """Run a cell in a child process of its own, and score what it returns."""
        with self._slot() as slot, self.problems.prepared(cell) as prepared:
            return prepared.evaluate(cell, slot, self._most)

    def check_code(self, cell: Cell) -> None:
        """See that this machine has the code that the cell's key speaks of.

        Raises
        ------
        RuntimeError
            If it has another, whose results would be stored under a wrong key.
        """
        target = cell.method.target
        if cell.is_control or cell.method.failure or target in self._checked:
            return
        here = method_source(absolute_target(target, self.setup.root))
        if not here.items() <= cell.method.source.items():
            raise RuntimeError(
                f"{socket.gethostname()} has another version of {target}: expected the same code "
                f"on every worker; install it there, or share the folder it is in."
            )
        self._checked.add(target)

    def stop(self) -> None:
        """Kill what runs; threads that wait for it go on, to an error."""
        with self._lock:
            self._closed = True
        for slot in self.slots:
            slot.close()

    def close(self) -> None:
        """Stop, and leave no file."""
        self.stop()
        self.problems.close()

    @contextlib.contextmanager
    def _slot(self) -> Iterator[Slot]:
        with self._lock:
            slot = self._idle.pop(0) if self._idle else self._new_slot()
            self._most = max(self._most, len(self.slots) - len(self._idle))
        try:
            yield slot
        finally:
            with self._lock:
                self._idle.append(slot)

    def _new_slot(self) -> Slot:
        if self._closed:
            raise RuntimeError("The run was stopped.")
        self.slots.append(Slot(self.setup.threads, self.problems.scratch))
        return self.slots[-1]


#: The workers of this process, by run, where an executor brings cells to it.
_WORKERS: dict[str, Worker] = {}
_LOCK = threading.Lock()


def run_here(setup: Setup, cell: Cell) -> Ended:
    """Run a cell in whichever process this is: what executors are given.

    Raises
    ------
    RuntimeError
        If this machine has other code than the one that the run was started on.
    """
    with _LOCK:
        hide_memory()
        worker = _WORKERS.setdefault(setup.run, _WORKERS.get(setup.run) or Worker(setup))
    worker.check_code(cell)
    return worker.run(cell)


def stop_here(run: str) -> None:
    """Kill what a run has in this process, and remove its files."""
    with _LOCK:
        worker = _WORKERS.pop(run, None)
    if worker is not None:
        worker.close()
