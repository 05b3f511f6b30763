"""CSV tables: numbers rounded so that the last bits of a sum never show."""

import pandas as pd

from evaluation.boards.leaderboard import Board
from evaluation.scoring.metrics import METRICS

_CLOCKED = ["median_seconds", "peak_bytes"]
_CELL = ["track", "problem", "seed", "method", "tuning", "family", "status", "reason", "skill"]


def leaderboard_csv(ranked: Board) -> str:
    """Return one row a method and track, best first, controls last."""
    return _csv(ranked.table.drop(columns=_CLOCKED, errors="ignore"))


def cells_csv(ranked: Board) -> str:
    """Return one row a cell, with its status and reason."""
    return _csv(ranked.cells.reindex(columns=[*_CELL, "n_atoms", *METRICS, "key"]))


def timings_csv(ranked: Board) -> str:
    """Return one row a cell, with what the clock and the memory meter said."""
    measured = ["fit_seconds", "encode_seconds", "peak_bytes", "n_concurrent", "started_at"]
    return _csv(ranked.cells.reindex(columns=[*_CELL[:4], "status", *measured, "key"]))


def _csv(table: pd.DataFrame) -> str:
    fractions = [name for name in table.columns if table[name].dtype.kind == "f"]
    rounded = table.assign(**{name: table[name].round(9) for name in fractions})
    if "n_atoms" in rounded:
        rounded["n_atoms"] = rounded["n_atoms"].astype("Int64")
    return str(rounded.to_csv(index=False, lineterminator="\n", float_format="%.9g"))
