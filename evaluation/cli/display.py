"""What the command line shows: progress, tables, notes. No numbers are made here."""

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.text import Text

from evaluation.cli.layout import lines

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from evaluation.running.plan import Plan
    from evaluation.running.progress import RunProgress
    from evaluation.running.run import Progress, RunSummary

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

_STYLES = {"ok": "green", "skipped": "yellow"}
#: What was shown, where JSON was asked for.
_document: dict[str, Any] | None = None


@contextlib.contextmanager
def output(as_json: bool) -> Iterator[None]:
    """Collect what is shown, and print it as one JSON object at the end, where that is asked for.

    What people read goes to standard error meanwhile.
    """
    global _document
    if not as_json:
        yield
        return
    _document, console.stderr = {}, True
    try:
        yield
    finally:
        document, _document, console.stderr = _document, None, False
        sys.stdout.write(json.dumps(_plain(document), indent=1) + "\n")


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it: null for what is no number."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "item"):
        return _plain(value.item())
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    return None if repr(value) == "<NA>" else str(value)


def collect(kind: str, value: Any) -> None:
    """Keep what is shown for the JSON: tables and facts by their titles, all else in lists."""
    if _document is None:
        return
    if isinstance(value, dict):
        _document.setdefault(kind, {}).update(value)
    else:
        _document.setdefault(kind, []).extend(value)


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

    def begin(self, n_methods: int, n_pending: int, n_total: int) -> None:
        """Say what will be done: cells of methods, and those of chance and oracle beside them."""
        from rich import progress

        reused = f", {n_total - n_pending} done before" if n_total > n_pending else ""
        controls = f", {n_pending - n_methods} of them chance and oracle"
        errors.print(
            f"{n_pending} cells to run{controls if n_pending > n_methods else ''}{reused}."
        )
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
    collect("cells", dict(summary.statuses) | {"reused": summary.n_reused})
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
    notes = list(notes)
    collect("notes", notes)
    for note in notes:
        errors.print(Text(note, style="yellow"), soft_wrap=True)


def show_board(title: str, rows: Sequence[Mapping[str, str]], numeric: Sequence[str]) -> None:
    """Show rows of text as a table of the terminal's width; of any width where there is none."""
    console.print(Text(title, style="bold"))
    head, *rest = lines(rows, numeric, _width()) or [""]
    console.print(Text(head, style="bold"), soft_wrap=True)
    for line in rest:
        console.print(Text(line), soft_wrap=True)
    console.print()


def show_legend(text: str) -> None:
    """Show what the columns of a table mean, on a terminal alone."""
    if console.is_terminal:
        console.print(Text(text, style="dim"))


#: Characters of a board beside its names.
_NUMBERS = 62


def room_for_names() -> int:
    """Return the characters that a name may have before a board gets too wide."""
    width = _width()
    return 10**9 if width is None else max(20, width - _NUMBERS)


def _width() -> int | None:
    return console.width if console.is_terminal or "COLUMNS" in os.environ else None


def say(text: str) -> None:
    """Show lines as they are, broken by the terminal alone."""
    collect("text", [text])
    console.print(Text(text), soft_wrap=True)


def tell(line: str) -> None:
    """Say on standard error what is being done."""
    errors.print(Text(line), soft_wrap=True)


def show_paths(paths: Iterable[Path]) -> None:
    """Show files that were written."""
    paths = list(paths)
    collect("paths", map(str, paths))
    for path in paths:
        console.print(Text(str(path)), soft_wrap=True)


def show_status(status: "RunProgress") -> None:
    """Show how far a run is."""
    done = {"planned": status.n_planned, "done": status.n_done, "running": bool(status.owner)}
    collect("cells", done | dict(status.statuses))
    state = f"running ({status.owner})" if status.owner else "not running"
    console.print(
        f"{status.out}: {state}; {status.n_done} of {status.n_planned} planned cells done."
    )
    for name, count in sorted(status.statuses.items()):
        console.print(Text(f"  {count} {name}", style=_STYLES.get(name, "red")))
    show_notes(status.notes)


def show_table(title: str, rows: Sequence[Mapping[Any, Any]]) -> None:
    """Show rows of the same keys as a table."""
    collect("tables", {title: [dict(row) for row in rows]})
    keys = list(rows[0]) if rows else []
    numeric = [str(k) for k in keys if all(isinstance(row[k], int | float) for row in rows)]
    show_board(title, [{str(k): _show(row[k]) for k in keys} for row in rows], numeric)


def show_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Show one thing's properties, one a line."""
    collect("facts", {title: dict(facts)})
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
