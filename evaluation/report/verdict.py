"""The outcome in a sentence that claims no more than the statistics do."""

import pandas as pd

from evaluation.boards.leaderboard import Board, TrackBoard
from evaluation.boards.statistics import MARGIN
from evaluation.scoring.controls import CONTROLS


def verdicts(ranked: Board) -> dict[str, str]:
    """Return a sentence for each track."""
    return {name: _verdict(track) for name, track in ranked.tracks.items()}


def methods_of(track: TrackBoard) -> pd.DataFrame:
    """Return the rows of a track's table without the controls."""
    return track.table[track.table["rank"].notna()].reset_index(drop=True)


def failures(ranked: Board) -> str:
    """Return how many cells failed, in a sentence."""
    cells = ranked.cells[~ranked.cells["method"].isin(CONTROLS)]
    failed = int((~cells["status"].isin(["ok", "skipped"])).sum())
    if not failed:
        return f"All {len(cells):,} cells finished." if len(cells) else "Nothing was run."
    return f"{failed:,} of {len(cells):,} cells failed; they count as chance."


def _verdict(track: TrackBoard) -> str:
    methods = methods_of(track)
    n = track.by_problem.shape[1]
    where = f"on {n} problem{'' if n == 1 else 's'}"
    if methods.empty or not n:
        return "No method can be ranked."
    lead = methods.iloc[0]
    if not methods["skill"].any():
        return f"No method does better than chance {where}."
    best = f"{lead['skill']:.2f}"
    tied = methods.loc[methods["tie_group"] == 1, "method"].tolist()
    if len(methods) == 1:
        return f"{tied[0]} is alone, with a mean skill of {best} {where}."
    if lead[["skill_low"]].isna().all():
        level = f", level with {join(tied[1:])}" if len(tied) > 1 else ""
        return (
            f"{lead['method']} has the greatest mean skill, {best}{level}; "
            f"there are too few data to say more."
        )
    if len(tied) == len(methods):
        return f"No method can be told from the leader, {tied[0]}, {where}; its skill is {best}."
    interval = f"{lead['skill_low']:.2f} to {lead['skill_high']:.2f}"
    if len(tied) > 1:
        skills = methods.loc[methods["tie_group"] == 1, "skill"]
        if skills.max() - skills.min() <= MARGIN:
            return f"{join(tied)} are tied for first {where}, with a mean skill of {best} at best."
        others = [f"{name} ({skill:.2f})" for name, skill in zip(tied[1:], skills[1:], strict=True)]
        return (
            f"{lead['method']} has the greatest mean skill {where}, {best} ({interval}); "
            f"{join(others)} cannot be told apart from it: resampled over problems and seeds, the "
            f"difference may be nothing."
        )
    return (
        f"{lead['method']} leads {where} with a mean skill of {best} ({interval}); "
        f"no other method is tied with it."
    )


def join(names: list[str], most: int = 4) -> str:
    """Return names as English lists them; the last ones counted where there are many."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
