"""Verbs that look: list, info, report, compare."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evaluation.cli import display

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("methods", "problems", "metrics", "suites", "experiments")


def list_(
    kind: Annotated[
        str, typer.Argument(help="methods, problems, metrics, suites or experiments.")
    ] = "",
) -> None:
    """List what there is."""
    if kind and kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}")
    for one in KINDS if not kind else (kind,):
        for title, rows in _CATALOGUES[one]().items():
            display.show_table(title, rows)


def _methods() -> dict[str, list[dict[str, Any]]]:
    from unfold import describe_methods

    families: dict[str, list[dict[str, Any]]] = {}
    for method in describe_methods():
        card = method.card
        family = getattr(card, "family", "") or "of no stated family"
        families.setdefault(f"methods: {family}", []).append(
            {
                "method": method.name,
                "what it does": method.reason or method.summary,
                "cost": getattr(card, "cost", ""),
                "fails": getattr(card, "fails", ""),
            }
        )
    return dict(sorted(families.items()))


def _problems() -> dict[str, list[dict[str, Any]]]:
    import toy
    from evaluation.running.problems import find_problems

    rows = [
        {
            "problem": p.name,
            "d": p.spec["source"].get("d", ""),
            "k": p.spec["features"]["n"],
            "N": p.spec["n_train"],
            "noise": round(float(p.spec["noise"]), 3),
            "about": str(p.spec.get("about", "")),
        }
        for p in find_problems(toy.list_problems())
    ]
    from evaluation.real.problem import REAL_PROBLEMS

    real = [
        {"problem": name, "d": 384, "k": spec["n_components"], "about": str(spec["about"])}
        for name, spec in REAL_PROBLEMS.items()
    ]
    return {"problems": rows, "problems: real networks, no truth": real}


def _metrics() -> dict[str, list[dict[str, Any]]]:
    from evaluation.scoring.metrics import METRICS

    rows = [
        {"metric": f"{metric.name} (v{metric.version})", "definition": metric.definition}
        for metric in METRICS.values()
    ]
    from evaluation.real.metrics import REAL_METRICS

    real = [
        {"metric": f"{metric.name} (v{metric.version})", "definition": metric.definition}
        for metric in REAL_METRICS.values()
    ]
    return {"metrics": rows, "metrics without a truth": real}


def _suites() -> dict[str, list[dict[str, Any]]]:
    from evaluation.running.suites import SUITES

    rows = [
        {
            "suite": suite.name,
            "problems": " ".join(str(problem) for problem in suite.problems),
            "seeds": len(suite.seeds),
            "limit": f"{suite.limits.seconds:g} s, {suite.limits.bytes / 1e9:g} GB",
            "about": suite.about,
        }
        for suite in SUITES.values()
    ]
    return {"suites": rows}


def _experiments() -> dict[str, list[dict[str, Any]]]:
    from evaluation.reproduce.catalogue import EXPERIMENTS

    rows = [
        {"experiment": one.id, "about": one.title, "published": one.source} for one in EXPERIMENTS
    ]
    return {"experiments": rows}


_CATALOGUES = {
    "methods": _methods,
    "problems": _problems,
    "metrics": _metrics,
    "suites": _suites,
    "experiments": _experiments,
}


def info(
    name: Annotated[str, typer.Argument(help="Method, problem, metric, suite or experiment.")],
) -> None:
    """Say all that is known of one method, problem, metric, suite or experiment."""
    from evaluation.cli.names import describe

    display.show_facts(name, describe(name))


def report(
    out: Annotated[Path, typer.Argument(help="Results folder.")],
    metric: Annotated[str | None, typer.Option(help="What to rank by.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="An earlier results folder.")] = None,
    plots: Annotated[list[str] | None, typer.Option(help="png, svg; repeatable.")] = None,
) -> None:
    """Write report.html, leaderboard.md, leaderboard.csv and cells.csv from stored results."""
    from evaluation.cli.board import show_leaderboard
    from evaluation.report import write_report
    from evaluation.running.store import load_records
    from evaluation.scoring.metrics import PRIMARY

    paths = write_report(
        out,
        metric=metric or PRIMARY,
        figures=plots or (),
        baseline=None if baseline is None else load_records(baseline),
    )
    show_leaderboard(out, metric)
    display.show_paths(paths.values())


def compare(
    first: Annotated[Path, typer.Argument(help="Results folder, the reference.")],
    second: Annotated[Path, typer.Argument(help="Results folder to judge against it.")],
    metric: Annotated[str | None, typer.Option(help="What to compare by.")] = None,
    fail_on_regression: Annotated[
        bool, typer.Option(help="Leave with 3 if any got worse.")
    ] = False,
) -> None:
    """Compare two results folders, paired by cell."""
    from evaluation.boards.compare import compare as compare_records
    from evaluation.running.store import load_records
    from evaluation.scoring.metrics import PRIMARY

    found = compare_records(load_records(first), load_records(second), metric or PRIMARY)
    if len(found.table):
        display.show_table(f"{second} against {first}", _compared(found.table))
    display.show_notes(found.notes)
    display.say(found.sentence)
    if fail_on_regression and found.regressed:
        raise typer.Exit(3)


def _compared(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a comparison in the columns that fit on a terminal."""
    return [
        {
            "method": row["method"],
            "track": row["track"],
            "cells": row["n"],
            "before": row["a"],
            "after": row["b"],
            "change": row["difference"],
            "95 %": f"{row['low']:+.2f}..{row['high']:+.2f}" if row["low"] == row["low"] else "",
            "p": row["p"],
            "broke": row["broke"],
            "fixed": row["fixed"],
            "verdict": row["verdict"],
        }
        for row in table.to_dict("records")
    ]


COMMANDS = (list_, info, report, compare)
