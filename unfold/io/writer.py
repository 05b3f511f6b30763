"""A store of activations of our own, written as they come: one ``.npy`` a shard, and a list."""

import hashlib
import json
from pathlib import Path
from typing import Any, Self

import numpy as np

from unfold.io.checks import FileError, read_json
from unfold.io.layouts import FORMAT, LIST, VERSION

#: Rows after which a shard is closed, at the next end of a batch.
SHARD_ROWS = 1 << 18
_DTYPES = ("float16", "bfloat16", "float32", "float64")


class ActivationWriter:
    """Write activations to a folder, batch after batch, so that none is lost and none is twice.

    What the list ``activations.json`` names is complete; it is replaced after each shard. A run
    that is killed leaves at most one unfinished shard, which the next one writes anew.

    Parameters
    ----------
    out : str or Path
        Folder, made if need be.
    dtype : str
        "float16", "bfloat16", "float32" or "float64", on disk.
    facts : dict
        What to note of their origin, in JSON; a store that is gone on with must agree.
    resume : bool
        Go on with a store that is there, rather than refuse to overwrite it.
    shard_rows : int
        Rows of a shard, at least.

    Attributes
    ----------
    batches_done : int
        Batches in complete shards.
    """

    def __init__(
        self,
        out: str | Path,
        dtype: str = "float16",
        *,
        facts: dict[str, Any] | None = None,
        resume: bool = False,
        shard_rows: int = SHARD_ROWS,
    ) -> None:
        if dtype not in _DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(_DTYPES)}, got {dtype!r}.")
        self.out = Path(out)
        self.shard_rows = shard_rows
        self._list: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "dtype": dtype,
            "d": None,
            "facts": facts or {},
            "batches": 0,
            "shards": [],
        }
        if (self.out / LIST).exists():
            self._go_on(resume)
        self.out.mkdir(parents=True, exist_ok=True)
        self._pending = 0
        self._rows: list[np.ndarray] = []
        self._tokens: list[np.ndarray] = []

    @property
    def batches_done(self) -> int:
        """Batches in complete shards."""
        return int(self._list["batches"])

    def write(self, X: np.ndarray, tokens: np.ndarray | None = None) -> None:
        """Add the rows of a batch.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        tokens : ndarray of shape (n,), optional

        Raises
        ------
        ValueError
            If there are NaN or infinity, values too large for the type on disk, or rows of
            another length than before.
        """
        dtype = self._list["dtype"]
        if X.ndim != 2 or X.shape[1] != (self._list["d"] or X.shape[1]):
            raise ValueError(
                f"A batch of shape {X.shape}, after rows of {self._list['d']} numbers."
            )
        if not np.isfinite(X).all():
            raise ValueError(f"Batch {self.batches_done + self._pending} has NaN or infinity.")
        stored = _bfloat16(X) if dtype == "bfloat16" else _cast(X, dtype)
        self._list["d"] = int(X.shape[1])
        self._rows.append(stored)
        if tokens is not None:
            self._tokens.append(np.asarray(tokens, np.int64))
        self._pending += 1
        if sum(map(len, self._rows)) >= self.shard_rows:
            self._close_shard()

    def close(self) -> None:
        """Write what is left, and the list."""
        if self._pending:
            self._close_shard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # An interrupted run keeps the batches it has: a resumed one begins after them.
        self.close()

    def _go_on(self, resume: bool) -> None:
        if not resume:
            raise FileExistsError(
                f"{str(self.out)!r} holds activations: give resume=True to go on with them, or "
                f"another folder."
            )
        there = read_json(self.out / LIST)
        for name in ("format", "version", "dtype", "facts"):
            if there.get(name) != self._list[name]:
                raise FileError(
                    f"{str(self.out)!r} has {name} {there.get(name)!r}, this run "
                    f"{self._list[name]!r}: give the same, or another folder."
                )
        self._list = there

    def _close_shard(self) -> None:
        number = len(self._list["shards"])
        rows = int(sum(map(len, self._rows)))
        if rows:
            entry: dict[str, Any] = {"file": f"{number:06d}.npy", "rows": rows}
            entry["sha256"] = self._save(entry["file"], self._rows)
            if self._tokens:
                entry["tokens"] = f"tokens-{number:06d}.npy"
                self._save(entry["tokens"], self._tokens)
            self._list["shards"].append(entry)
        self._list["batches"] += self._pending
        self._pending, self._rows, self._tokens = 0, [], []
        part = self.out / (LIST + ".part")
        part.write_text(json.dumps(self._list, indent=1) + "\n", encoding="utf-8")
        part.replace(self.out / LIST)

    def _save(self, name: str, parts: list[np.ndarray]) -> str:
        """Write arrays as one, without making one of them, and return the digest of the file."""
        shape = (sum(map(len, parts)), *parts[0].shape[1:])
        digest = hashlib.sha256()
        part = self.out / (name + ".part")
        with part.open("wb") as file:
            header = {"descr": parts[0].dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.flush()
            digest.update(part.read_bytes())
            for array in parts:
                data = memoryview(np.ascontiguousarray(array)).cast("B")
                file.write(data)
                digest.update(data)
        part.replace(self.out / name)
        return digest.hexdigest()


def _cast(X: np.ndarray, dtype: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        cast = X.astype(dtype, copy=True)
    if not np.isfinite(cast).all():
        raise ValueError(
            f"Values up to {np.abs(X).max():.3g} do not fit into {dtype}: store them with "
            f"dtype='bfloat16' or dtype='float32'."
        )
    return cast


def _bfloat16(X: np.ndarray) -> np.ndarray:
    """Return the bits of the nearest bfloat16 numbers, ties to even."""
    bits = np.ascontiguousarray(X, np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    if ((rounded & 0x7F80) == 0x7F80).any():
        raise ValueError("Values do not fit into bfloat16: store them with dtype='float32'.")
    return rounded
