"""Verbs for one's own activations: fit, phase, explain."""

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
    from evaluation.own_activations.explain import draw_phase_of_file

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
    file: Annotated[Path, typer.Argument(help="Activations: a file or folder.")],
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
    from evaluation.own_activations.explain import explain_file

    explained = explain_file(
        file, dictionary, row or [0], key=key, tolerance=tolerance, positive=not signed, out=out
    )
    for index, decomposition, picture in explained:
        display.console.print(f"\nsample {index}", highlight=False)
        display.console.print(str(decomposition), markup=False, highlight=False)
        if picture:
            display.show_paths([picture])


def fit(
    file: Annotated[
        Path, typer.Argument(help="A file or folder, as unfold.open_activations reads.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what was found.")],
    method: Annotated[str | None, typer.Option("--method", "-m", help="Default: the best.")] = None,
    n_components: Annotated[int | None, typer.Option(min=1, help="Default: enumerate.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Which array, where the file has several.")
    ] = None,
    codes: Annotated[bool, typer.Option(help="Write the codes, too.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seeds the method.")] = 0,
) -> None:
    """Find the feature directions in a file of activations."""
    from evaluation.own_activations.fit import fit_file

    fitted = fit_file(
        file, out, method=method, n_components=n_components, key=key, codes=codes, seed=seed
    )
    display.show_facts(str(file), fitted.summary)
    for path in fitted.paths:
        display.console.print(str(path), highlight=False, soft_wrap=True)


COMMANDS = (fit, phase, explain)
