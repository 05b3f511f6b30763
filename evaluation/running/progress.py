"""How far a run is, read from its folder without disturbing it."""

import fcntl
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.running.store import PLAN, scan_records
from evaluation.scoring.controls import is_control


@dataclass
class RunProgress:
    """How far a run is.

    Attributes
    ----------
    out : Path
    owner : str
        The process that is running it; empty if none is.
    n_planned, n_done : int
        Cells of the latest run into the folder, controls included.
    statuses : Counter
        Of all stored cells, controls aside.
    notes : list of str
    """

    out: Path
    owner: str = ""
    n_planned: int = 0
    n_done: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def run_status(out: str | Path) -> RunProgress:
    """Return how far the run into a folder is; safe while it goes on.

    Raises
    ------
    FileNotFoundError
        If nothing was ever run there.
    """
    out = Path(out)
    if not (out / "cells").is_dir():
        raise FileNotFoundError(
            f"No results in {str(out)!r}: expected a folder that `unfold run -o` has written."
        )
    scan = scan_records(out)
    status = RunProgress(out, owner=_owner(out / ".lock"))
    try:
        keys = json.loads((out / PLAN).read_bytes())["keys"]
    except (OSError, ValueError, KeyError):
        keys = list(scan.records)
    status.n_planned, status.n_done = len(keys), len(scan.records.keys() & set(keys))
    status.statuses.update(
        record.status for record in scan.records.values() if not is_control(record.method)
    )
    status.notes += [f"Left aside: {path}: {why}" for path, why in scan.unreadable.items()]
    return status


def _owner(lock: Path) -> str:
    """Return who holds a lock, by trying to share it."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.pread(handle, 200, 0).decode(errors="replace") or "an unknown process"
    else:
        return ""
    finally:
        os.close(handle)
