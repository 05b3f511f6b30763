"""Verbs for published boards: publish, site."""

from pathlib import Path
from typing import Annotated

import typer

from evaluation.cli import display

Boards = Annotated[Path, typer.Option("--to", help="Folder of published boards, one a suite.")]


def publish(
    out: Annotated[Path, typer.Argument(help="Results folder.")],
    suite: Annotated[str, typer.Option("--suite", "-s", help="The suite it is results of.")],
    boards: Boards = Path("leaderboards"),
    method: Annotated[
        list[str] | None,
        typer.Option("--method", "-m", help="As in the results; default: all that are new."),
    ] = None,
) -> None:
    """Check a method's results on a suite and pack them, a file a method, for a pull request."""
    from evaluation.publishing.publish import publish as publish_results

    done = publish_results(out, suite, boards, method or None)
    display.tell(f"{done.n_records} record(s) are complete, under the suite's limits, and packed.")
    display.show_notes(done.notes)
    display.show_paths(done.paths)


def site(
    boards: Annotated[Path, typer.Argument(help="Folder of published boards, one a suite.")] = Path(
        "leaderboards"
    ),
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the pages.")] = Path("site"),
    draw: Annotated[bool, typer.Option(help="Make the problems, to draw them.")] = True,
) -> None:
    """Write published boards as a static site: boards, methods, problems, metrics, changes."""
    from evaluation.site import write_site

    pages = write_site(boards, out, draw=draw)
    display.tell(f"{len(pages)} pages; the first:")
    display.show_paths(pages[:1])


COMMANDS = (publish, site)
