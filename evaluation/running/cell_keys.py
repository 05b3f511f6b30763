"""What determines a cell, and its content hash: the key that results are stored under.

Also which code a cell runs, and which files it may read.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import (
    Distribution,
    PackageNotFoundError,
    entry_points,
    packages_distributions,
)
from pathlib import Path
from typing import Any

from evaluation.running.record import Limits

KEY_FORMAT = 1


def canonical(value: Any) -> str:
    """Return the one JSON text of a value, blind to the order of keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def content_key(value: Any) -> str:
    """Return the SHA-256 of a JSON value.

    Parameters
    ----------
    value : JSON
        Everything that determines a result, and nothing else: no order, label, time or host.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hashlib.sha256(canonical({"format": KEY_FORMAT, "of": value}).encode()).hexdigest()


def method_target(method: str) -> str:
    """Return "pkg.mod:Class" or "file.py:Class" of a registered name or a path.

    Nothing of the method is imported.

    Raises
    ------
    ValueError
        If a registered name is unknown; the message is that of `unfold.get_method`.
    """
    if ":" in method:
        return method
    for point in entry_points(group="unfold.methods"):
        if point.name == method:
            return point.value
    from unfold.registry import get_method

    get_method(method)  # raises, and names what is near
    raise ValueError(f"Unknown method {method!r}.")


def method_source(target: str) -> dict[str, str]:
    """Return what the code of a method is, without importing it.

    Parameters
    ----------
    target : str
        "pkg.mod:Class" or "file.py:Class".

    Returns
    -------
    dict of str to str
        ``{distribution: version}`` for an installed package; for a plug-in file, or a package
        that is installed to be edited, ``{file: SHA-256}`` of it and all it imports beside it.

    Raises
    ------
    ValueError
        If the file or module does not exist.
    """
    where = target.rpartition(":")[0]
    if where.endswith(".py"):
        path = Path(where).resolve()
        if not path.is_file():
            raise ValueError(
                f"No file {where!r}: expected 'file.py:Class' with a file that exists."
            )
        return _hashes(path, path.parent)
    top = where.partition(".")[0]
    version = _fixed_version(top)
    if version is not None:
        return version
    root = _find_root(top)
    if root is None:
        raise ValueError(f"No module {top!r} for method {target!r}; is its package installed?")
    return _hashes(_module_file(root, where), root)


def plugin_folder(target: str) -> Path | None:
    """Return the folder of a plug-in file; None for installed classes."""
    where = target.rpartition(":")[0]
    return Path(where).resolve().parent if where.endswith(".py") else None


def _hashes(entry: Path, root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(_closure(entry, root))
    }


def _closure(entry: Path, root: Path) -> set[Path]:
    """Return the files under ``root`` that ``entry`` imports, directly or not, at any depth."""
    found, waiting = {entry}, [entry]
    while waiting:
        path = waiting.pop()
        for name in _imports(path, path.stat().st_mtime_ns, root):
            for file in _files_of(name, root):
                if file not in found:
                    found.add(file)
                    waiting.append(file)
    return found


@cache
def _imports(path: Path, changed: int, root: Path) -> tuple[str, ...]:
    """Return the dotted names that a file imports, relative ones made absolute."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return ()
    package = path.relative_to(root).parent.parts
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names += [stem, *(f"{stem}.{alias.name}".lstrip(".") for alias in node.names)]
    return tuple(dict.fromkeys(name for name in names if name))


def _files_of(name: str, root: Path) -> Iterator[Path]:
    """Yield the source files that importing a dotted name runs, where they lie under ``root``."""
    folder = root
    for part in name.split("."):
        module, package = folder / f"{part}.py", folder / part / "__init__.py"
        if package.is_file():
            yield package
            folder = folder / part
        else:
            if module.is_file():
                yield module
            return


def _module_file(root: Path, name: str) -> Path:
    stem = root.joinpath(*name.split("."))
    for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
        if path.is_file():
            return path
    raise ValueError(f"No module {name!r} in {root.name!r}.")


def _fixed_version(top: str) -> dict[str, str] | None:
    """Return {distribution: version} of a module installed for good, None for anything else."""
    owners = _owners().get(top)
    if not owners:
        return None
    try:
        distribution = Distribution.from_name(owners[0])
    except PackageNotFoundError:
        return None
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return None
    return {owners[0]: distribution.version}


@cache
def _owners() -> Mapping[str, list[str]]:
    return packages_distributions()


def _find_root(top: str) -> Path | None:
    """Return the folder on the path that holds a top-level module, without importing it."""
    spec = PathFinder.find_spec(top, [str(Path.cwd()), *sys.path])
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    origin = Path(spec.origin).resolve()
    return origin.parent.parent if origin.name == "__init__.py" else origin.parent


def absolute_target(target: str, root: Path) -> str:
    """Return a target whose file, if it has one, is found from any folder."""
    where, _, name = target.rpartition(":")
    return f"{(root / where).resolve()}:{name}" if where.endswith(".py") else target


def task_base(
    target: str, limits: Limits, private: Sequence[Path] = (), root: Path | None = None
) -> dict[str, Any]:
    """Return the part of a task that says which code to run, and what it may read.

    Parameters
    ----------
    target : str
    limits : Limits
    private : sequence of Path
        Files and folders that a method must not read; the folder of a plug-in that holds one of
        them is readable only as far as it is Python code.
    root : Path, optional
        Where relative paths start; by default the working directory.
    """
    root = root or Path.cwd()
    target = absolute_target(target, root)
    folder = plugin_folder(target)
    readable: list[str] = []
    code = [str(root)]
    if folder is not None:
        hides = any(path.resolve().is_relative_to(folder) for path in private)
        (code if hides else readable).append(str(folder))
    return {
        "method": target,
        "seconds": limits.seconds,
        "bytes": limits.bytes,
        "sys_path": [str(folder)] if folder else [str(root)],
        "readable": readable,
        "code": code,
    }
