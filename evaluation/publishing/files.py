"""Published records on disk: ``DIR/<suite>/<method>.jsonl.xz``, one line a cell.

One file a method, so that two people who publish two methods never touch the same file.
"""

import hashlib
import lzma
import re
from collections.abc import Iterable
from pathlib import Path

from evaluation.running.record import Record
from evaluation.running.store import parse_record
from evaluation.scoring.controls import is_control

SUFFIX = ".jsonl.xz"
#: The file of the two ends of the scale.
CONTROLS_FILE = f"controls{SUFFIX}"
#: Bytes that a file may unpack to: tens of thousands of records; more is no board.
MOST_BYTES = 200 * 10**6
#: Bytes of memory that unpacking may take, ten times what our own files need.
MOST_MEMORY = 100 * 10**6


def file_name(method: str) -> str:
    """Return the name of the file of a method; names that files cannot have get a digest."""
    if is_control(method):
        return CONTROLS_FILE
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", method).strip("-.")[:60]
    if slug != method or f"{slug}{SUFFIX}" == CONTROLS_FILE:
        slug += "-" + hashlib.sha256(method.encode()).hexdigest()[:8]
    return f"{slug}{SUFFIX}"


def pack(records: Iterable[Record]) -> bytes:
    """Return records as compressed lines of JSON; the same records give the same bytes."""
    ordered = sorted(records, key=_order)
    lines = "".join(f"{record.model_dump_json(exclude_defaults=True)}\n" for record in ordered)
    return lzma.compress(lines.encode(), preset=9 | lzma.PRESET_EXTREME)


def _order(record: Record) -> tuple[str, str, str, int, str]:
    return record.method, record.problem, record.track, record.seed, record.key


def unpack(data: bytes) -> list[Record]:
    """Return the records that bytes hold.

    Raises
    ------
    ValueError
        If they are not compressed lines of records, are cut short, or unpack to more than
        `MOST_BYTES`.
    """
    decompressor = lzma.LZMADecompressor(memlimit=MOST_MEMORY)
    try:
        text = decompressor.decompress(data, max_length=MOST_BYTES)
    except lzma.LZMAError as error:
        raise ValueError(f"it is not xz data, or is damaged ({error})") from None
    if not decompressor.eof:
        why = "is cut short" if decompressor.needs_input else f"unpacks to over {MOST_BYTES} bytes"
        raise ValueError(f"it {why}")
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            records.append(parse_record(line))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return records


def read_published(folder: str | Path, suite: str | None = None) -> dict[str, list[Record]]:
    """Return the published records of each suite, or of one.

    Parameters
    ----------
    folder : path
        Holds a folder a suite, as ``leaderboards/`` does.
    suite : str, optional

    Returns
    -------
    dict of str to list of Record
        By suite, in the order of their names.

    Raises
    ------
    FileNotFoundError
        If the folder is not there, or holds no records of the suite.
    ValueError
        If a file cannot be read; the message names it.
    """
    folder = Path(folder)
    pattern = f"{suite or '*'}/*{SUFFIX}"
    boards: dict[str, list[Record]] = {}
    for path in sorted(folder.glob(pattern)):
        try:
            boards.setdefault(path.parent.name, []).extend(unpack(path.read_bytes()))
        except ValueError as error:
            raise ValueError(f"Cannot read the records in {str(path)!r}: {error}.") from None
    if not boards:
        what = f"{suite}/METHOD{SUFFIX}" if suite else f"SUITE/METHOD{SUFFIX}"
        raise FileNotFoundError(
            f"No published records in {str(folder)!r}: expected files {what} as "
            f"`unfold publish` writes."
        )
    return boards
