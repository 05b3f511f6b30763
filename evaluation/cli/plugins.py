"""Verbs for those who write methods and problems: check, train."""

from typing import Annotated

import typer

from evaluation.cli import display


def check(
    method: Annotated[
        str,
        typer.Argument(help="name, file.py:Class or pkg.mod:Class, with \\[param=value]."),
    ],
    timeout: Annotated[str, typer.Option(help="For all checks: 90s, 10m.")] = "5m",
) -> None:
    """Say in seconds whether a method conforms to what benchmarks and users rely on."""
    from evaluation.running.selectors import parse_duration, parse_methods
    from unfold import get_method, list_methods
    from unfold.declarations import check_parameters
    from unfold.testing import check_method

    limit, conforms = parse_duration(timeout), True
    for choice in parse_methods([method], list_methods()):
        found = get_method(choice.path)
        check_parameters(found, choice.params)
        report = check_method(found(**choice.params), name=choice.name, time_limit=limit)
        display.say(str(report))
        conforms &= report.ok
    if not conforms:
        raise typer.Exit(3)


def train(
    problem: Annotated[str, typer.Argument(help="Problem id or glob.")],
    seeds: Annotated[str, typer.Option(help="0:5 is 0 to 4.")] = "0",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
) -> None:
    """Make a problem: train its toy model, keep it in the cache, and say what came of it."""
    import toy
    from evaluation.running.problems import axes, find_problems
    from evaluation.running.selectors import parse_seeds

    rows = []
    for found in find_problems([problem]):
        for seed in parse_seeds(seeds):
            made = toy.make_problem(dict(found.spec), seed, device=device)
            n_represented = int(made.truth.represented.sum())
            rows.append(
                {"problem": found.name, "seed": seed, "found": n_represented}
                | {_SHORT.get(name, name): value for name, value in axes(made).items()}
                | {"digest": made.digest[:12]}
            )
    display.show_table("problems made", rows)


#: Columns of `train`, shorter than the facts are called elsewhere.
_SHORT = {"n_features": "k", "density": "p", "n_samples": "N"}

COMMANDS = (check, train)
