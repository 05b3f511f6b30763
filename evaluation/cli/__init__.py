"""The command ``unfold``: every verb a thin wrapper over one public function.

Exit codes: 0 all well; 1 wrong usage or input; 3 some cells of a run failed, the rest stand;
130 interrupted.
"""

import functools
import inspect
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from evaluation.cli import boards, display, own_activations, plugins, publishing, reproduce, running
from evaluation.own_activations.limits import Stopped

app = typer.Typer(
    name="unfold",
    help="Measure, and win, the race to solve superposition.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _with_json(command: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the option --json, which prints all that it shows as one object."""

    @functools.wraps(command)
    def run(*, json: bool = False, **given: Any) -> None:
        with display.output(json):
            command(**given)

    kind = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
    keyword = inspect.Parameter.KEYWORD_ONLY
    option = inspect.Parameter("json", keyword, default=False, annotation=kind)
    signature = inspect.signature(command)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), option]
    )
    run.__annotations__ = {**command.__annotations__, "json": kind}
    return run


for module in (boards, running, publishing, plugins, own_activations, reproduce):
    for command in module.COMMANDS:
        app.command(command.__name__.rstrip("_").replace("_", "-"))(_with_json(command))


#: Verbs that store what they finish, and go on from there.
RESUMING = ("run", "reproduce")


class Interrupted(Stopped):
    """Ctrl-C or SIGTERM; a class of its own, as frameworks make what they like of Ctrl-C."""


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    try:
        app()
    except SystemExit as leaving:
        # The framework leaves with 2 for wrong usage.
        sys.exit(1 if leaving.code == 2 else leaving.code)
    except Interrupted:
        resumes = len(sys.argv) > 1 and sys.argv[1] in RESUMING
        stored = "What was finished is stored; the same command goes on from there."
        _say(f"Interrupted. {stored if resumes else 'Nothing was kept.'}")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except (ValueError, TypeError, LookupError, OSError, ImportError, RuntimeError) as error:
        _say(f"unfold: {error}")
        sys.exit(1)
    sys.exit(0)


def _interrupt(*_: object) -> NoReturn:
    raise Interrupted


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")
