"""Verbs that study: phase, explain, reproduce."""

from pathlib import Path
from typing import Annotated

import typer

from evaluation.cli import display

Key = Annotated[str | None, typer.Option(help="Which array, where the file has several.")]


def phase(
    file: Annotated[Path, typer.Argument(help="A dictionary: what `unfold fit` wrote, or any.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=".png, .svg or .pdf; default: beside FILE.")
    ] = None,
    key: Key = None,
    signed: Annotated[bool, typer.Option(help="Codes of either sign.")] = False,
    resolution: Annotated[int, typer.Option(min=2, help="Points along each axis.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Draws supports and magnitudes.")] = 0,
) -> None:
    """Draw where sparse codes over a dictionary can be recovered, beside theory."""
    from evaluation.study import draw_phase_of_file

    report, picture = draw_phase_of_file(
        file, out, key=key, positive=not signed, resolution=resolution, seed=seed
    )
    display.show_facts(
        str(file),
        {
            "coherence": report.coherence,
            "least possible coherence": report.welch,
            "recovery certain up to (active)": report.guaranteed,
            "recovered more often than random atoms by": report.advantage,
        },
    )
    display.show_paths([picture])


def explain(
    file: Annotated[Path, typer.Argument(help="Activations: .npy, .npz, .safetensors or .pt.")],
    dictionary: Annotated[
        Path, typer.Option("--dictionary", "-d", help="What `unfold fit` wrote.")
    ],
    row: Annotated[list[int] | None, typer.Option(help="Which samples; repeatable.")] = None,
    key: Key = None,
    tolerance: Annotated[float, typer.Option(help="Residual allowed, relative.")] = 0.05,
    signed: Annotated[bool, typer.Option(help="Amplitudes of either sign.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for pictures.")] = None,
) -> None:
    """Take activations apart into the features they hold, each with its amplitude."""
    from evaluation.study import explain_file

    explained = explain_file(
        file, dictionary, row or [0], key=key, tolerance=tolerance, positive=not signed, out=out
    )
    for index, decomposition, picture in explained:
        display.console.print(f"\nsample {index}", highlight=False)
        display.console.print(str(decomposition), markup=False, highlight=False)
        if picture:
            display.show_paths([picture])


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


COMMANDS = (phase, explain, reproduce)
