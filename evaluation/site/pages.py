"""What each page says, as plain values for its template."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from evaluation.boards.statistics import LEVEL
from evaluation.publishing.frontier import FRONTIER
from evaluation.running.record import Record
from evaluation.scoring.metrics import METRICS
from evaluation.site.standings import Standing, rows, skills
from unfold.registry import MethodInfo, describe_methods, get_method

#: Rows of "where it wins" and "where it fails".
MOST_ROWS = 6
#: A cell of a heat map is written in light ink from here on.
STRONG = 0.62
#: Skills are shown to three digits: below half of the last nobody is ahead.
HALF_A_DIGIT = 5e-4


def heat(standing: Standing, track: str) -> dict[str, Any]:
    """Return the skills of all methods on all problems, and how each cell is coloured."""
    table = skills(standing, track)
    return {
        "problems": list(table.columns),
        "rows": [
            {
                "method": str(method),
                "cells": [
                    None if pd.isna(v) else {"value": float(v), "strong": v > STRONG}
                    for v in values
                ],
            }
            for method, values in zip(table.index, table.to_numpy(float), strict=True)
        ],
        "best": [None if table[p].isna().all() else float(table[p].max()) for p in table.columns],
    }


def told_apart(standing: Standing, track: str) -> str:
    """Say how many pairs of methods the tests tell apart, and at which difference they would."""
    found = standing.tracks[track]
    if found.p_values is None:
        return ""
    p = found.p_values.to_numpy()
    n = len(p)
    pairs = n * (n - 1) // 2
    apart = int(sum(p[i, j] < 1 - LEVEL for i in range(n) for j in range(i)))
    told = (
        f"Signed-rank tests with Holm's correction tell {apart} of {pairs} pairs apart at "
        f"{100 * (1 - LEVEL):.0f} %."
    )
    if found.detectable == found.detectable:
        told += f" Differences in mean skill from about {found.detectable:.2f} on would show."
    return told


def method_page(name: str, standings: Sequence[Standing]) -> dict[str, Any]:
    """Return all that a method's page says."""
    return {
        "name": name,
        **_card(name),
        "places": [place for one in standings for place in _places(name, one)],
        "source": _source(name, standings),
    }


def _card(name: str) -> dict[str, Any]:
    """Return what a class says of itself; little for one that is not installed here."""
    base = name.partition("[")[0].removesuffix(" (tuned)")
    try:
        method = get_method(base)
    except (ValueError, ImportError, TypeError):
        return {"summary": "", "card": {}, "parameters": [], "installed": False}
    card = getattr(method, "card", None)
    return {
        "summary": (inspect.getdoc(method) or "").partition("\n")[0],
        "card": asdict(card) if card is not None else {},
        "parameters": _parameters(method),
        "installed": True,
        "where": f"{method.__module__}:{method.__qualname__}",
    }


def _parameters(method: type) -> list[tuple[str, str]]:
    """Return the parameters of a constructor with their defaults."""
    signature = inspect.signature(method)
    return [
        (p.name, "" if p.default is inspect.Parameter.empty else repr(p.default))
        for p in signature.parameters.values()
    ]


@dataclass(frozen=True)
class _Point:
    """The skill of a method on a problem, beside the best there."""

    problem: str
    skill: float
    best: float

    @property
    def leads(self) -> bool:
        """Whether nobody is ahead by more than a board's three digits show."""
        return self.skill > 0 and self.skill >= self.best - HALF_A_DIGIT


def _places(name: str, standing: Standing) -> list[dict[str, Any]]:
    """Return how a method does on a board, a track at a time: rank, cost, where it wins."""
    found = []
    for track, ranking in standing.tracks.items():
        row = next((r for r in rows(ranking) if r["method"] == name), None)
        if row is None:
            continue
        table = skills(standing, track)
        best = [float(value) for value in table.max()]
        points = [
            _Point(str(problem), float(value), top)
            for problem, value, top in zip(table.columns, table.loc[name], best, strict=True)
            if not pd.isna(value)
        ]
        points.sort(key=lambda point: -point.skill)
        half = min(MOST_ROWS, (len(points) + 1) // 2)
        found.append(
            {
                "suite": standing.suite,
                "track": track,
                "row": row,
                "n": len(table.index),
                "wins": points[:half],
                "fails": points[::-1][: min(half, len(points) - half)],
                "n_led": sum(point.leads for point in points),
                "n_problems": len(points),
            }
        )
    return found


def _source(name: str, standings: Sequence[Standing]) -> dict[str, str]:
    """Return which code the published records of a method were made with."""
    records = [r for one in standings for r in one.records if r.method == name]
    if not records:
        return {}
    last = max(records, key=lambda r: (r.started_at, r.key))
    cpu = str(last.environment.get("cpu", ""))
    return {"run on": last.started_at[:10], "processor": cpu, "cells": str(len(records))}


def problem_page(name: str, standings: Sequence[Standing]) -> dict[str, Any]:
    """Return all that a problem's page says, but for its pictures."""
    record = _record_of(name, standings)
    solved = []
    for one in standings:
        for track in one.tracks:
            table = skills(one, track)
            if name in table and table[name].notna().any():
                column = table[name].dropna().sort_values(ascending=False, kind="stable")
                entries = [(str(m), float(v)) for m, v in column.items()]
                solved.append({"suite": one.suite, "track": track, "entries": entries})
    return {
        "name": name,
        "about": str(record.problem_spec.get("about", "")),
        "facts": {k: v for k, v in record.problem_facts.items() if k != "family"},
        "spec": record.problem_spec,
        "frontier": FRONTIER.get(name),
        "solved": solved,
    }


def _record_of(name: str, standings: Sequence[Standing]) -> Record:
    return next(r for one in standings for r in one.records if r.problem == name)


def metric_page(name: str, standings: Sequence[Standing]) -> dict[str, Any]:
    """Return all that a metric's page says."""
    boards = []
    for one in standings:
        for track, ranking in one.tracks.items():
            if name not in ranking.table:
                continue
            entries = [
                (r["method"], r[name], r["rank"] is None)
                for r in rows(ranking)
                if r[name] is not None
            ]
            sign = METRICS[name]
            entries.sort(key=lambda e: -float(sign.goodness(e[1])))
            boards.append({"suite": one.suite, "track": track, "entries": entries})
    return {"metric": METRICS[name], "boards": boards}


def installed() -> Mapping[str, MethodInfo]:
    """Return the registered methods by name."""
    return {info.name: info for info in describe_methods()}
