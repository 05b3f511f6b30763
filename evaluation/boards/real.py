"""The board of real networks: four scores that are asked for different things, and their mean."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation.real.problem import is_real
from evaluation.real.stability import stability
from evaluation.running.record import Record
from evaluation.scoring.controls import CHANCE, CONTROLS, ORACLE

#: What ranks: how much is explained, what is read off, what is pure, what is found again.
HEADLINES = ("ev@16", "probe@5", "purity", "stability")
SHOWN = (
    "ev_pursuit@16", "probe@1", "probe@16", "purity_label", "likeness", "absorbed", "hedged",
    "nats_saved", "helpful", "usage@0.5", "dead", "l0",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class RealBoard:
    """Methods on real networks.

    Attributes
    ----------
    table : DataFrame
        One row a method, best first, then the two controls: the mean skill of the headline scores,
        those scores, and others beside; means over problems and seeds, failed cells at chance.
    agreement : Mapping of str to float
        Kendall's tau between the orders by ``probe@5`` on two halves of the tasks, and by the
        mean skill of two seeds; NaN where there are fewer than three methods.
    n_problems, n_seeds : int
    gamma : Mapping of str to float
        Of each problem: norm of the mean over norm of the standard deviations.
    """

    table: pd.DataFrame
    agreement: Mapping[str, float]
    n_problems: int
    n_seeds: int
    gamma: Mapping[str, float]


def real_records(records: Iterable[Record]) -> list[Record]:
    """Return the records of problems without a truth."""
    return [record for record in records if is_real(record.problem_spec)]


def real_board(out: str | Path) -> RealBoard:
    """Rank the methods of a results folder on its problems without a truth.

    Skill is 0 at the scores of a random dictionary (for stability, of directions with the
    covariance of the data) and 1 at the best there could be; a failed cell scores 0. Stability
    compares the dictionaries of a method's seeds, each fitted to another half of the texts, and
    counts the share of their codes whose atom helps: what does not do what its code says is not
    found again, whatever its direction.

    Parameters
    ----------
    out : path

    Returns
    -------
    RealBoard

    Raises
    ------
    ValueError
        If there are no such records.
    """
    from evaluation.running.store import load_estimate, load_records

    records = real_records(load_records(Path(out)))
    if not records:
        raise ValueError(f"No results on real networks in {str(out)!r}: run -s real-v1 first.")
    fits: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    helps: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        if record.method not in CONTROLS and record.status == "ok":
            arrays = load_estimate(out, record.key)
            if arrays is not None:
                fits[record.method, record.problem].append(arrays["dictionary"])
                helps[record.method, record.problem].append(record.metrics["helpful"])
    stable = {
        place: stability(found) * float(np.mean(helps[place]))
        for place, found in fits.items()
        if len(found) > 1
    }
    return rank(records, stable)


def rank(records: list[Record], stable: Mapping[tuple[str, str], float]) -> RealBoard:
    """Return the board of records, given the stability of each method on each problem.

    Parameters
    ----------
    records : list of Record
    stable : Mapping of (method, problem) to float
    """
    cells = pd.DataFrame([_row(record, stable) for record in records])
    ends = {
        name: cells[cells["method"] == name].groupby("problem").mean(numeric_only=True)
        for name in CONTROLS
    }
    skills = pd.DataFrame({name: _skill(cells, ends, name) for name in HEADLINES})
    cells["skill"] = skills.mean(axis=1)
    scores = ["skill", *HEADLINES, *SHOWN, "seconds", "memory"]
    table = cells.groupby("method")[scores].mean()
    table["completeness"] = cells["ok"].groupby(cells["method"]).mean()
    for control, end in ((CHANCE, 0.0), (ORACLE, 1.0)):  # by definition, as the ends are means
        table.loc[table.index == control, "skill"] = end
    controls = [name for name in (ORACLE, CHANCE) if name in table.index]
    order = table.drop(index=controls).sort_values("skill", ascending=False, kind="stable").index
    found = cells[~cells["method"].isin(CONTROLS)]
    return RealBoard(
        table.loc[[*order, *controls]].reset_index(),
        {"task halves": _halves(found), "seeds": _seeds(found)},
        cells["problem"].nunique(),
        cells["seed"].nunique(),
        {
            record.problem: record.problem_facts["gamma"]
            for record in records
            if "gamma" in record.problem_facts
        },
    )


def _row(record: Record, stable: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    known = record.metrics if record.status == "ok" else {}
    names = (*HEADLINES, *SHOWN, "probe@5:even", "probe@5:odd")
    row: dict[str, Any] = {name: known.get(name, np.nan) for name in names}
    if record.method not in CONTROLS and record.status == "ok":
        row["stability"] = stable.get((record.method, record.problem), np.nan)
    row |= {"method": record.method, "problem": record.problem, "seed": record.seed}
    memory = (record.peak_bytes or np.nan) / 1e6
    return row | {
        "ok": record.status == "ok",
        "seconds": record.fit_seconds or np.nan,
        "memory": memory,
    }


def _skill(cells: pd.DataFrame, ends: Mapping[str, pd.DataFrame], name: str) -> np.ndarray:
    """Return the skill of each cell; 0 for a failed one, NaN where a score was not to be had."""
    low, high = (
        cells["problem"].map(ends[c][name]).to_numpy(float) if len(ends[c]) else fallback
        for c, fallback in ((CHANCE, 0.0), (ORACLE, 1.0))
    )
    scaled = np.clip((cells[name].to_numpy(float) - low) / (high - low), 0, 1)
    return np.where(cells["ok"], scaled, 0.0)


def _halves(cells: pd.DataFrame) -> float:
    means = cells.groupby("method")[["probe@5:even", "probe@5:odd"]].mean().dropna()
    return _tau(means.to_numpy())


def _seeds(cells: pd.DataFrame) -> float:
    """Return the mean tau over pairs of seeds."""
    from itertools import combinations

    grid = cells.pivot_table(index="method", columns="seed", values="skill").dropna().to_numpy()
    pairs = list(combinations(range(grid.shape[1]), 2))
    return float(np.mean([_tau(grid[:, pair]) for pair in pairs])) if pairs else float("nan")


def _tau(two: np.ndarray) -> float:
    from scipy.stats import kendalltau

    return float(kendalltau(two[:, 0], two[:, 1]).statistic) if len(two) > 2 else float("nan")
