"""Results on disk: one folder a cell, written whole or not at all, never deleted.

``DIR/cells/<k[:2]>/<key>/record.json`` with ``estimate.safetensors`` and ``log.txt`` beside it.
The record is written last, by an atomic rename: a cell without one has not been run.
"""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evaluation.running.record import SCHEMA_VERSION, Record

#: Folder of what methods said of themselves.
METHODS = "methods"
RECORD, ESTIMATE, LOG, PLAN = "record.json", "estimate.safetensors", "log.txt", "run.json"


class StoreError(OSError):
    """A results folder cannot be used as asked; the message says why and what to do."""


class StoreWarning(UserWarning):
    """Some stored records cannot be read; they were left as they are."""


@dataclass
class Scan:
    """What a results folder holds.

    Attributes
    ----------
    records : dict of str to Record
        By key.
    unreadable : dict of Path to str
        Records left aside, and why.
    """

    records: dict[str, Record] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)


def load_records(out: str | Path) -> list[Record]:
    """Return all records of a results folder, ordered by key.

    Parameters
    ----------
    out : str or Path

    Returns
    -------
    list of Record

    Raises
    ------
    FileNotFoundError
        If there are no results there.

    Warns
    -----
    StoreWarning
        If some records are damaged or from a newer version; they stay on disk, untouched.
    """
    if not (Path(out) / "cells").is_dir():
        raise FileNotFoundError(
            f"No results in {str(out)!r}: expected a folder that `unfold run -o` has written."
        )
    scan = scan_records(out)
    if scan.unreadable:
        path, reason = next(iter(scan.unreadable.items()))
        warnings.warn(
            f"{len(scan.unreadable)} record(s) left aside, as {path}: {reason}",
            StoreWarning,
            stacklevel=2,
        )
    return [scan.records[key] for key in sorted(scan.records)]


def scan_records(out: str | Path) -> Scan:
    """Return the records of a folder and those that cannot be read, with the reason."""
    scan = Scan()
    for folder in _cell_folders(Path(out) / "cells"):
        path = f"{folder.path}/{RECORD}"
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - ten thousand times
                data = file.read()
        except FileNotFoundError:
            continue
        try:
            scan.records[folder.name] = parse_record(data, folder.name)
        except ValueError as error:
            scan.unreadable[Path(path)] = str(error)
    return scan


def parse_record(data: bytes, key: str | None = None) -> Record:
    """Return the record that bytes hold, of the cell of a key where one is given.

    Raises
    ------
    ValueError
        If they are cut short or no record, are from a newer version, or belong to another key.
    """
    try:
        record = Record.model_validate_json(data)
    except ValidationError:
        raise ValueError(_explain(data)) from None
    if record.schema_version > SCHEMA_VERSION:
        raise ValueError(_newer(record.schema_version))
    if key is not None and record.key != key:
        raise ValueError("the record belongs to another cell; it was moved or copied by hand")
    return record


def _explain(data: bytes) -> str:
    try:
        content = json.loads(data)
    except ValueError:
        return (
            f"damaged (cut short after {len(data)} bytes?); "
            f"`unfold run` keeps it aside and runs the cell again"
        )
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return _newer(version)
    return "not a record of a cell"


def _newer(version: int) -> str:
    return (
        f"written by a newer version of unfold (schema {version}, this one reads up to "
        f"{SCHEMA_VERSION}); update unfold, or use another folder"
    )


def _cell_folders(cells: Path) -> Iterator["os.DirEntry[str]"]:
    try:
        prefixes = sorted(os.scandir(cells), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for prefix in prefixes:
        if prefix.is_dir():
            yield from os.scandir(prefix)


class Store:
    """A results folder that this process alone writes to; use as a context manager.

    Parameters
    ----------
    out : str or Path

    Raises
    ------
    StoreError
        On entry, if the folder cannot be written or another run is writing to it.
    """

    def __init__(self, out: str | Path) -> None:
        self.out = Path(out)
        self._lock: int | None = None
        self._is_new = False

    def __enter__(self) -> "Store":
        self._is_new = not self.out.exists()
        try:
            (self.out / "cells").mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.out / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"Cannot write to {str(self.out)!r}: {error.strerror}. "
                f"Choose another folder with -o, or make room and permission there."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._lock, 200, 0).decode(errors="replace") or "an unknown process"
            os.close(self._lock)
            raise StoreError(
                f"Another run is writing to {str(self.out)!r} ({owner}): wait for it to end, or "
                f"choose another folder with -o and `unfold merge` the two."
            ) from None
        os.ftruncate(self._lock, 0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        with contextlib.suppress(OSError):
            os.pwrite(
                self._lock,
                f"process {os.getpid()} on {socket.gethostname()}, since {since}".encode(),
                0,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._remove_if_unused()
            os.close(self._lock)
            self._lock = None

    def _remove_if_unused(self) -> None:
        """Leave no folder behind for a run that was refused before it had a plan."""
        if self._is_new and not (self.out / PLAN).exists():
            with contextlib.suppress(OSError):
                (self.out / "cells").rmdir()  # refused where anything is stored
                (self.out / ".lock").unlink()
                shutil.rmtree(self.out / METHODS, ignore_errors=True)
                self.out.rmdir()

    def folder(self, key: str) -> Path:
        """Return the folder of a cell."""
        return cell_folder(self.out, key)

    def announce(self, suite: str, keys: Sequence[str]) -> None:
        """Note which cells this run is about, for `unfold status` in another shell."""
        content = {"suite": suite, "keys": list(keys), "started": time.time(), "pid": os.getpid()}
        with _explained(self.out):
            write_atomically(self.out / PLAN, json.dumps(content).encode())

    def write(self, record: Record, estimate: bytes | None = None, log: str = "") -> None:
        """Store a cell: arrays and log first, then the record that makes it count.

        Raises
        ------
        StoreError
            If the disk is full or was made read-only; what was stored before is intact.
        """
        folder = self.folder(record.key)
        with _explained(self.out):
            folder.mkdir(parents=True, exist_ok=True)
            self._keep_damaged(folder / RECORD, record.key)
            for name, data in ((ESTIMATE, estimate), (LOG, log.encode())):
                if data:
                    write_atomically(folder / name, data)
                else:
                    (folder / name).unlink(missing_ok=True)
            write_atomically(folder / RECORD, record.model_dump_json(indent=1).encode())

    def rewrite(self, record: Record) -> None:
        """Replace the record of a stored cell, and nothing else of it."""
        with _explained(self.out):
            data = record.model_dump_json(indent=1).encode()
            write_atomically(self.folder(record.key) / RECORD, data)

    @staticmethod
    def _keep_damaged(path: Path, key: str) -> None:
        """Move a record that cannot be read aside, so that nothing on disk is ever destroyed."""
        try:
            parse_record(path.read_bytes(), key)
        except FileNotFoundError:
            return
        except ValueError:
            number = len(list(path.parent.glob(f"{RECORD}.damaged*")))
            path.rename(path.with_name(f"{RECORD}.damaged{number or ''}"))


@contextlib.contextmanager
def _explained(out: Path) -> Iterator[None]:
    """Turn what the system says of a write into what the user can do about it."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Cannot store a result in {str(out)!r}: {error.strerror or error}. Results stored so "
            f"far are intact; make room or permission, then run the same command again to go on."
        ) from error


def cell_folder(out: str | Path, key: str) -> Path:
    """Return the folder of a cell in a results folder."""
    return Path(out) / "cells" / key[:2] / key


def load_estimate(out: str | Path, key: str) -> dict[str, Any] | None:
    """Return the stored arrays of a cell, "dictionary" and "codes_test"; None if it has none."""
    from evaluation.isolation.estimates import decode

    path = cell_folder(out, key) / ESTIMATE
    return decode(path.read_bytes()) if path.is_file() else None


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
