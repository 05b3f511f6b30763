"""What is asked of a foreign file before it is read: no code, no surprise in size, one line."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: Bytes of a JSON file beside weights or shards; the largest known configurations are kilobytes.
LARGEST_JSON = 64 * 2**20
#: Names shown of a longer list.
SHOWN = 8


class FileError(ValueError):
    """A file does not hold what was asked of it; the message says what it holds instead."""


def listed(names: Iterable[object]) -> str:
    """Return names as text for a message: quoted, on one line, not too many."""
    names = list(names)
    shown = ", ".join(repr(name) for name in names[:SHOWN])
    return (shown + ", ..." if len(names) > SHOWN else shown) or "none"


def one_line(error: BaseException) -> str:
    """Return what an error of somebody else's parser says, on one line of bounded length."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def existing(path: str | Path) -> Path:
    """Return the path of a file or folder that is there.

    Raises
    ------
    FileNotFoundError
        If there is nothing of that name, or a chain of links that leads nowhere.
    """
    path = Path(path)
    if not (path.is_file() or path.is_dir()):
        raise FileNotFoundError(f"No file or folder {str(path)!r}.")
    return path


def refuse_what_exceeds_memory(size: int, what: str, remedy: str) -> None:
    """Refuse to unpack ``size`` bytes where fewer are free.

    Raises
    ------
    FileError
    """
    import psutil

    available = psutil.virtual_memory().available
    if size > available:
        raise FileError(
            f"{what} takes {size / 1e9:.1f} GB of memory, and {available / 1e9:.1f} GB are free: "
            f"{remedy}."
        )


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises
    ------
    FileError
        If the file is missing, too large, damaged, or holds no object.
    """
    if not path.is_file():
        raise FileError(f"{path.parent.name!r} has no file {path.name!r}.")
    if path.stat().st_size > LARGEST_JSON:
        raise FileError(f"{path.name!r} has {path.stat().st_size} bytes, too many for a list.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path.name!r} is no JSON ({one_line(error)}).") from error
    if not isinstance(content, dict):
        raise FileError(f"{path.name!r} holds a {type(content).__name__}, expected an object.")
    return content


def inside(folder: Path, name: object) -> Path:
    """Return the file of a folder that its own list names, and none outside of the folder.

    Raises
    ------
    FileError
        If the name is no plain file name, or there is no such file.
    """
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise FileError(f"The list in {folder.name!r} names {name!r}, which is no file of it.")
    if not (folder / name).is_file():
        raise FileError(f"{folder.name!r} lacks the file {name!r} that its list names.")
    return folder / name
