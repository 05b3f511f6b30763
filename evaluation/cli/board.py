"""The board on a terminal: numbers first, names in what room is left, a legend."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evaluation.cli import display

if TYPE_CHECKING:
    from evaluation.boards.leaderboard import TrackBoard

#: Columns of the board, and what they are called on a terminal, in the README and on the page.
COLUMNS = {
    "rank": "#",
    "method": "method",
    "skill": "skill",
    "interval": "95 %",
    "f1@0.9": "f1@.9",
    "f1@0.99": "f1@.99",
    "worst_cosine": "worst",
    "mcc": "MCC",
    "n_features_error": "count",
    "completeness": "done",
    "median_seconds": "s",
}
LEGEND = (
    "skill: 0 as good as a random dictionary, 1 as the true one; 95 %: where it may be; f1: of "
    "features found, at that cosine; worst: cosine of the worst found feature; MCC: mean cosine, "
    "missing ones 0; count: atoms too many (+) or too few (-), of the features; done: share of "
    "cells that finished; s: median fit. Equal numbers in # cannot be told apart."
)
DASH = "–"


def show_leaderboard(out: Path, metric: str | None = None) -> None:
    """Show the board of a results folder, with what a reader should know below it."""
    from evaluation.boards.leaderboard import read_board
    from evaluation.scoring.metrics import PRIMARY

    show_real(out)
    ranked = read_board(out, metric or PRIMARY)
    for name, track in ranked.tracks.items():
        display.collect("leaderboard", track.table.to_dict("records"))
        rows = board_rows(track)
        numeric = [title for title in COLUMNS.values() if title != "method"]
        display.show_board(f"leaderboard, {name}", rows, numeric)
        display.show_notes(track.notes)
    if ranked.tracks:
        display.show_legend(LEGEND)


def board_rows(track: "TrackBoard") -> list[dict[str, str]]:
    """Return what a terminal shows of a track, as text."""
    from evaluation.boards.names import fold

    table = track.table
    names = table["method"].tolist()
    if max(map(len, names), default=0) > display.room_for_names():
        names = fold(names)
    rows = [
        {title: _cell(row, column) for column, title in COLUMNS.items()}
        for row in table.to_dict("records")
    ]
    return [row | {"method": name} for row, name in zip(rows, names, strict=True)]


def _cell(row: Mapping[Any, Any], column: str) -> str:
    if column == "interval":
        low, high = row.get("skill_low"), row.get("skill_high")
        return "" if pd.isna(low) else f"{low:.2f}–{high:.2f}"
    value = row.get(column)
    if value is None or pd.isna(value):
        return DASH if not row.get("n_ok", 1) and column != "rank" else ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def show_real(out: Path) -> None:
    """Show the board of problems without a truth, where a folder has results of such."""
    from evaluation.boards.real import HEADLINES, real_board, real_records
    from evaluation.running.store import load_records

    if not real_records(load_records(out)):
        return
    columns = ["method", "skill", *HEADLINES, "ev_pursuit@16", "l0", "seconds"]
    table = real_board(out).table[columns]
    display.collect("real", table.to_dict("records"))
    rows = [{c: _cell(row, c) for c in columns} for row in table.to_dict("records")]
    display.show_board("real networks", rows, columns[1:])
