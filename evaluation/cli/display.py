"""What the command line shows: progress, tables, notes. No numbers are made here."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from evaluation.running.plan import Plan
    from evaluation.running.progress import RunProgress
    from evaluation.running.run import Progress, RunSummary

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

_STYLES = {"ok": "green", "skipped": "yellow"}
#: Columns of the board that fit on a terminal, and what they are called there.
_COLUMNS = {
    "rank": "#",
    "method": "method",
    "skill": "skill",
    "interval": "95 %",
    "f1@0.9": "f1@.9",
    "worst_cosine": "worst",
    "n_features_error": "count",
    "completeness": "done",
    "median_seconds": "s",
}


class Live:
    """A progress bar on terminals, a line now and then elsewhere; use as a context manager."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, n_pending: int, n_total: int) -> None:
        """Say what will be done."""
        from rich import progress

        reused = f", {n_total - n_pending} done before" if n_total > n_pending else ""
        errors.print(f"{n_pending} cells to run{reused}.")
        if n_pending and errors.is_terminal:
            self._bar = progress.Progress(
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeElapsedColumn(),
                progress.TextColumn("{task.fields[state]}"),
                console=errors,
            )
            self._task = self._bar.add_task("", total=n_pending, state="")
            self._bar.start()

    def advance(self, progress: "Progress") -> None:
        """Show that a cell has ended."""
        record = progress.record
        where = f"{record.method} on {record.problem}, seed {record.seed}, {record.track}"
        left = f"{_span(progress.seconds_left)} left"
        failed = f", {progress.n_failed} failed" if progress.n_failed else ""
        if self._bar is not None:
            self._bar.update(self._task, advance=1, state=f"{left}{failed}  {where}"[:70])
        elif progress.n_done % max(1, progress.n_total // 20) == 0:
            errors.print(f"{progress.n_done}/{progress.n_total}, {left}{failed}", soft_wrap=True)
        if record.status != "ok":
            line = Text(f"{record.status}: {where}: {record.reason}", style="yellow")
            errors.print(line, soft_wrap=True)


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "unknown time"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def show_plan(plan: "Plan") -> None:
    """Show what a run would do."""
    pending = {cell.key for cell in plan.pending}
    counts: dict[tuple[str, str], list[int]] = {}
    for cell in plan.cells:
        count = counts.setdefault((cell.method.choice.name, cell.problem.name), [0, 0])
        count[cell.key in pending] += 1
    rows = [
        {"method": method, "problem": problem, "done": done, "to run": to_run}
        for (method, problem), (done, to_run) in counts.items()
    ]
    show_table("dry run: nothing was run", rows)
    seconds = plan.seconds_left()
    cost = "unknown, nothing like it was run here" if seconds is None else _span(seconds)
    limits = plan.suite.limits
    worst = _span(len(pending) * limits.seconds)
    console.print(
        f"{len(plan.cells)} cells, {len(plan.cells) - len(pending)} done, {len(pending)} to run; "
        f"estimated work of one worker: {cost}, at most {worst}."
    )


def show_summary(summary: "RunSummary") -> None:
    """Show how a run went."""
    counts = Text(", ").join(
        Text(f"{n} {status}", style=_STYLES.get(status, "red"))
        for status, n in sorted(summary.statuses.items())
    )
    reused = f", {summary.n_reused} of {summary.n_cells} reused" if summary.n_reused else ""
    console.print(
        Text("Cells: ").append_text(counts).append(f"{reused}; {_span(summary.seconds)}.")
    )
    show_notes(summary.notes)


def show_notes(notes: Iterable[str]) -> None:
    """Show what the user should know."""
    for note in notes:
        errors.print(Text(note, style="yellow"), soft_wrap=True)


def show_leaderboard(out: Path) -> None:
    """Show the board of a results folder."""
    from evaluation.boards.leaderboard import leaderboard

    _show_real(out)
    table = leaderboard(out)
    if table.empty:
        return
    for track, part in table.groupby("track", sort=True):
        rows = [
            {title: _board_cell(row, column) for column, title in _COLUMNS.items()}
            for row in part.to_dict("records")
        ]
        show_table(f"leaderboard, {track}", rows, dense=True)


def _show_real(out: Path) -> None:
    from evaluation.boards.real import HEADLINES, real_board, real_records
    from evaluation.running.store import load_records

    if not real_records(load_records(out)):
        return
    columns = ["method", "skill", *HEADLINES, "ev_pursuit@16", "l0", "seconds"]
    rows = real_board(out).table[columns].to_dict("records")
    shown = [{str(c): _board_cell(row, str(c)) for c in columns} for row in rows]
    show_table("real networks", shown, dense=True)


def _board_cell(row: Mapping[Any, Any], column: str) -> str:
    if column == "interval":
        low, high = row.get("skill_low"), row.get("skill_high")
        return "" if not isinstance(low, float) or low != low else f"{low:.2f}–{high:.2f}"
    value = row.get(column)
    if isinstance(value, float):
        return "" if value != value else f"{value:.2f}"
    return "" if str(value) in ("None", "<NA>") else str(value)


def say(text: str) -> None:
    """Show lines as they are, broken by the terminal alone."""
    console.print(Text(text), soft_wrap=True)


def tell(line: str) -> None:
    """Say on standard error what is being done."""
    errors.print(Text(line), soft_wrap=True)


def show_paths(paths: Iterable[Path]) -> None:
    """Show files that were written."""
    for path in paths:
        console.print(Text(str(path)), soft_wrap=True)


def show_status(status: "RunProgress") -> None:
    """Show how far a run is."""
    state = f"running ({status.owner})" if status.owner else "not running"
    console.print(
        f"{status.out}: {state}; {status.n_done} of {status.n_planned} planned cells done."
    )
    for name, count in sorted(status.statuses.items()):
        console.print(Text(f"  {count} {name}", style=_STYLES.get(name, "red")))
    show_notes(status.notes)


def show_table(title: str, rows: Sequence[Mapping[Any, Any]], dense: bool = False) -> None:
    """Show rows of the same keys as a table; a dense one has no rules between its columns.

    The first column, the name, is never broken: it is there to be copied.
    """
    table = Table(title=title, title_justify="left", header_style="bold")
    if dense:
        table.box, table.padding = box.SIMPLE_HEAD, 0
    for place, column in enumerate(rows[0] if rows else ()):
        numeric = all(isinstance(row[column], int | float) for row in rows)
        table.add_column(
            str(column),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=dense or place == 0,
        )
    for row in rows:
        table.add_row(*(Text(_show(value)) for value in row.values()))
    console.print(table)


def show_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Show one thing's properties, one a line."""
    console.print(Text(title, style="bold"))
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        console.print(Text(f"  {name:<{width}}  {_show(value)}"), soft_wrap=True)


def _show(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_show(item)}" for name, item in value.items())
    with contextlib.suppress(TypeError):
        if not isinstance(value, str):
            return ", ".join(_show(item) for item in value)
    return str(value)
