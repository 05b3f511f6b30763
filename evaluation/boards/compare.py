"""Two runs side by side, cell by cell: what improved, what broke, and does it matter."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from evaluation.boards import statistics
from evaluation.boards.table import cell_skill, scale_ends, tidy
from evaluation.running.record import Record
from evaluation.scoring.controls import CONTROLS
from evaluation.scoring.metrics import METRICS, PRIMARY

Verdict = Literal["improved", "same", "worse"]
_PAIR = ["track", "entry", "problem", "seed"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """How methods fare in run B compared with run A, over the cells that both have.

    Attributes
    ----------
    metric : str
    table : DataFrame
        One row a method and track: ``n`` cells, skill in ``a`` and ``b``, ``difference`` with
        ``low`` and ``high``, ``p`` (signed-rank over problems, Holm; NaN below six problems),
        ``broke`` (cells that ended ok in A and did not in B), ``fixed``, and a ``verdict``.
    cells : DataFrame
        One row a cell: skill and status in A and B.
    notes : tuple of str
        What could not be compared, and why.
    """

    metric: str
    table: pd.DataFrame
    cells: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def regressed(self) -> bool:
        """Whether any method is worse: what a continuous-integration job fails on."""
        return bool((self.table["verdict"] == "worse").any())

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if self.table.empty:
            return "The two runs have no cell in common."
        parts = []
        for verdict, words in (("worse", "worse"), ("improved", "improved")):
            names = self.table.loc[self.table["verdict"] == verdict, ["method", "track"]]
            if len(names):
                listed = ", ".join(f"{m} ({t})" for m, t in names.itertuples(index=False))
                parts.append(f"{len(names)} {words}: {listed}")
        if same := int((self.table["verdict"] == "same").sum()):
            parts.append(f"{same} unchanged")
        return "; ".join(parts) + "."


def compare(
    records_a: Iterable[Record],
    records_b: Iterable[Record],
    metric: str = PRIMARY,
    margin: float = statistics.MARGIN,
) -> Comparison:
    """Compare run B with run A, paired by method, track, problem and seed.

    A method is worse when its mean skill fell by more than ``margin`` and the interval of the
    difference lies below zero, or when a cell that ended ok no longer does; improved the other
    way round. Where there are too few cells for an interval the margin alone decides.

    Parameters
    ----------
    records_a, records_b : iterable of Record
        Before and after. Chance and oracle are those of A, for both.
    metric : str
    margin : float
        Differences up to this are no difference.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If the metric is unknown.
    """
    if metric not in METRICS:
        raise ValueError(f"Unknown metric {metric!r}: expected one of {', '.join(METRICS)}.")
    records_a, records_b = list(records_a), list(records_b)
    cells, notes = _paired(records_a, records_b, metric)
    rows = [
        (*part[["track", "entry"]].iloc[0], *_row(part, margin))
        for _, part in cells.groupby(["track", "entry"])
    ]
    columns = [
        "track",
        "method",
        "n",
        "a",
        "b",
        "difference",
        "low",
        "high",
        "p",
        "broke",
        "fixed",
        "verdict",
    ]
    table = pd.DataFrame(rows, columns=columns)
    tested = table["p"].notna()
    table.loc[tested, "p"] = statistics.holm(table.loc[tested, "p"].to_numpy(float))
    return Comparison(metric, table, cells, tuple(notes))


def _paired(
    records_a: list[Record], records_b: list[Record], metric: str
) -> tuple[pd.DataFrame, list[str]]:
    """Return cells of both runs side by side, each with its skill, and what stayed unpaired."""
    notes: list[str] = []
    sides = {}
    ends = None
    for name, records in (("A", records_a), ("B", records_b)):
        side, superseded = tidy(records)
        notes += [f"Run {name}: {note}" for note in superseded]
        if ends is None:
            ends, assumed = scale_ends(side)
            notes += [f"Run {name}: {note}" for note in assumed]
        side["skill"] = cell_skill(side, ends, metric)
        sides[name] = side[~side["method"].isin(CONTROLS)]
    kept = [*_PAIR, "status", "skill", "problem_digest"]
    both = sides["A"][kept].merge(
        sides["B"][kept], on=_PAIR, how="outer", suffixes=("_a", "_b"), indicator=True
    )
    for origin, label in (("left_only", "A"), ("right_only", "B")):
        if alone := int((both["_merge"] == origin).sum()):
            notes.append(f"{alone} cell(s) only in run {label} are not compared.")
    both = both[both["_merge"] == "both"].drop(columns="_merge")
    before, after = both["problem_digest_a"], both["problem_digest_b"]
    changed = (before != after) & (before != "") & (after != "")
    if changed.any():
        names = ", ".join(sorted(set(both.loc[changed, "problem"])))
        notes.append(f"The data of {names} changed between the runs: not compared.")
    both = both[~changed & both["skill_a"].notna() & both["skill_b"].notna()]
    return both.drop(columns=["problem_digest_a", "problem_digest_b"]).reset_index(drop=True), notes


def _row(cells: pd.DataFrame, margin: float) -> tuple[Any, ...]:
    """Return what is said of one method: from ``n`` to ``verdict``."""
    problem = cells["problem"].to_numpy()
    weights = statistics.cell_weights(problem)
    a, b = (float(cells[f"skill_{side}"] @ weights) for side in "ab")
    difference = (cells["skill_b"] - cells["skill_a"]).to_numpy(float)
    mean, low, high, p = float(difference @ weights), np.nan, np.nan, np.nan
    by_problem = pd.Series(difference).groupby(problem).mean().to_numpy(copy=True)
    if len(by_problem) > 1 or len(difference) > 2:
        samples = statistics.bootstrap_weights(problem) @ difference
        tail = 100 * (1 - statistics.LEVEL) / 2
        low, high = (float(v) for v in np.percentile(samples, [tail, 100 - tail]))
    if len(by_problem) >= statistics.MIN_PROBLEMS:
        by_problem[np.abs(by_problem) <= margin] = 0
        p = statistics.signed_rank_p(by_problem)
    ok_a, ok_b = (cells[f"status_{side}"] == "ok" for side in "ab")
    broke, fixed = int((ok_a & ~ok_b).sum()), int((~ok_a & ok_b).sum())
    verdict: Verdict = "same"
    if broke or (mean < -margin and not high >= 0):
        verdict = "worse"
    elif fixed or (mean > margin and not low <= 0):
        verdict = "improved"
    return len(cells), a, b, mean, low, high, p, broke, fixed, verdict
