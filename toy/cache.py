"""On-disk cache of what was costly to make: safetensors beside JSON, checked when read."""

import hashlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as decode
from safetensors.numpy import save as encode

FORMAT = "unfold-toy/1"


def cache_directory() -> Path:
    """Return where toys are cached: ``$UNFOLD_CACHE``, else the platform's cache directory."""
    if given := os.environ.get("UNFOLD_CACHE"):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "unfold"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "unfold" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unfold"


@cache
def code_version() -> str:
    """Return a fingerprint of this package's sources: what other code made is made again."""
    sha = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):  # with its folder: two files may share a name
        sha.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return sha.hexdigest()[:16]


def digest(tensors: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 over names, types, shapes and bytes of tensors."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        sha.update(f"{name}:{tensor.dtype.str}:{tensor.shape};".encode())
        sha.update(tensor.data)
    return sha.hexdigest()


def store(key: str, tensors: Mapping[str, np.ndarray], spec: Mapping[str, Any]) -> None:
    """Write tensors and the spec they came from; a full or read-only disk only costs a warning."""
    card = {"format": FORMAT, "key": key, "digest": digest(tensors), "spec": spec}
    try:
        directory = cache_directory()
        directory.mkdir(parents=True, exist_ok=True)
        contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        _write(directory / f"{key}.safetensors", encode(contiguous))
        _write(directory / f"{key}.json", json.dumps(card, indent=1).encode())
    except OSError as error:
        warnings.warn(f"Toy not cached: {error}. Set UNFOLD_CACHE.", stacklevel=2)


def fetch(key: str) -> dict[str, np.ndarray] | None:
    """Return the tensors stored under a key, or None, with a warning if they are damaged."""
    directory = cache_directory()
    try:
        card = json.loads((directory / f"{key}.json").read_bytes())
        tensors = decode((directory / f"{key}.safetensors").read_bytes())
        if not isinstance(card, dict) or card.get("format") != FORMAT or card.get("key") != key:
            raise ValueError("it was not written by this program")
        if card.get("digest") != digest(tensors):
            raise ValueError("its digest does not match its contents")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, SafetensorError) as error:
        warnings.warn(
            f"Cached toy {directory / key} cannot be used ({error}); making it again.",
            stacklevel=2,
        )
        return None
    return tensors


def _write(path: Path, data: bytes) -> None:
    """Write a file all at once: a reader sees the old file or the new one, never half of one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".tmp-", delete=False) as file:
        try:
            file.write(data)
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
