"""Published boards, ranked: what every page is written from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation.boards.leaderboard import Board, TrackBoard, board
from evaluation.boards.real import real_records
from evaluation.report.verdict import verdicts
from evaluation.running.problems import NamedProblem, find_problems
from evaluation.running.record import Record
from evaluation.running.suites import SUITES
from evaluation.scoring.controls import is_control


@dataclass(frozen=True, eq=False)
class Standing:
    """One suite, as published.

    Attributes
    ----------
    suite, about : str
    records : Sequence of Record
    ranked : Board
    verdicts : Mapping of str to str
        By track.
    """

    suite: str
    about: str
    records: Sequence[Record]
    ranked: Board
    verdicts: Mapping[str, str]

    @property
    def tracks(self) -> Mapping[str, TrackBoard]:
        """The ranking of each track; ``blind``, where the number is unknown, comes first."""
        return self.ranked.tracks

    @property
    def lead(self) -> TrackBoard:
        """The track that stands for the board: ``blind`` where there is one."""
        return next(iter(self.tracks.values()))

    @property
    def methods(self) -> list[str]:
        """Every entry of any track, best of the lead first."""
        names = [str(m) for track in self.tracks.values() for m in track.by_problem.index]
        return list(dict.fromkeys(names))

    @property
    def problems(self) -> list[str]:
        """Problems in the order of the suite."""
        found = {str(p) for track in self.tracks.values() for p in track.by_problem.columns}
        wanted = (
            [p.name for p in find_problems(SUITES[self.suite].problems)]
            if self.suite in SUITES
            else []
        )
        return [p for p in wanted if p in found] + sorted(found - set(wanted))


def standings(boards: Mapping[str, Sequence[Record]]) -> list[Standing]:
    """Return the published suites, ranked; the ones with most problems first.

    Results on real networks, whose board needs the dictionaries, are left out.
    """
    found = []
    for name, every in boards.items():
        real = {record.key for record in real_records(every)}
        records = [record for record in every if record.key not in real]
        if not any(not is_control(record.method) for record in records):
            continue
        ranked = board(records)
        about = SUITES[name].about if name in SUITES else ""
        found.append(Standing(name, about, records, ranked, verdicts(ranked)))
    return sorted(found, key=lambda one: (-len(one.problems), one.suite))


def rows(track: TrackBoard) -> list[dict[str, Any]]:
    """Return the table of a track as plain values; None where there is none."""
    table = track.table.astype(object).where(track.table.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def skills(standing: Standing, track: str) -> pd.DataFrame:
    """Return mean skill, methods by problems, NaN where a method has no cell."""
    return standing.tracks[track].by_problem.reindex(columns=standing.problems)


def spec_of(standings: Sequence[Standing], problem: str) -> NamedProblem:
    """Return a problem as its records describe it."""
    for one in standings:
        for record in one.records:
            if record.problem == problem:
                return NamedProblem(problem, record.problem_spec)
    raise LookupError(f"No record of {problem!r}.")


@dataclass(frozen=True)
class Change:
    """A day on which something was added to a board, and who led after it.

    Attributes
    ----------
    date, suite, track : str
    added : tuple of str
    leader : str
    skill : float
    before : str
        Who led until then; empty on the first day.
    skill_before : float
    """

    date: str
    suite: str
    track: str
    added: tuple[str, ...]
    leader: str
    skill: float
    before: str = ""
    skill_before: float = 0.0


def changes(standings: Sequence[Standing]) -> list[Change]:
    """Return the history of records, latest first, by the day a method's last cell was run."""
    found = []
    for one in standings:
        for name, track in one.tracks.items():
            found += _changes(one, name, track)
    return sorted(found, key=lambda c: (c.date, c.suite, c.track), reverse=True)


def _changes(standing: Standing, name: str, track: TrackBoard) -> list[Change]:
    skill = track.by_problem.mean(axis=1)
    days: dict[str, list[str]] = {}
    for method in skill.index:
        own = [r.started_at for r in standing.records if r.method == method and r.track == name]
        days.setdefault(max(own, default="")[:10], []).append(str(method))
    found: list[Change] = []
    leader, best = "", float("-inf")
    for day in sorted(days):
        before, skill_before = leader, best if leader else 0.0
        ahead = str(skill[days[day]].idxmax())
        if skill[ahead] > best:
            leader, best = ahead, float(skill[ahead])
        found.append(
            Change(
                day,
                standing.suite,
                name,
                tuple(sorted(days[day])),
                leader,
                best,
                before,
                skill_before,
            )
        )
    return found
