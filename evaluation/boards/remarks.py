"""What a reader of a board should know: what was left out, imputed, tuned, or is too little."""

from collections import Counter

import pandas as pd

from evaluation.boards import statistics

#: Cells at once, as a multiple of what others ran with, from which times do not compare.
UNEVEN = 1.5


def idle(cells: pd.DataFrame) -> list[str]:
    """Name methods that were skipped on every problem, and say why."""
    return [f"Not ranked: {text}." for text in _with_reasons(cells)]


def failed(cells: pd.DataFrame) -> list[str]:
    """Name methods of which no cell finished, with their commonest reason."""
    return [f"Failed everywhere, and not ranked: {text}." for text in _with_reasons(cells)]


def _with_reasons(cells: pd.DataFrame) -> list[str]:
    found = []
    for entry, own in cells.groupby("entry", sort=True):
        reasons = Counter(str(r).rstrip(".") for r in own["reason"] if isinstance(r, str) and r)
        why = f" ({reasons.most_common(1)[0][0]})" if reasons else ""
        found.append(f"{entry}{why}")
    return found


def never_run(cells: pd.DataFrame) -> list[str]:
    """Say which methods have no record where others have one."""
    missing = cells[cells["status"] == "missing"].groupby("entry").size()
    total = cells.groupby("entry").size().to_dict()
    parts = [f"{entry} ({n} of {total[entry]})" for entry, n in missing.items()]
    if not parts:
        return []
    return [
        f"Never run, and counted as chance: cells of {', '.join(parts)}. Run them into the same "
        f"folder, or each set of problems into a folder of its own."
    ]


def tuned(cells: pd.DataFrame) -> list[str]:
    """Say what tuning chose, what the search took, and where the choice is an edge of the grid."""
    if "tuned" not in cells:
        return []
    notes = []
    for entry, own in cells[cells["tuned"].fillna("") != ""].groupby("entry", sort=True):
        chosen = Counter(own["tuned"]).most_common()
        told = f"{entry}: " + "; ".join(f"{text} in {n} of {len(own)}" for text, n in chosen[:3])
        if len(chosen) > 3:
            told += f"; {len(chosen) - 3} other choices"
        edges = Counter(name for text in own["at_edge"] for name in text.split(", ") if name)
        for name, n in edges.most_common():
            told += f"; {name} is at the edge of what was tried in {n}: widen its values"
        notes.append(f"{told}.")
    return notes


def uneven_load(cells: pd.DataFrame) -> list[str]:
    """Say whose times were taken among more cells at once than the others'."""
    done = cells[(cells["status"] == "ok") & cells["fit_seconds"].notna()]
    load = done.groupby("entry")["n_concurrent"].median()
    if len(load) < 2 or load.max() < UNEVEN * load.min():
        return []
    busy = sorted(load.index[load >= UNEVEN * load.min()])
    return [
        f"Times are not comparable: {', '.join(busy)} ran with up to {load.max():g} cells at once, "
        f"others with {load.min():g}. Run both with the same --jobs to compare times."
    ]


def caveats(n_seeds: pd.Series, n_methods: int) -> list[str]:
    """Say what so many problems, seeds and methods do not support."""
    problems = len(n_seeds)
    notes = []
    if problems == 1:
        notes.append(
            "One problem: intervals hold for new seeds of it, and say nothing of other problems."
            if n_seeds.iloc[0] > 2
            else "One problem and fewer than three seeds: no intervals; ties are by margin alone."
        )
    elif problems < statistics.MIN_PROBLEMS:
        notes.append(f"{problems} problems: intervals are rough, and likely too narrow.")
    needed = statistics.problems_needed(n_methods)
    if n_methods > 1 and problems < needed:
        notes.append(
            f"No significance tests: for {n_methods} methods they need {needed} problems before "
            f"any difference can reach 5%, and there are {problems}."
        )
    if problems > 1 and n_seeds.max() == 1:
        notes.append("One seed a problem: the luck of a seed is not told from skill.")
    return notes
