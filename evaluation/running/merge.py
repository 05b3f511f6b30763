"""The union of results folders, by the content keys of their cells."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.running.record import Record
from evaluation.running.store import ESTIMATE, LOG, Store, cell_folder, scan_records


@dataclass
class Merged:
    """What a merge did.

    Attributes
    ----------
    n_copied, n_same : int
        Cells copied, and cells that were there already.
    notes : list of str
        Cells that two folders tell differently, and records that cannot be read.
    """

    n_copied: int = 0
    n_same: int = 0
    notes: list[str] = field(default_factory=list)


def merge(sources: Iterable[str | Path], out: str | Path, *, keep: str = "first") -> Merged:
    """Copy the cells of several results folders into one; the sources stay as they are.

    Parameters
    ----------
    sources : iterable of str or Path
    out : str or Path
        May exist, and then counts as the first source.
    keep : {"first", "last"}
        Which of two results of the same cell stays.

    Returns
    -------
    Merged

    Raises
    ------
    ValueError
        If ``keep`` is neither.
    FileNotFoundError
        If a source holds no results.
    StoreError
        If ``out`` cannot be written to.
    """
    if keep not in ("first", "last"):
        raise ValueError(f"Unknown keep {keep!r}: expected first or last.")
    folders = [Path(source) for source in sources]
    for folder in folders:
        if not (folder / "cells").is_dir():
            raise FileNotFoundError(f"No results in {str(folder)!r}.")
    merged = Merged()
    with Store(out) as store:
        there = scan_records(out).records
        for folder in folders:
            scan = scan_records(folder)
            merged.notes += [f"Left aside: {path}: {why}" for path, why in scan.unreadable.items()]
            for key, record in sorted(scan.records.items()):
                known = there.get(key)
                if known is not None and _differ(known, record):
                    merged.notes.append(_conflict(known, record, folder, keep))
                if known is None or (keep == "last" and known != record):
                    _copy(record, cell_folder(folder, key), store)
                    there[key] = record
                    merged.n_copied += 1
                else:
                    merged.n_same += 1
    return merged


def _copy(record: Record, source: Path, store: Store) -> None:
    estimate, log = source / ESTIMATE, source / LOG
    store.write(
        record,
        estimate.read_bytes() if estimate.is_file() else None,
        log.read_text(errors="replace") if log.is_file() else "",
    )


def _differ(one: Record, other: Record) -> bool:
    """Tell whether two records of a cell disagree on what was found, not on how long it took."""
    return (one.status, one.metrics, one.problem_digest) != (
        other.status,
        other.metrics,
        other.problem_digest,
    )


def _conflict(one: Record, other: Record, folder: Path, keep: str) -> str:
    data = "" if one.problem_digest == other.problem_digest else " on other data"
    return (
        f"{one.method} on {one.problem}, seed {one.seed}, {one.track}: {folder} tells it "
        f"differently{data} ({other.status}, not {one.status}); the {keep} was kept."
    )
