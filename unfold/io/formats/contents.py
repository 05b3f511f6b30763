"""What lies in a file or folder of a dictionary: arrays by name, and a configuration."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unfold.io.checks import FileError, existing, listed, read_json
from unfold.io.files import SUFFIXES, read_arrays
from unfold.io.shard import Shard

#: Weights that libraries know by name, in a folder or below it.
WEIGHTS = (
    "sae_weights.safetensors",
    "sae.safetensors",
    "ae.pt",
    "params.npz",
    "params.safetensors",
    "checkpoints/final.safetensors",
    "dictionary.safetensors",
    "model.safetensors",
)
#: Configurations beside them.
CONFIGS = ("cfg.json", "hyperparams.json", "config.json")


@dataclass(frozen=True)
class Contents:
    """Arrays, plain values beside them in the same file, and the configuration in JSON.

    Attributes
    ----------
    path : Path
    arrays : dict of str to Shard
    notes : dict
    config : dict
        Empty where there is none.
    """

    path: Path
    arrays: dict[str, Shard]
    notes: dict[str, Any]
    config: dict[str, Any]

    def has(self, *names: str) -> bool:
        """Tell whether all of these arrays are there."""
        return set(names) <= set(self.arrays)

    def array(self, name: str) -> np.ndarray:
        """Return an array by name, in float32 or float64.

        Raises
        ------
        FileError
            If there is none of that name, or it holds no real numbers.
        """
        return np.array(self._shard(name).array())

    def stored(self, name: str) -> np.ndarray:
        """Return an array by name, integers as integers.

        Raises
        ------
        FileError
            As `array`.
        """
        shard = self._shard(name)
        return np.array(shard.raw if shard.raw.dtype.kind in "iu" else shard.array())

    def _shard(self, name: str) -> Shard:
        if name not in self.arrays:
            raise FileError(f"{self.path.name!r} lacks the array {name!r}: {self.described()}.")
        shard = self.arrays[name]
        if shard.raw.dtype.kind not in "fiu":
            raise FileError(f"{shard.name} holds values of type {shard.raw.dtype}.")
        return shard

    def number(self, name: str, of: Mapping[str, Any], default: Any = None) -> Any:
        """Return a number of a configuration.

        Raises
        ------
        FileError
            If it is no number.
        """
        value = of.get(name, default)
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not plain or not math.isfinite(value):
            raise FileError(f"{name} of {self.path.name!r} is {value!r}, expected a number.")
        return value

    def described(self) -> str:
        """Return the names and shapes that were found, for a message."""
        names = sorted(self.arrays)
        shapes = ", ".join(f"{name!r} {self.arrays[name].shape}" for name in names[:10])
        more = ", ..." if len(names) > 10 else ""
        config = f", configured by {listed(self.config)}" if self.config else ""
        return f"it holds {shapes or 'no arrays'}{more}{config}"


def read_contents(path: str | Path) -> Contents:
    """Return what lies at a path: a file of weights, or the folder around it.

    Raises
    ------
    FileNotFoundError
        If there is nothing.
    FileError
        If it is damaged, or a folder holds no weights or several.
    """
    path = existing(path)
    weights = _weights(path) if path.is_dir() else path
    arrays, notes = read_arrays(weights)
    config: dict[str, Any] = {}
    for place in _configs(path, weights):
        config = read_json(place)
        break
    return Contents(path, arrays, notes, config)


def files_of(path: Path) -> list[Path]:
    """Return what is read of a dictionary at a path: itself, and configurations that go with it."""
    return [path, *_configs(path, path)] if path.is_file() else [path]


def _weights(folder: Path) -> Path:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if len(files) != 1:
        names = sorted(p.name for p in folder.iterdir())
        raise FileError(
            f"{folder.name!r} holds {listed(names)}: expected one file of weights, or one of "
            f"{', '.join(WEIGHTS)}."
        )
    return files[0]


def _configs(path: Path, weights: Path) -> Iterator[Path]:
    """Yield the configurations that go with weights; of a single file, if its name is known."""
    if path.is_file() and not any(Path(name).name == path.name for name in WEIGHTS):
        return
    folders = [weights.parent]
    if weights.parent.name == "checkpoints":
        folders.append(weights.parent.parent)
    for folder in folders:
        for name in CONFIGS:
            if (folder / name).is_file():
                yield folder / name
