"""The verb that runs the published experiments: reproduce."""

from pathlib import Path
from typing import Annotated

import typer

from evaluation.cli import display


def reproduce(
    only: Annotated[list[str] | None, typer.Option(help="An experiment's id; repeatable.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("reproduction"),
    full: Annotated[bool, typer.Option(help="Published sizes: hours on a CPU.")] = False,
) -> None:
    """Reproduce the paper: train, draw its figures, check its published facts."""
    from evaluation.reproduce import reproduce as run_experiments

    facts = run_experiments(only or None, out, full)
    display.show_table(
        "facts",
        [
            {"id": fact.id, "published": fact.published, "ours": fact.ours, "verdict": fact.verdict}
            for fact in facts
        ],
    )
    display.show_paths([out / "reproduction.html", out / "reproduction.json"])


COMMANDS = (reproduce,)
