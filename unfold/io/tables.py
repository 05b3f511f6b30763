"""Tables of numbers: parquet, CSV, and the Arrow streams of Hugging Face datasets."""

from pathlib import Path
from typing import Any

import numpy as np

from unfold.io.checks import FileError, one_line, refuse_what_exceeds_memory
from unfold.io.shard import Shard

#: Bytes of memory a byte of CSV may take: two characters ("1,") become eight bytes.
CSV_GROWTH = 4


def read_parquet(path: Path) -> dict[str, Shard]:
    """Return the numbers of a table, a row a sample: its columns of lists, or all numeric ones.

    Raises
    ------
    FileError
        If a column holds no numbers, or the table does not fit into memory.
    """
    import pyarrow.parquet as parquet

    facts = parquet.ParquetFile(path).metadata
    size = sum(facts.row_group(g).total_byte_size for g in range(facts.num_row_groups))
    # A column of constants packs to next to nothing: rows count at full width, too.
    size = max(size, 8 * facts.num_rows * facts.num_columns)
    refuse_what_exceeds_memory(size, repr(path.name), "split it into several files")
    table = parquet.ParquetFile(path).read()
    lists = [name for name in table.column_names if _is_list(table.schema.field(name).type)]
    if lists:
        return {name: _list_column(table, name, path) for name in lists}
    columns = [table.column(name).to_numpy() for name in table.column_names]
    text = [
        n for n, c in zip(table.column_names, columns, strict=True) if c.dtype.kind not in "fiu"
    ]
    if text:
        raise FileError(f"{path.name!r} has columns that hold no numbers: {text[:8]!r}.")
    return {"": Shard(np.column_stack(columns), repr(path.name))}


def read_csv(path: Path) -> dict[str, Shard]:
    """Return the numbers of a comma-separated table, with or without a first line of names.

    Raises
    ------
    FileError
        If there is anything but numbers, or too much of them for the memory.
    """
    import pandas as pd

    refuse_what_exceeds_memory(
        CSV_GROWTH * path.stat().st_size, repr(path.name), "save it as .npy, read in parts"
    )
    with path.open(encoding="utf-8") as file:
        first = file.readline(2**20).strip().split(",")
    try:
        header = None if all(_is_number(cell) for cell in first) else 0
        frame = pd.read_csv(path, header=header)
        return {"": Shard(frame.to_numpy(np.float64), repr(path.name))}
    except (ValueError, TypeError) as error:
        raise FileError(f"{path.name!r} is no table of numbers ({one_line(error)}).") from error


def read_arrow_stream(path: Path, key: str | None) -> Shard:
    """Return a column of matrices (sequences, positions, d) of a shard, mapped, with its tokens.

    Raises
    ------
    FileError
        If there is no such column, or there are several and no ``key``.
    """
    import pyarrow as pa

    table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    nested = [f.name for f in table.schema if _is_list(f.type) and _is_list(f.type.value_type)]
    name = key or (nested[0] if len(nested) == 1 else "")
    if name not in nested:
        raise FileError(
            f"{path.name!r} has matrices in columns {nested[:8]!r}, not {name!r}: name one as key."
        )
    column = _whole(table.column(name))
    rows, width = column.flatten(), column.flatten().flatten()
    if not len(column) or not len(rows) or len(rows) % len(column) or len(width) % len(rows):
        raise FileError(f"{path.name!r}[{name!r}] holds no matrices of one shape.")
    raw = width.to_numpy(zero_copy_only=False).reshape(len(column), -1, len(width) // len(rows))
    tokens = None
    if "token_ids" in table.column_names:
        ids = _whole(table.column("token_ids")).flatten().to_numpy(zero_copy_only=False)
        if ids.size == raw.shape[0] * raw.shape[1]:
            tokens = ids.reshape(raw.shape[:2])
    return Shard(raw, f"{path.name!r}[{name!r}]", tokens=tokens)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return (
        pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind)
    )


def _whole(column: Any) -> Any:
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _list_column(table: Any, name: str, path: Path) -> Shard:
    column = _whole(table.column(name))
    flat = column.flatten()
    while _is_list(flat.type):
        flat = flat.flatten()
    if not len(column) or len(flat) % len(column):
        raise FileError(f"{path.name!r}[{name!r}] holds lists of different lengths.")
    return Shard(flat.to_numpy(zero_copy_only=False).reshape(len(column), -1), repr(path.name))
