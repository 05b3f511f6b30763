"""Records as a table: one row a cell, with the two ends of its scale and its skill."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from evaluation.running.record import Record
from evaluation.scoring.controls import CHANCE, CONTROLS
from evaluation.scoring.metrics import METRICS, PRIMARY
from evaluation.scoring.score import skill

_FIELDS = (
    "track",
    "problem",
    "seed",
    "method",
    "tuning",
    "family",
    "status",
    "reason",
    "key",
    "n_atoms",
    "fit_seconds",
    "encode_seconds",
    "peak_bytes",
    "n_concurrent",
    "command",
    "started_at",
    "problem_digest",
)


_SEARCH = ("tuned", "at_edge", "search_seconds")


def tidy(records: Iterable[Record]) -> tuple[pd.DataFrame, list[str]]:
    """Return one row a cell, in an order of its own, and notes on what was superseded.

    Where one method has several records of a cell (other limits, an older version of its
    source), the latest counts.
    """
    rows = [_row(record) for record in records]
    if not rows:
        columns = [*_FIELDS, *_SEARCH, *METRICS, "entry"]
        return pd.DataFrame(columns=columns), ["There are no records: run something first."]
    cells = pd.DataFrame(rows)
    tuned = cells["tuning"] == "tuned"
    cells["entry"] = cells["method"].where(~tuned, cells["method"] + " (tuned)")
    identity = ["track", "entry", "problem", "seed"]
    cells = cells.sort_values([*identity, "started_at", "key"], kind="stable")
    latest = cells.drop_duplicates(identity, keep="last").reset_index(drop=True)
    dropped = len(cells) - len(latest)
    notes = [f"{dropped} older record(s) of cells run more than once are left out."]
    return latest, notes if dropped else []


def _row(record: Record) -> dict[str, Any]:
    row = {name: getattr(record, name) for name in _FIELDS}
    scores = record.metrics if record.status == "ok" else {}
    row |= {
        "tuned": spelled(record.search.get("chosen", {})),
        "at_edge": ", ".join(at_edge(record.search)),
        "search_seconds": record.search.get("seconds", np.nan),
    }
    return row | {name: scores.get(name, np.nan) for name in METRICS}


def spelled(params: Mapping[str, Any]) -> str:
    """Return parameters as a selector has them."""
    return ", ".join(f"{name}={value}" for name, value in sorted(params.items()))


def at_edge(search: Mapping[str, Any]) -> list[str]:
    """Return the parameters of which the least or greatest of several numbers was chosen.

    A better value may lie beyond it; of fewer than three numbers, every one is an edge.
    """
    found = []
    for name, value in search.get("chosen", {}).items():
        tried = {trial["params"].get(name) for trial in search.get("trials", ())}
        numbers = sorted(n for n in tried if isinstance(n, int | float) and n is not True)
        if len(numbers) == len(tried) > 2 and value in (numbers[0], numbers[-1]):
            found.append(name)
    return found


def scale_ends(cells: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return chance and oracle of every metric by (track, problem), from the control rows.

    They are means over seeds. A track without controls of a problem borrows the other track's,
    and a problem without any falls back to the metric's declared values.
    """
    names = list(METRICS)
    problems = cells[["track", "problem"]].drop_duplicates().set_index(["track", "problem"])
    parts, missing = {}, set()
    for control in CONTROLS:
        rows = cells[cells["method"] == control]
        own = rows.groupby(["track", "problem"])[names].mean().reindex(problems.index)
        any_track = rows.groupby("problem")[names].mean()
        borrowed = any_track.reindex(problems.index.get_level_values("problem"))
        borrowed.index = problems.index
        found = own.fillna(borrowed)
        missing |= set(found.index[found[PRIMARY].isna()].get_level_values("problem"))
        declared = {n: m.chance if control == CHANCE else m.best for n, m in METRICS.items()}
        parts[control] = found.fillna(declared)
    note = (
        f"No control rows for {', '.join(sorted(missing))}: chance and oracle of the reference "
        f"world stand in."
    )
    return pd.concat(parts, axis=1), [note] if missing else []


def cell_skill(cells: pd.DataFrame, ends: pd.DataFrame, metric: str) -> np.ndarray:
    """Return the skill of each cell; 0 where it failed, NaN where chance equals the oracle."""
    if cells.empty:
        return np.zeros(0)
    where = pd.MultiIndex.from_frame(cells[["track", "problem"]])
    chance, oracle = (ends[(control, metric)].reindex(where).to_numpy() for control in CONTROLS)
    scored = skill(METRICS[metric], cells[metric].to_numpy(float), chance, oracle)
    telling = ~np.isnan(skill(METRICS[metric], oracle, chance, oracle))
    return np.where(telling, np.nan_to_num(scored), np.nan)
