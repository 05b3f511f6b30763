"""From records to a ranking: a pure function, blind to the order of its input."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.boards import remarks, statistics
from evaluation.boards.table import cell_skill, scale_ends, tidy
from evaluation.running.record import Record
from evaluation.scoring.controls import CHANCE, CONTROLS, ORACLE
from evaluation.scoring.metrics import METRICS, PRIMARY

#: Raw metrics that a board shows beside the skill.
SHOWN = (
    "f1@0.9",
    "recall@0.9",
    "precision@0.9",
    "f1@0.99",
    "worst_cosine",
    "n_features_error",
    "mmcs",
    "mcc",
    "code_f1",
    "code_f1_equal_l0",
    "code_r2",
    "l0_ratio",
    "shrinkage",
    "explained_variance",
    "unfold_fidelity",
    "unseen_bound",
    "certificate_holds",
)


@dataclass(frozen=True, eq=False)
class TrackBoard:
    """The ranking of one track.

    Attributes
    ----------
    track : str
    table : DataFrame
        One row a method, best first, then the two controls.
    by_problem : DataFrame of shape (n_methods, n_problems)
        Mean skill over seeds; failed and missing cells count 0.
    p_values : DataFrame of shape (n_methods, n_methods) or None
        Pairwise signed-rank tests with Holm's correction; None where refused.
    mean_rank : ndarray of shape (n_methods,)
    cliques : list of tuple of int
        Runs of methods, as rows of ``table``, that no test tells apart.
    detectable : float
        Smallest difference in mean skill that data like these would show; NaN if unknown.
    notes : tuple of str
        What was refused, imputed or left out, and why.
    """

    track: str
    table: pd.DataFrame
    by_problem: pd.DataFrame
    p_values: pd.DataFrame | None
    mean_rank: np.ndarray
    cliques: list[tuple[int, ...]]
    detectable: float
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Board:
    """The rankings of all tracks by one metric.

    Attributes
    ----------
    metric : str
    tracks : Mapping of str to TrackBoard
    cells : DataFrame
        One row a cell, controls included, with its skill.
    ends : DataFrame
        Chance and oracle of every metric, by track and problem.
    notes : tuple of str
    """

    metric: str
    tracks: Mapping[str, TrackBoard]
    cells: pd.DataFrame
    ends: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """All tracks in one table, one row a method and track."""
        tables = [track.table for track in self.tracks.values()]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def leaderboard(out: str | Path, metric: str = PRIMARY) -> pd.DataFrame:
    """Rank the methods in a folder of results.

    Parameters
    ----------
    out : path
        Folder that a run wrote.
    metric : str
        What to rank by.

    Returns
    -------
    DataFrame
        One row a method and track, best first, as in ``leaderboard.csv``. Problems without a
        truth have a board of their own, `evaluation.boards.real.real_board`.
    """
    return read_board(out, metric).table


def read_board(out: str | Path, metric: str = PRIMARY) -> Board:
    """Return the board of a folder of results, as `board` does of records.

    Problems without a truth are left out.
    """
    from evaluation.boards.real import real_records
    from evaluation.running.store import load_records

    records = load_records(Path(out))
    real = {record.key for record in real_records(records)}
    return board([record for record in records if record.key not in real], metric)


def board(records: Iterable[Record], metric: str = PRIMARY) -> Board:
    """Rank methods by their mean skill over problems.

    Skill is 0 at the chance level of a problem and 1 at its oracle; cells that failed, or are
    missing where another method has one, count 0, the least there is: no failure helps. A method
    of which no cell finished is named, without rank and numbers.

    Parameters
    ----------
    records : iterable of Record
    metric : str

    Returns
    -------
    Board

    Raises
    ------
    ValueError
        If the metric is unknown.
    """
    if metric not in METRICS:
        raise ValueError(f"Unknown metric {metric!r}: expected one of {', '.join(METRICS)}.")
    cells, notes = tidy(records)
    ends, assumed = scale_ends(cells)
    notes += assumed
    cells["skill"] = cell_skill(cells, ends, metric)
    tracks = {
        str(track): _rank(str(track), part, ends, metric)
        for track, part in cells[~cells["method"].isin(CONTROLS)].groupby("track", sort=True)
    }
    controls = cells[cells["method"].isin(CONTROLS)]
    for name, ranked in list(tracks.items()):
        own = controls[controls["track"] == name]
        tracks[name] = _with_controls(ranked, own, ends)
    return Board(metric, tracks, cells, ends, tuple(notes))


def _rank(track: str, cells: pd.DataFrame, ends: pd.DataFrame, metric: str) -> TrackBoard:
    """Rank the methods of one track."""
    notes = []
    took_part = set(cells.loc[cells["status"] != "skipped", "entry"])
    notes += remarks.idle(cells[~cells["entry"].isin(took_part)])
    cells = _completed(cells[cells["entry"].isin(took_part)])
    finished = set(cells.loc[cells["status"] == "ok", "entry"])
    failed = cells[~cells["entry"].isin(finished)]
    notes += [*remarks.failed(failed), *remarks.never_run(cells), *remarks.tuned(cells)]
    cells = cells[cells["entry"].isin(finished)]
    dull = sorted(cells.loc[cells["skill"].isna() & (cells["status"] == "ok"), "problem"].unique())
    if dull:
        notes.append(
            f"{metric} cannot tell chance from oracle on {', '.join(dull)}: not counted there."
        )
    notes += remarks.uneven_load(cells)
    counted = cells[~cells["problem"].isin(dull)]
    grid = counted.pivot(index="entry", columns=["problem", "seed"], values="skill")
    grid = grid.reindex(sorted(cells["entry"].unique())).sort_index(axis=1).fillna(0)
    means = _means(grid)
    # Rounding here keeps the order of equals free of the noise of summation.
    order = np.lexsort([grid.index.to_numpy(str), -means.round(9)])
    ranked = _compare(track, grid.iloc[order], _summary(cells, ends), notes)
    return _with_failed(ranked, failed)


def _completed(cells: pd.DataFrame) -> pd.DataFrame:
    """Add a row of status "missing" for each cell that only other methods have."""
    index = ["entry", "problem", "seed"]
    entries = sorted(set(cells["entry"]))
    units = cells[index[1:]].drop_duplicates().itertuples(index=False, name=None)
    every = [(entry, *unit) for unit in units for entry in entries]
    full = cells.set_index(index).reindex(pd.MultiIndex.from_tuples(every, names=index))
    full["track"] = cells["track"].iloc[0] if len(cells) else ""
    full["status"] = full["status"].fillna("missing")
    return full.reset_index()


def _means(grid: pd.DataFrame) -> np.ndarray:
    problem = grid.columns.get_level_values("problem").to_numpy()
    if not grid.size:
        return np.zeros(len(grid))
    return np.asarray(grid.to_numpy(float) @ statistics.cell_weights(problem))


def _compare(track: str, grid: pd.DataFrame, summary: pd.DataFrame, notes: list[str]) -> TrackBoard:
    """Put numbers on what the spread of ``grid`` (methods by cells, best first) supports."""
    problem = grid.columns.get_level_values("problem").to_numpy()
    n_seeds = pd.Series(problem).value_counts()
    means, detectable = _means(grid), float("nan")
    if len(n_seeds) > 1 or (len(n_seeds) == 1 and n_seeds.iloc[0] > 2):
        samples = statistics.bootstrap_weights(problem) @ grid.to_numpy(float).T
        found = statistics.spread(means, samples)
        detectable = statistics.detectable_difference(samples)
    else:
        found = statistics.margin_only(means)
    by_problem = grid.T.groupby(level="problem").mean().T
    mean_rank = statistics.mean_ranks(by_problem.to_numpy()) if grid.size else np.ones(len(grid))
    p_values, bars = None, []
    if len(grid) > 1 and len(n_seeds) >= statistics.problems_needed(len(grid)):
        p = statistics.pairwise_p(by_problem.to_numpy())
        p_values = pd.DataFrame(p, index=grid.index, columns=grid.index)
        bars = statistics.cliques(mean_rank, p)
    summary = summary.reindex(grid.index).reset_index(drop=True)
    front = {
        "track": track,
        "rank": statistics.ranks(means),
        "rank_low": found.rank_low,
        "rank_high": found.rank_high,
        "tie_group": found.group,
        "method": grid.index,
        "family": summary.pop("family"),
        "skill": means,
        "skill_low": found.low,
        "skill_high": found.high,
        "mean_rank": mean_rank,
    }
    table = pd.concat([pd.DataFrame(front), summary], axis=1)
    notes = [*notes, *remarks.caveats(n_seeds, len(grid))]
    return TrackBoard(track, table, by_problem, p_values, mean_rank, bars, detectable, tuple(notes))


def _summary(cells: pd.DataFrame, ends: pd.DataFrame) -> pd.DataFrame:
    """Return completeness, raw metrics (failed cells at chance) and costs of each entry."""
    ok = cells["status"] == "ok"
    where = pd.MultiIndex.from_frame(cells[["track", "problem"]])
    chance = ends[CHANCE].reindex(where).set_index(cells.index)
    scores = cells[list(SHOWN)].where(ok, chance[list(SHOWN)], axis=0)
    keys = [cells["entry"], cells["problem"]]
    table = pd.DataFrame({"family": cells.groupby("entry")["family"].first()})
    table["completeness"] = ok.groupby(cells["entry"]).mean()
    table["n_ok"] = ok.groupby(cells["entry"]).sum()
    table["n_cells"] = ok.groupby(cells["entry"]).size()
    table = table.join(scores.groupby(keys).mean().groupby("entry").mean())
    table["worst_ever"] = scores["worst_cosine"].groupby(cells["entry"]).min()
    done = cells[ok].groupby("entry")
    table["median_seconds"] = done["fit_seconds"].median()
    table["peak_bytes"] = done["peak_bytes"].max()
    return table


def _with_failed(ranked: TrackBoard, cells: pd.DataFrame) -> TrackBoard:
    """Append the methods of which no cell finished: no rank, and none of chance's numbers."""
    if cells.empty:
        return ranked
    groups = cells.groupby("entry")
    counts = {"n_ok": 0, "n_cells": groups.size(), "completeness": 0.0}
    rows = pd.DataFrame({"family": groups["family"].first(), **counts})
    return _append(ranked, rows.reset_index(names="method"))


def _with_controls(ranked: TrackBoard, controls: pd.DataFrame, ends: pd.DataFrame) -> TrackBoard:
    """Append the control rows: skill 0 and 1 by definition, and no rank."""
    if controls.empty:
        return ranked
    rows = _summary(controls, ends).sort_index(ascending=False).reset_index(names="method")
    rows["family"] = "control"
    rows["skill"] = (rows["method"] == ORACLE).astype(float)
    return _append(ranked, rows)


def _append(ranked: TrackBoard, rows: pd.DataFrame) -> TrackBoard:
    rows = rows.assign(track=ranked.track).reindex(columns=ranked.table.columns)
    whole = ["rank", "rank_low", "rank_high", "tie_group", "n_ok", "n_cells"]
    kinds = {n: "Int64" if k.kind == "i" else k for n, k in ranked.table.dtypes.items()}
    kinds |= dict.fromkeys(whole, "Int64")
    parts = [part.astype(kinds) for part in (ranked.table, rows)]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return replace(ranked, table=table)
