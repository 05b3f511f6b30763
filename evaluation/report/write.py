"""Write every report of a set of records into a folder."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from evaluation.boards.leaderboard import board
from evaluation.boards.real import real_records
from evaluation.report.real import write_real
from evaluation.running.record import Record
from evaluation.running.store import write_atomically
from evaluation.scoring.metrics import PRIMARY

FIGURES = ("png", "svg")


def write_report(
    out: str | Path,
    records: Iterable[Record] | None = None,
    *,
    metric: str = PRIMARY,
    baseline: Iterable[Record] | None = None,
    figures: Iterable[str] = (),
) -> dict[str, Path]:
    """Write ``report.html``, ``leaderboard.md``, ``.csv`` and ``.tex``, and the rest into a folder.

    Results on real networks go to ``real.md``, ``real.csv`` and ``real.png``, from the folder.
    The same records give the same bytes, in whatever order they come. ``leaderboard.csv`` and
    ``cells.csv`` hold nothing that a clock measured, so that a run that was interrupted and
    resumed writes the same; times and memory are in ``timings.csv``.

    Parameters
    ----------
    out : path
        Folder to write into; also where records are read from when none are given.
    records : iterable of Record, optional
    metric : str
        What to rank by.
    baseline : iterable of Record, optional
        An earlier run to compare with.
    figures : iterable of {"png", "svg"}
        Formats in which to draw the figures besides.

    Returns
    -------
    dict of str to Path
        File name to path.

    Raises
    ------
    ValueError
        If the metric or a figure format is unknown.
    """
    from evaluation.report import markdown, page, tables

    figures = tuple(figures)
    if unknown := sorted(set(figures) - set(FIGURES)):
        raise ValueError(f"Unknown figure format {unknown[0]!r}: expected {' or '.join(FIGURES)}.")
    folder = Path(out)
    if records is None:
        from evaluation.running.store import load_records

        records = load_records(folder)
    records = sorted(records, key=lambda record: (record.key, record.started_at))
    paths = {}
    if real := {record.key for record in real_records(records)}:
        records = [record for record in records if record.key not in real]
        paths = write_real(folder)
        if not records:
            return paths
    ranked = board(records, metric)
    comparison = None
    if baseline is not None:
        from evaluation.boards.compare import compare

        comparison = compare(baseline, records, metric)
    texts = {
        "report.html": page.render(ranked, records, comparison),
        "leaderboard.md": markdown.render(ranked, comparison),
        "leaderboard.csv": tables.leaderboard_csv(ranked),
        "cells.csv": tables.cells_csv(ranked),
        "timings.csv": tables.timings_csv(ranked),
        "leaderboard.tex": tables.leaderboard_tex(ranked),
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths |= {name: _write(folder / name, text.encode()) for name, text in texts.items()}
    if find_spec("pyarrow") is not None:  # the extra "arrow"
        paths["cells.parquet"] = _write(folder / "cells.parquet", tables.cells_parquet(ranked))
    if figures:
        from evaluation.report.plots import draw

        for name, content in draw(ranked, figures).items():
            paths[name] = _write(folder / name, content)
    return paths


def _write(path: Path, content: bytes) -> Path:
    write_atomically(path, content)
    return path
