"""One array of a file, left where it is until rows of it are asked for."""

import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from unfold.io.checks import FileError


@dataclass(frozen=True)
class Shard:
    """An array of real numbers, on disk or in memory; the last axis is the dimension.

    Attributes
    ----------
    raw : ndarray of shape (n, d), (sequences, positions, d) or any other
        As stored: other byte orders, half precision, and bfloat16 as 16-bit integers.
    name : str
        For messages.
    bfloat16 : bool
        Whether ``raw`` holds the bits of bfloat16 numbers.
    tokens : ndarray of shape ``raw.shape[:-1]``, optional
        The token of each row.
    """

    raw: np.ndarray
    name: str
    bfloat16: bool = False
    tokens: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as stored."""
        return self.raw.shape

    @property
    def stored(self) -> str:
        """Type of number as stored."""
        return "bfloat16" if self.bfloat16 else self.raw.dtype.newbyteorder("=").name

    @property
    def dtype(self) -> np.dtype:
        """float64 where float32 would lose digits or range of floating-point data, else float32."""
        wide = self.raw.dtype.kind == "f" and self.raw.dtype.itemsize >= 8
        return np.dtype(np.float64 if wide else np.float32)

    def numbers(self, stored: np.ndarray) -> np.ndarray:
        """Return numbers as stored in the dtype to compute with, copied only where they differ."""
        if self.bfloat16:
            return (stored.astype(np.uint32) << 16).view(np.float32)
        if stored.dtype == np.float16:
            return _from_half(stored)
        return stored.astype(self.dtype, copy=False)

    def array(self) -> np.ndarray:
        """Return all of it: mapped where it is stored as it is computed with."""
        return self.numbers(self.raw)

    def flat(self, *, drop_first: bool = False) -> "Shard":
        """Return the same as rows of d: one a position of each sequence, or without the first.

        Raises
        ------
        FileError
            If there is no sequence axis to drop a position of.
        """
        raw, tokens = self.raw, self.tokens
        if drop_first:
            if raw.ndim < 3:
                raise FileError(
                    f"{self.name} has shape {raw.shape}: without an axis of positions, there is "
                    f"no first position to drop."
                )
            raw = raw[..., 1:, :]
            tokens = None if tokens is None else tokens[..., 1:]
        if raw.ndim > 2 and raw.flags.c_contiguous:
            raw = raw.reshape(-1, raw.shape[-1])
        if tokens is not None:
            tokens = tokens.reshape(-1)
        return Shard(raw, self.name, self.bfloat16, tokens)

    def __len__(self) -> int:
        return int(np.prod(self.raw.shape[:-1]))

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return the rows from ``start`` to ``stop``, each of the length of the last axis."""
        return self.numbers(self.stored_rows(start, stop))

    def stored_rows(self, start: int, stop: int) -> np.ndarray:
        """Return the rows from ``start`` to ``stop`` as they are stored."""
        if self.raw.ndim == 2:
            return self.raw[start:stop]
        return self.raw[np.unravel_index(np.arange(start, stop), self.raw.shape[:-1])]

    def take(self, places: np.ndarray) -> np.ndarray:
        """Return the rows at ``places``."""
        where: Any = places
        if self.raw.ndim > 2:
            where = np.unravel_index(places, self.raw.shape[:-1])
        return self.numbers(self.raw[where])


@dataclass(frozen=True)
class Stored:
    """The rows of a shard as they are stored, to be converted once they are together."""

    shard: Shard

    def __len__(self) -> int:
        return len(self.shard)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return the rows from ``start`` to ``stop``."""
        return self.shard.stored_rows(start, stop)


def _from_half(stored: np.ndarray) -> np.ndarray:
    """Return float16 in float32: by torch where it is loaded, several times as fast as NumPy."""
    torch = sys.modules.get("torch")
    wide = np.empty(stored.shape, np.float32)
    if torch is None or not stored.flags.c_contiguous or not stored.dtype.isnative:
        np.copyto(wide, stored)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of memory maps being read-only; it is only read
            torch.from_numpy(wide).copy_(torch.from_numpy(stored))
    return wide


def checked(shard: Shard) -> Shard:
    """Return a shard of real numbers.

    Raises
    ------
    FileError
        If it holds anything else.
    """
    if shard.raw.dtype.kind not in "fiu":
        raise FileError(f"{shard.name} holds values of type {shard.raw.dtype}, not real numbers.")
    return shard
