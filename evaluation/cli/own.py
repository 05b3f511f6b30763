"""The verb for one's own activations: fit."""

from pathlib import Path
from typing import Annotated

import typer

from evaluation.cli import display


def fit(
    file: Annotated[Path, typer.Argument(help=".npy, .npz, .safetensors or .pt (tensors only).")],
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
    from evaluation.fit import fit_file

    fitted = fit_file(
        file, out, method=method, n_components=n_components, key=key, codes=codes, seed=seed
    )
    display.show_facts(str(file), fitted.summary)
    for path in fitted.paths:
        display.console.print(str(path), highlight=False, soft_wrap=True)


COMMANDS = (fit,)
