"""The leaderboard as Markdown that GitHub shows as meant, whatever methods are called."""

import re
from typing import Any

import pandas as pd

from evaluation.boards.compare import Comparison
from evaluation.boards.leaderboard import Board, TrackBoard
from evaluation.report.verdict import failures, verdicts
from evaluation.scoring.metrics import METRICS

_LONGEST = 60
_MB, _GB = 1e6, 1e9
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~@&$])")
_TITLES = [
    "#",
    "method",
    "skill",
    "95% interval",
    "f1@0.9",
    "f1@0.99",
    "worst cosine",
    "MCC",
    "count error",
    "code F1",
    "complete",
    "median time",
    "peak memory",
]

_SHOWN = ("f1@0.9", "f1@0.99", "worst_cosine", "mcc", "n_features_error", "code_f1")


def render(ranked: Board, comparison: Comparison | None = None) -> str:
    """Return the boards of all tracks, a verdict above each and caveats below."""
    parts = ["# Leaderboard", f"{failures(ranked)} Ranked by skill in {ranked.metric}."]
    for name, sentence in verdicts(ranked).items():
        track = ranked.tracks[name]
        parts += [f"## {escape(name.capitalize())} track", escape(sentence), _table(track)]
        parts += ["\n".join(f"- {escape(note)}" for note in track.notes)] if track.notes else []
    if ranked.notes:
        parts.append("\n".join(f"- {escape(note)}" for note in ranked.notes))
    if comparison is not None:
        parts += ["## Against the baseline", escape(comparison.sentence), _changes(comparison)]
    parts.append(
        f"Skill is 0 for a random dictionary and 1 for the true one. {escape(ranked.metric)}: "
        f"{escape(METRICS[ranked.metric].definition)} An equals sign marks methods that cannot be "
        f"told from the one above. Failed cells count as chance."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Return text that Markdown and HTML leave alone, on one line and of bounded length."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _SPECIAL.sub(r"\\\1", flat)


def _name(text: str) -> str:
    flat = " ".join(text.split())
    return escape(flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…")


def _table(track: TrackBoard) -> str:
    rows, seen = [], set()
    for row in track.table.to_dict("records"):
        ranked = pd.notna(row["rank"])
        tied = ranked and row["tie_group"] in seen
        seen.add(row["tie_group"])
        if not row["n_ok"]:
            dashes = ["–"] * (len(_TITLES) - 2)
            dashes[-3] = f"0/{row['n_cells']}"
            rows.append(["", _name(row["method"]), *dashes])
            continue
        rows.append(
            [
                f"{'=' if tied else ''}{row['rank']}" if ranked else "",
                _name(row["method"]) if ranked else f"*{escape(row['method'])}*",
                _number(row["skill"]),
                f"{_number(row['skill_low'])} to {_number(row['skill_high'])}"
                if pd.notna(row["skill_low"])
                else "",
                *(_number(row[name]) for name in _SHOWN),
                f"{row['n_ok']}/{row['n_cells']}",
                seconds(row["median_seconds"]),
                size(row["peak_bytes"]),
            ]
        )
    return _grid(_TITLES, rows, left={1})


def _changes(comparison: Comparison) -> str:
    titles = ["method", "track", "cells", "before", "after", "difference", "verdict"]
    rows = [
        [
            _name(row["method"]),
            escape(row["track"]),
            str(row["n"]),
            _number(row["a"]),
            _number(row["b"]),
            f"{row['difference']:+.3f}",
            row["verdict"],
        ]
        for row in comparison.table.to_dict("records")
    ]
    return _grid(titles, rows, left={0, 1, 6})


def _grid(titles: list[str], rows: list[list[str]], left: set[int]) -> str:
    rule = [":--" if i in left else "--:" for i in range(len(titles))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [titles, rule, *rows])


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3f}"


def seconds(value: Any) -> str:
    """Return a duration as people say it."""
    if pd.isna(value):
        return ""
    if value < 120:
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def size(value: Any) -> str:
    """Return an amount of memory as people say it."""
    if pd.isna(value):
        return ""
    return f"{value / _MB:.0f} MB" if value < _GB else f"{value / _GB:.1f} GB"
