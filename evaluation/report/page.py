"""The report as one HTML file that needs nothing but itself."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from evaluation.boards.compare import Comparison
from evaluation.boards.leaderboard import Board
from evaluation.boards.statistics import MARGIN
from evaluation.report.markdown import seconds, size
from evaluation.report.payload import payload
from evaluation.report.verdict import failures, verdicts
from evaluation.running.record import Record
from evaluation.scoring.controls import is_control
from evaluation.scoring.metrics import METRICS
from evaluation.scoring.score import METRICS_VERSION

_SCRIPTS = ("statistics.js", "charts.js", "board.js", "view.js", "report.js")
#: Failures shown with their traceback; the rest are counted, and listed in ``cells.csv``.
_MOST_FAILURES = 200


def render(ranked: Board, records: Sequence[Record], comparison: Comparison | None = None) -> str:
    """Return the page.

    Everything that came from outside (names, reasons, tracebacks) goes through autoescaping or
    into JSON from which the scripts only make text nodes.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("evaluation.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"seconds": seconds, "size": size}

    def asset(name: str) -> Markup:
        text = environment.loader.get_source(environment, name)[0]  # type: ignore[union-attr]
        return Markup(text)

    failed = [r for r in records if r.status not in ("ok", "skipped")]
    failed.sort(key=lambda r: (r.status, r.method, r.problem, r.track, r.seed, r.key))
    return environment.get_template("report.html.j2").render(
        style=asset("report.css"),
        scripts=[asset(name) for name in _SCRIPTS],
        data=Markup(_json(payload(ranked, records))),
        metric=ranked.metric,
        margin=MARGIN,
        metrics=METRICS.values(),
        metrics_version=METRICS_VERSION,
        verdicts=verdicts(ranked),
        tracks=ranked.tracks,
        completion=failures(ranked),
        notes=ranked.notes,
        failures=failed[:_MOST_FAILURES],
        n_failures=len(failed),
        environments=_environments(records),
        suites=sorted({r.suite for r in records if r.suite}),
        problems=_problems(records),
        sources=_sources(records),
        stale=_stale(records),
        comparison=comparison,
        latest=max((r.started_at for r in records), default=""),
    )


def _json(value: Any) -> str:
    """Return JSON that no HTML parser mistakes for markup."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _environments(records: Iterable[Record]) -> list[tuple[int, dict[str, str]]]:
    """Return each distinct environment with the number of cells run in it."""
    count: dict[str, int] = {}
    for record in records:
        text = json.dumps(record.environment, sort_keys=True, default=str)
        count[text] = count.get(text, 0) + 1
    ordered = sorted(count.items(), key=lambda item: (-item[1], item[0]))
    return [(n, _flat(json.loads(text))) for text, n in ordered if text != "{}"][:5]


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key in sorted(value):
        item, name = value[key], f"{prefix}{key}"
        flat |= _flat(item, f"{name}.") if isinstance(item, dict) else {name: str(item)}
    return flat


def _problems(records: Iterable[Record]) -> list[tuple[str, int, str]]:
    """Return (problem, seed, digest) of all data."""
    return sorted({(r.problem, r.seed, r.problem_digest) for r in records})


def _sources(records: Iterable[Record]) -> list[tuple[str, str, str]]:
    """Return (method, path, where its code is from) of all methods."""
    found = {
        (r.method, r.method_path, ", ".join(f"{k} {v}" for k, v in sorted(r.source.items())))
        for r in records
        if not is_control(r.method)
    }
    return sorted(found)


def _stale(records: Iterable[Record]) -> int:
    """Return how many records were scored by other versions of the metrics."""
    return sum(r.status == "ok" and r.metrics_version != METRICS_VERSION for r in records)
