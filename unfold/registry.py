"""Names of methods to classes.

Built-in methods and plug-ins come through the same door, the entry-point group
``unfold.methods``; a class needs no registration to be used as ``file.py:Class`` or
``pkg.mod:Class``. Listing names imports none of the methods.
"""

import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import sys
import traceback
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unfold.methods.base import MethodCard

GROUP = "unfold.methods"

#: Names that methods had in the release before, and what they are called now. No second entry
#: points: lists, globs and boards would show a method twice.
RENAMED = {
    "rays": "one-sparse",
    "events": "mean-shift",
    "fans-meet": "subspace-intersection",
    "k-means": "spherical-k-means",
}


#: Folders of the plug-in files that were loaded.
_FOLDERS: set[Path] = set()


@dataclass(frozen=True)
class MethodInfo:
    """A registered name, and what is known about it.

    Attributes
    ----------
    name : str
    target : str
        "pkg.mod:Class".
    distribution : str
        The installed package that claims the name.
    card : MethodCard or None
        What the class says of itself; None for foreign estimators and broken plug-ins.
    summary : str
        First line of the class's docstring.
    reason : str
        Why the method cannot be used; empty where it can.
    """

    name: str
    target: str
    distribution: str
    card: "MethodCard | None" = None
    summary: str = ""
    reason: str = ""


def list_methods() -> list[str]:
    """Return the names of all registered methods, sorted, without importing any.

    Returns
    -------
    list of str
    """
    return sorted(_claims())


def describe_methods() -> list[MethodInfo]:
    """Return every registered method with its card, or with the reason why it cannot load.

    Returns
    -------
    list of MethodInfo
        In the order of `list_methods`; a broken plug-in is an entry, not an exception.
    """
    return [_describe(name, claims) for name, claims in sorted(_claims().items())]


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return "did you mean ...?" with the names most like ``name``, else ``otherwise``."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else otherwise


def current_name(name: str) -> str:
    """Return what a registered method is called now, parameters in brackets kept.

    Parameters
    ----------
    name : str
        As in "rays" or "k-means[max_iter=5]".

    Returns
    -------
    str
        "one-sparse", "spherical-k-means[max_iter=5]"; any other name as it is.
    """
    base, bracket, rest = name.partition("[")
    return RENAMED.get(base, base) + bracket + rest


def get_method(spec: str) -> type:
    """Return the class that a name or path stands for.

    Parameters
    ----------
    spec : str
        A registered name ("pca"), a file and class ("my_method.py:MyMethod"), or a module and
        class ("sklearn.decomposition:FastICA"). Any scikit-learn-compatible class will do.

    Returns
    -------
    type
        A class whose instances have ``fit``.

    Raises
    ------
    ValueError
        If the name is unknown (the message suggests near ones), is claimed by two installed
        distributions, or the file, module or class does not exist.
    TypeError
        If what was found is not a class with a ``fit`` method.
    ImportError
        If a registered method or a file fails to import; the message says where.
    """
    if ":" in spec:
        return _checked(_from_path(spec), spec)
    claims = _claims()
    if spec in RENAMED and spec not in claims:
        warnings.warn(
            f"Method {spec!r} is now {RENAMED[spec]!r}; the old name goes with the next release.",
            FutureWarning,
            stacklevel=2,
        )
        spec = RENAMED[spec]
    if spec not in claims:
        hint = did_you_mean(spec, claims, f"known: {sorted(claims)}.")
        raise ValueError(
            f"Unknown method {spec!r}: {hint} A class of your own is 'file.py:Class' or "
            f"'pkg.mod:Class'."
        )
    _refuse_clash(spec, claims[spec])
    point = claims[spec][0]
    try:
        found = point.load()
    except Exception as error:
        raise ImportError(
            f"Method {spec!r} ({point.value} of {_owner(point)}) does not load: "
            f"{type(error).__name__}: {error}. Names are read from the installed distribution: "
            f"after an update, install it again."
        ) from error
    return _checked(found, spec)


def _claims() -> dict[str, list[EntryPoint]]:
    """Return every name with the entry points that claim it, one a distribution."""
    claims: dict[str, dict[str, EntryPoint]] = defaultdict(dict)
    for point in entry_points(group=GROUP):
        claims[point.name].setdefault(_owner(point), point)
    return {name: list(owners.values()) for name, owners in claims.items()}


def _owner(point: EntryPoint) -> str:
    return point.dist.name.lower().replace("_", "-") if point.dist else "an unnamed distribution"


def _refuse_clash(name: str, claims: list[EntryPoint]) -> None:
    if len(claims) > 1:
        owners = " and ".join(f"{_owner(point)} ({point.value})" for point in claims)
        raise ValueError(
            f"Method name {name!r} is claimed by {owners}: uninstall one of them, or use the "
            f"class by its path, 'pkg.mod:Class'."
        )


def _describe(name: str, claims: list[EntryPoint]) -> MethodInfo:
    owners = ", ".join(_owner(point) for point in claims)
    try:
        found = get_method(name)
    except Exception as error:
        return MethodInfo(name, claims[0].value, owners, reason=str(error))
    summary = (found.__doc__ or "").strip().split("\n")[0]
    return MethodInfo(name, claims[0].value, owners, getattr(found, "card", None), summary)


def _from_path(spec: str) -> Any:
    where, _, name = spec.rpartition(":")
    module = _load_file(Path(where)) if where.endswith(".py") else _import(where, spec)
    if not hasattr(module, name):
        raise ValueError(f"{where} has no {name!r}. {did_you_mean(name, dir(module))}".rstrip())
    return getattr(module, name)


def _import(module: str, spec: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module + ".").startswith(error.name + "."):
            raise
        raise ValueError(
            f"No module {error.name!r} for method {spec!r}: expected 'pkg.mod:Class' of an "
            f"installed package, or 'file.py:Class'."
        ) from error


def _load_file(path: Path) -> Any:
    if not path.is_file():
        raise ValueError(
            f"No file {str(path)!r}: expected 'file.py:Class' with a file that exists."
        )
    path = path.resolve()
    # A name of its own keeps two files that are both called method.py apart.
    name = f"unfold_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    location = importlib.util.spec_from_file_location(name, path)
    assert location is not None and location.loader is not None
    module = importlib.util.module_from_spec(location)
    sys.modules[name] = module
    try:
        with _importable(path.parent):
            location.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        raise ImportError(
            f"{path.name} cannot be loaded: {type(error).__name__}: {error}{_place(error)}"
        ) from error
    return module


def _place(error: Exception) -> str:
    """Return where a file failed, of the innermost frame; a syntax error says so itself."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    if isinstance(error, SyntaxError) or not frames[1:]:
        return ""
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a plug-in import what lies beside it: first while it is loaded, last from then on.

    Last, so that a file of its folder stands in for no library that others import later.
    """
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        elsewhere = origin is not None and Path(origin).parent in _FOLDERS - {folder}
        if elsewhere and (folder / f"{name}.py").is_file():
            del sys.modules[name]  # a helper of another plug-in, of the same name
    _FOLDERS.add(folder)
    sys.path[:] = [str(folder), *(place for place in sys.path if place != str(folder))]
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.path.append(str(folder))


def _checked(found: Any, spec: str) -> type:
    if not isinstance(found, type) or not callable(getattr(found, "fit", None)):
        raise TypeError(
            f"{spec!r} is {found!r}: expected a class with fit(X), as scikit-learn's estimators."
        )
    return found
