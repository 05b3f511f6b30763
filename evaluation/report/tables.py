"""Tables in CSV, parquet and LaTeX, rounded so that the last bits of a sum never show."""

import io
import re

import pandas as pd

from evaluation.boards.leaderboard import Board
from evaluation.scoring.metrics import METRICS

_CLOCKED = ["median_seconds", "peak_bytes"]
#: Columns of the table for a paper, and their heads.
_PAPER = {
    "rank": "#",
    "method": "method",
    "skill": "skill",
    "skill_low": "2.5 %",
    "skill_high": "97.5 %",
    "f1@0.9": "F1 at .9",
    "worst_cosine": "worst cosine",
    "completeness": "completed",
}
_CELL = ["track", "problem", "seed", "method", "tuning", "family", "status", "reason", "skill"]


def leaderboard_csv(ranked: Board) -> str:
    """Return one row a method and track, best first, controls last."""
    return _csv(ranked.table.drop(columns=_CLOCKED, errors="ignore"))


def leaderboard_tex(ranked: Board) -> str:
    """Return a LaTeX table a track, for a paper: needs the package ``booktabs``."""
    if not len(ranked.table):
        return "% no results\n"
    parts = []
    for track, table in ranked.table.groupby("track", sort=False):
        shown = [column for column in _PAPER if column in table]
        rows = [" & ".join(_tex(table[name].loc[at]) for name in shown) for at in table.index]
        parts.append(
            f"% {_tex(track)}\n\\begin{{tabular}}{{rl{'r' * (len(shown) - 2)}}}\n\\toprule\n"
            + " & ".join(_tex(_PAPER[name]) for name in shown)
            + " \\\\\n\\midrule\n"
            + "".join(f"{row} \\\\\n" for row in rows)
            + "\\bottomrule\n\\end{tabular}\n"
        )
    return "\n".join(parts)


def cells_csv(ranked: Board) -> str:
    """Return one row a cell, with its status and reason."""
    return _csv(_cells(ranked))


def cells_parquet(ranked: Board) -> bytes:
    """Return the rows of `cells_csv` in parquet, numbers as numbers."""
    buffer = io.BytesIO()
    _rounded(_cells(ranked)).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _cells(ranked: Board) -> pd.DataFrame:
    return ranked.cells.reindex(columns=[*_CELL, "tuned", "at_edge", "n_atoms", *METRICS, "key"])


def _tex(value: object) -> str:
    """Return a cell of a LaTeX table: three digits, special characters escaped."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return "--"
    if isinstance(value, float):
        return f"{value:.3f}"
    text = " ".join(str(value).split()).replace("\\", r"\textbackslash ")
    text = re.sub(r"([&%$#_{}])", r"\\\1", text)
    return text.replace("~", r"\textasciitilde{}").replace("^", r"\textasciicircum{}")


def timings_csv(ranked: Board) -> str:
    """Return one row a cell, with what the clock and the memory meter said."""
    measured = ["fit_seconds", "encode_seconds", "search_seconds", "peak_bytes", "n_concurrent"]
    columns = [*_CELL[:4], "status", *measured, "started_at", "key"]
    return _csv(ranked.cells.reindex(columns=columns))


def _csv(table: pd.DataFrame) -> str:
    rounded = _rounded(table)
    return str(rounded.to_csv(index=False, lineterminator="\n", float_format="%.9g"))


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    fractions = [name for name in table.columns if table[name].dtype.kind == "f"]
    rounded = table.assign(**{name: table[name].round(9) for name in fractions})
    if "n_atoms" in rounded:
        rounded["n_atoms"] = rounded["n_atoms"].astype("Int64")
    return rounded
