"""The small language of selections, the same on the command line and in TOML files.

``name``, ``file.py:Class`` or ``pkg.mod:Class``, then optional parameters in brackets:
``ksvd[n_nonzero_coefs=4]``. A file or folder of a dictionary (``sae.safetensors``, ``./sae/``) is
a method, too. A list is a grid, and several lists are their product:
``ksvd[n_nonzero_coefs=[2,4],max_iter=[50,100]]`` is four methods. A list as a value is a list in
a list. Values are Python literals; a bare word is a string. ``mine=`` before any of it is what the
method is called in tables: ``mine=file.py:Class[alpha=0.1]``.
"""

import ast
import fnmatch
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unfold.io.files import SUFFIXES
from unfold.registry import current_name

#: The method that a file or folder of a dictionary stands for.
DICTIONARY = "fixed-dictionary"

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BYTES |= {f"{unit}i": 1024**power for power, unit in enumerate("kmgt", 1)}
_WORDS = {"none": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True)
class MethodChoice:
    """A method and the parameters asked for.

    Attributes
    ----------
    path : str
        Registered name, ``file.py:Class`` or ``pkg.mod:Class``.
    params : Mapping
        Constructor parameters that were spelled out.
    label : str
        What to call it, where that was said, or two methods would be called the same.
    """

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def name(self) -> str:
        """What the method is called in tables: without folders, parameters in order."""
        if self.label:
            return self.label
        if self.file is not None:
            rest = {k: v for k, v in self.params.items() if k != "path"}
            return str(Path(*self.file.parts[-2:])) + MethodChoice("", rest)._brackets()
        where, colon, klass = self.path.rpartition(":")
        short = f"{Path(where).name}:{klass}" if colon and where.endswith(".py") else self.path
        return short + self._brackets()

    @property
    def file(self) -> Path | None:
        """The file or folder of a dictionary that is used as a method."""
        path = self.params.get("path")
        return Path(path) if self.path == DICTIONARY and isinstance(path, str) else None

    @property
    def selector(self) -> str:
        """The text that selects this method again."""
        return self.path + self._brackets()

    def _brackets(self) -> str:
        if not self.params:
            return ""
        return "[" + ",".join(f"{k}={_spell(v)}" for k, v in sorted(self.params.items())) + "]"


def _spell(value: Any) -> str:
    if isinstance(value, list):
        return f"[{value!r}]"
    word = isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", value)
    return value if word and value.lower() not in _WORDS else repr(value)


def parse_methods(texts: Iterable[str], known: Iterable[str] = ()) -> list[MethodChoice]:
    """Return the methods that selectors stand for, each once, in the order given.

    Parameters
    ----------
    texts : iterable of str
    known : iterable of str
        Registered names, for globs such as "sae-*".

    Raises
    ------
    ValueError
        If brackets do not match, an entry is no ``name=value``, or a glob matches nothing.
    """
    found: dict[str, MethodChoice] = {}
    for text in texts:
        label, path, params = _split_selector(text)
        grids = [(name, v if isinstance(v, list) else [v]) for name, v in params.items()]
        if _is_dictionary(path):
            path, params = DICTIONARY, {"path": str(Path(path).resolve()), **params}
            grids.insert(0, ("path", [params["path"]]))
        paths = [current_name(path)]
        if ":" not in path and set(path) & set("*?"):
            paths = fnmatch.filter(sorted(known), path)
            if not paths:
                raise ValueError(f"No method matches {path!r}; `unfold list methods` names all.")
        for path, values in itertools.product(paths, itertools.product(*(v for _, v in grids))):
            names = [name for name, _ in grids]
            choice = MethodChoice(path, dict(zip(names, values, strict=True)))
            if label:  # of a grid, with what differs in it
                differs = {n: choice.params[n] for n, many in grids if len(many) > 1}
                choice = replace(choice, label=label + MethodChoice("", differs)._brackets())
            found[choice.selector] = choice
    return _told_apart(list(found.values()))


def _told_apart(choices: list[MethodChoice]) -> list[MethodChoice]:
    """Name files that are called the same by as many of their folders as tell them apart."""
    places: dict[str, set[Path]] = {}
    for choice in choices:
        places.setdefault(choice.name, set()).add(Path(choice.path.rpartition(":")[0]).resolve())
    return [
        choice if choice.label or len(places[choice.name]) == 1
        else replace(choice, label=_with_folders(choice, places[choice.name]))
        for choice in choices
    ]  # fmt: skip


def _with_folders(choice: MethodChoice, places: set[Path]) -> str:
    where, _, klass = choice.path.rpartition(":")
    parts = Path(where).resolve().parts
    depth = next(
        n for n in range(2, len(parts) + 1) if len({p.parts[-n:] for p in places}) == len(places)
    )
    return f"{Path(*parts[-depth:])}:{klass}{choice._brackets()}"


def _is_dictionary(path: str) -> bool:
    """Tell whether a selector is the file or folder of a dictionary, and no name of a method."""
    where = Path(path)
    named = where.suffix.lower() in SUFFIXES
    return ":" not in path and (where.is_file() if named else "/" in path and where.is_dir())


def _split_selector(text: str) -> tuple[str, str, dict[str, Any]]:
    text = text.strip()
    label = ""
    if named := re.match(r"([\w.-]+)=(?=[^=])", text):
        label, text = named[1], text[named.end() :].strip()
    if not text.endswith("]"):
        if "[" in text or not text:
            raise ValueError(f"Cannot read {text!r}: expected 'name' or 'name[param=value,...]'.")
        return label, text, {}
    path, bracket, body = text[:-1].partition("[")
    if not path or not bracket:
        raise ValueError(f"Cannot read {text!r}: expected 'name[param=value,...]'.")
    params: dict[str, Any] = {}
    for part in split_commas(body, text):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name.isidentifier():
            raise ValueError(
                f"Cannot read {part.strip()!r} in {text!r}: expected 'param=value', or a grid, "
                f"'param=[a,b]'; parameters are separated by commas."
            )
        if name in params:
            raise ValueError(f"{name!r} is given twice in {text!r}; a grid is '{name}=[a,b]'.")
        params[name] = _value(value, text)
    return label, path, params


def split_commas(body: str, text: str) -> list[str]:
    """Split at commas outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for char in body:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[({":
            depth += 1
        elif char in "])}":
            depth -= 1
        if char == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += char
        if depth < 0:
            break
    if depth or quote:
        raise ValueError(f"Brackets or quotes do not match in {text!r}.")
    return [part for part in parts if part.strip()]


def _value(text: str, whole: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text.startswith("[") and text.endswith("]"):
        return [_value(part.strip(), whole) for part in split_commas(text[1:-1], whole)]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        if re.fullmatch(r"[\w./+-]+", text):
            return text
        raise ValueError(f"Cannot read the value {text!r} in {whole!r}.") from None


def parse_seeds(text: str | int | Iterable[int]) -> tuple[int, ...]:
    """Return seeds from "0:5" (0 to 4), "3", "0,2,7", an integer or a list.

    Raises
    ------
    ValueError
        If there are none, or one is negative.
    """
    if isinstance(text, int):
        text = str(text)
    if not isinstance(text, str):
        seeds = tuple(int(seed) for seed in text)
    else:
        seeds = ()
        for part in text.split(","):
            match = re.fullmatch(r"\s*(\d+)(?::(\d+))?\s*", part)
            if not match:
                raise ValueError(f"Cannot read seeds {text!r}: expected '0:5', '3' or '0,2,7'.")
            first = int(match[1])
            seeds += tuple(range(first, int(match[2]))) if match[2] else (first,)
    if not seeds or min(seeds) < 0:
        raise ValueError(f"Seeds {text!r} hold no seed of 0 or more; '0:5' is 0, 1, 2, 3, 4.")
    return tuple(dict.fromkeys(seeds))


@dataclass(frozen=True)
class Shard:
    """A part of a run's cells, by their keys: the same on every machine, whoever asks.

    Attributes
    ----------
    index, of : int
        Part ``index`` of ``of``, counted from 1.
    """

    index: int = 1
    of: int = 1

    def takes(self, key: str) -> bool:
        """Tell whether a cell falls to this part."""
        return int(key, 16) % self.of == self.index - 1


#: All cells.
WHOLE = Shard()


def parse_shard(text: str) -> Shard:
    """Return the shard that "2/8" means: the second of eight.

    Raises
    ------
    ValueError
        If there is no such part.
    """
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"Cannot read the shard {text!r}: expected '1/8' to '8/8' for eight.")
    return Shard(int(match[1]), int(match[2]))


def parse_duration(text: str | float) -> float:
    """Return seconds from "90", "90s", "10m", "1.5h".

    Raises
    ------
    ValueError
        If the text is no duration above 0.
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(ms|s|m|h|d)?\s*", str(text))
    seconds = float(match[1]) * _SECONDS[match[2] or "s"] if match else 0.0
    if seconds <= 0:
        raise ValueError(f"Cannot read the duration {text!r}: expected e.g. '90s', '10m', '2h'.")
    return seconds


def parse_size(text: str | int) -> int:
    """Return bytes from "4GB", "500MB", "2GiB" or a number.

    Raises
    ------
    ValueError
        If the text is no size above 0.
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([kmgt]?i?)b?\s*", str(text).lower())
    size = int(float(match[1]) * _BYTES.get(match[2], 0)) if match else 0
    if size <= 0:
        raise ValueError(f"Cannot read the size {text!r}: expected e.g. '4GB', '500MB', '2GiB'.")
    return size
