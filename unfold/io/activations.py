"""Activations as one matrix, whatever files they lie in: mapped, never concatenated."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from unfold.io.batches import in_order, shuffled
from unfold.io.checks import FileError, existing, read_json, refuse_what_exceeds_memory
from unfold.io.files import read_array
from unfold.io.layouts import LIST, read_folder
from unfold.io.shard import Shard, Stored

#: Rows looked at together when something is asked of all of them.
BLOCK = 1 << 16


class Activations:
    """A matrix (n_samples, d) on disk, as `open_activations` gives it.

    Rows are read when they are asked for: ``X[3]``, ``X[10:20]``, ``X[[7, 1]]``, ``X[mask]``,
    ``X.batches(4096, seed=0)``. ``numpy.asarray(X)``, and with it every estimator's ``fit``, reads
    all of them, without a copy where one file holds them in the precision to compute in.

    Attributes
    ----------
    shape : tuple of int
        (n_samples, d).
    dtype : dtype
        Of what comes out: float64 where it is stored so, else float32.
    stored : str
        Type of number on disk, as in "float16".
    path : Path
    """

    ndim = 2

    def __init__(self, shards: list[Shard], path: Path) -> None:
        self._shards = shards
        self.path = path
        self._starts = np.cumsum([0, *map(len, shards)])
        self.shape = (int(self._starts[-1]), int(shards[0].raw.shape[-1]))
        self.dtype = np.result_type(*(shard.dtype for shard in shards))
        self.stored = "/".join(dict.fromkeys(shard.stored for shard in shards))

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        n, d = self.shape
        return (
            f"Activations(n_samples={n}, d={d}, {self.stored}, shards={len(self._shards)}, "
            f"path={str(self.path)!r})"
        )

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, tuple):
            if len(rows) > 2:
                raise IndexError(f"{len(rows)} indices for a matrix of activations.")
            row, column = (*rows, slice(None))[:2]
            return self[row][..., column]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self.rows(start, max(start, stop))
            return self._take(np.arange(start, stop, step))
        places = np.asarray(rows)
        if places.dtype == bool:
            if places.shape != (len(self),):
                raise IndexError(f"A mask of shape {places.shape} for {len(self)} rows.")
            places = np.flatnonzero(places)
        if places.size == 0:
            return np.empty((*places.shape, self.shape[1]), self.dtype)
        if places.dtype.kind not in "iu":
            raise IndexError(f"Rows are picked by integers, slices or masks, not {rows!r}.")
        if places.min() < -len(self) or places.max() >= len(self):
            raise IndexError(f"Row {places.max()} of {len(self)}.")
        taken = self._take(np.where(places < 0, places + len(self), places).ravel())
        return taken.reshape(*places.shape, self.shape[1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if len(self._shards) == 1:
            X = self._shards[0].rows(0, len(self))
        else:
            size = self.shape[0] * self.shape[1] * self.dtype.itemsize
            remedy = "fit from `batches`, or a part of the rows"
            refuse_what_exceeds_memory(size, repr(self), remedy)
            X = self.rows(0, len(self))
        return X.astype(dtype or self.dtype, copy=bool(copy))

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return the rows from ``start`` to ``stop``."""
        parts = []
        for at, shard in zip(self._starts, self._shards, strict=False):
            first, last = max(start - at, 0), min(stop - at, len(shard))
            if first < last:
                parts.append(shard.rows(int(first), int(last)))
        if len(parts) == 1:
            return parts[0].astype(self.dtype, copy=False)
        return np.concatenate([np.empty((0, self.shape[1]), self.dtype), *parts], dtype=self.dtype)

    def batches(self, size: int, seed: int | None = None) -> Iterator[np.ndarray]:
        """Yield every row once, in batches of ``size`` rows, the last one shorter.

        Parameters
        ----------
        size : int
            Rows of a batch.
        seed : int, optional
            Seeds a random order, the same for the same seed; without one, the order of the
            files. Random batches mix rows from all over the store, while each part of it is read
            from start to end.

        Yields
        ------
        ndarray of shape (size, d)

        Raises
        ------
        ValueError
            If ``size`` is no positive integer.
        """
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"size must be a positive number of rows, got {size!r}.")
        if seed is None:
            return (b.astype(self.dtype, copy=False) for b in in_order(self._shards, int(size)))
        first = self._shards[0]
        kinds = {(shard.raw.dtype, shard.bfloat16) for shard in self._shards}
        if len(kinds) > 1:
            return shuffled(self._shards, int(size), self.shape[1], self.dtype, seed)
        # Rows are moved as they are stored, and converted a batch at a time.
        rows = [Stored(shard) for shard in self._shards]
        batches = shuffled(rows, int(size), self.shape[1], first.raw.dtype, seed)
        return (first.numbers(batch) for batch in batches)

    @property
    def tokens(self) -> np.ndarray | None:
        """The token of each row, (n_samples,), where the store has them."""
        tokens = [shard.tokens for shard in self._shards]
        return None if any(t is None for t in tokens) else np.concatenate(tokens)  # type: ignore[arg-type]

    def verify(self) -> None:
        """Compare the files of a store of our own with the digests in its list.

        Raises
        ------
        FileError
            If a file is not what was written, or the store has no digests.
        """
        if not (self.path / LIST).is_file():
            raise FileError(f"{self.path.name!r} has no {LIST}, and so no digests.")
        for entry in read_json(self.path / LIST)["shards"]:
            with (self.path / entry["file"]).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != entry.get("sha256"):
                raise FileError(f"{entry['file']!r} of {self.path.name!r} has changed on disk.")

    def _take(self, places: np.ndarray) -> np.ndarray:
        taken = np.empty((len(places), self.shape[1]), self.dtype)
        of = np.searchsorted(self._starts, places, side="right") - 1
        for number in np.unique(of):
            mine = of == number
            taken[mine] = self._shards[number].take(places[mine] - self._starts[number])
        return taken


def open_activations(
    path: str | Path, key: str | None = None, *, drop_first: bool = False
) -> Activations:
    """Open activations as one matrix, whatever they are stored as.

    Parameters
    ----------
    path : str or Path
        A file (``.npy``, ``.npz``, ``.safetensors``, ``.pt`` of tensors only, ``.parquet``,
        ``.csv``), or a folder: of such files, all of one kind; of a data set in Arrow format as
        SAELens caches it; of saev 2.1; of llamascopium's chunks; or one that `capture` wrote.
    key : str, optional
        Which array, where a file holds several; which column; of saev, which layer.
    drop_first : bool
        Leave out the first position of every sequence, where the store has sequences.

    Returns
    -------
    Activations
        Sequences and positions become rows.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    FileError
        If it is damaged, holds objects rather than numbers, or nothing that makes a matrix.
    """
    path = existing(path)
    found = read_folder(path, key) if path.is_dir() else [read_array(path, key)]
    shards = [_matrix(shard, drop_first) for shard in found]
    widths = {shard.raw.shape[-1] for shard in shards}
    if len(widths) > 1:
        raise FileError(f"The shards of {path.name!r} have rows of {sorted(widths)} numbers.")
    opened = Activations([shard for shard in shards if len(shard)] or shards[:1], path)
    if len(opened) < 2 or opened.shape[1] < 1:
        raise FileError(f"{path.name!r} has shape {opened.shape}: at least two samples are needed.")
    return opened


def load_activations(path: str | Path, key: str | None = None) -> np.ndarray:
    """Return the activations of a file or folder as an array, mapped where that is possible.

    Parameters
    ----------
    path, key
        As for `open_activations`.

    Returns
    -------
    ndarray of shape (n_samples, d)
        float32 or float64; half precision and integers become float32.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    FileError
        As `open_activations`; or if there is NaN or infinity, or too much for the memory.
    """
    opened = open_activations(path, key)
    bad = rows_not_finite(opened)
    if len(bad):
        raise FileError(
            f"{opened.path.name!r} has NaN or infinity in {len(bad)} of {len(opened)} rows (first: "
            f"row {bad[0]}): drop or repair them."
        )
    return np.asarray(opened)


def rows_not_finite(X: Any, block: int = BLOCK) -> np.ndarray:
    """Return the rows with NaN or infinity, a block at a time, as the rows may be on disk."""
    bad = [
        start + np.flatnonzero(~np.isfinite(X[start : start + block]).all(axis=1))
        for start in range(0, len(X), block)
    ]
    return np.concatenate(bad)


def _matrix(shard: Shard, drop_first: bool) -> Shard:
    if shard.raw.ndim < 2:
        raise FileError(
            f"{shard.name} has shape {shard.raw.shape}, expected a matrix (n_samples, d), one "
            f"activation vector a row, or (sequences, positions, d)."
        )
    return shard.flat(drop_first=drop_first)
