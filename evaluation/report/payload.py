"""What the page computes with: cells in columns, the ends of every scale, the boards as ranked."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from evaluation.boards import statistics
from evaluation.boards.leaderboard import Board, TrackBoard
from evaluation.boards.names import fold
from evaluation.report.verdict import verdicts
from evaluation.running.record import Record
from evaluation.scoring.controls import CHANCE, CONTROLS, ORACLE
from evaluation.scoring.metrics import METRICS

AXES = ("density", "n_features", "d", "noise", "n_samples")
_ROW = (
    "rank",
    "rank_low",
    "rank_high",
    "tie_group",
    "skill",
    "skill_low",
    "skill_high",
    "completeness",
    "n_ok",
    "n_cells",
    "median_seconds",
    "peak_bytes",
    "worst_ever",
    "mean_rank",
)


def payload(ranked: Board, records: Iterable[Record]) -> dict[str, Any]:
    """Return the data of the page, as JSON can hold it."""
    cells = ranked.cells
    entries = sorted(set(cells["entry"]) - set(CONTROLS)) + list(CONTROLS)
    problems = sorted(set(cells["problem"]))
    family = cells.groupby("entry")["family"].first().to_dict()
    records = list(records)
    facts = _facts(records)
    # named by the path of a file: of whoever looks, not of the catalogue
    plugins = {r.method for r in records if r.method_path.rpartition(":")[0].endswith(".py")}
    own = set(cells.loc[cells["method"].isin(plugins), "entry"])
    return {
        "metric": ranked.metric,
        "margin": statistics.MARGIN,
        "metrics": [
            {
                "name": m.name,
                "best": m.best,
                "higher": m.higher_is_better,
                "kind": m.kind,
                "about": m.definition,
            }
            for m in METRICS.values()
        ],
        "methods": [
            {
                "name": e,
                "short": short,
                "own": e in own,
                "family": "control" if e in CONTROLS else family.get(e) or "other",
                "control": e in CONTROLS,
            }
            for e, short in zip(entries, fold(entries), strict=True)
        ],
        "problems": [{"name": p, **facts.get(p, {})} for p in problems],
        "statuses": sorted(set(cells["status"])),
        "cell_tracks": sorted(set(cells["track"])),
        "cells": _columns(cells, entries, problems),
        "ends": _ends(ranked, problems),
        "tracks": [
            _track(track, sentence, entries)
            for track, sentence in zip(
                ranked.tracks.values(), verdicts(ranked).values(), strict=True
            )
        ],
    }


def _facts(records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """Return the difficulty of each problem, averaged over its seeds."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record.problem_facts:
            rows.setdefault(record.problem, []).append(dict(record.problem_facts))
    facts: dict[str, dict[str, Any]] = {}
    for problem, seen in rows.items():
        values: dict[str, Any] = {"family": str(seen[0].get("family") or problem.split("-")[0])}
        for axis in AXES:
            numbers = [f[axis] for f in seen if isinstance(f.get(axis), (int, float))]
            values[axis] = rounded(sum(sorted(numbers)) / len(numbers)) if numbers else None
        facts[problem] = values
    return facts


def _columns(
    cells: pd.DataFrame, entries: Sequence[str], problems: Sequence[str]
) -> dict[str, Any]:
    tracks, statuses = sorted(set(cells["track"])), sorted(set(cells["status"]))
    coded = {"track": tracks, "entry": entries, "problem": problems, "status": statuses}
    columns: dict[str, Any] = {
        name: cells[name].map({v: i for i, v in enumerate(values)}).tolist()
        for name, values in coded.items()
    }
    columns["seed"] = cells["seed"].tolist()
    for name in ("fit_seconds", "peak_bytes"):
        columns[name] = [rounded(v, 4) for v in cells[name]]
    columns["metrics"] = {name: [rounded(v) for v in cells[name]] for name in METRICS}
    return columns


def _ends(ranked: Board, problems: Sequence[str]) -> list[dict[str, Any]]:
    """Return, for each track in order, metric -> [[chance, oracle] of each problem]."""
    found = []
    for track in sorted(set(ranked.cells["track"])):
        ends = {control: ranked.ends[control].loc[track].reindex(problems) for control in CONTROLS}
        found.append(
            {
                name: [
                    [rounded(c), rounded(o)]
                    for c, o in zip(ends[CHANCE][name], ends[ORACLE][name], strict=True)
                ]
                for name in METRICS
            }
        )
    return found


def _track(track: TrackBoard, sentence: str, entries: Sequence[str]) -> dict[str, Any]:
    index = {entry: i for i, entry in enumerate(entries)}
    rows = [
        {"entry": index[row["method"]]} | {name: rounded(row[name], 9) for name in _ROW}
        for row in track.table.to_dict("records")
    ]
    return {
        "name": track.track,
        "verdict": sentence,
        "notes": list(track.notes),
        "rows": rows,
        "cliques": track.cliques,
        "comparable": track.by_problem.shape[1] >= statistics.MIN_PROBLEMS,
        "tested": track.p_values is not None,
        "detectable": rounded(track.detectable),
    }


def rounded(value: Any, digits: int = 6) -> Any:
    """Return a number to so many significant digits; None for what is none."""
    if value is None or pd.isna(value) or math.isinf(value):
        return None
    number = float(f"{float(value):.{digits}g}")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
