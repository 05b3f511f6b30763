"""Verbs for one's own activations: fit, phase, explain."""

from pathlib import Path
from typing import Annotated, Any

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
            "recovered more often than random atoms by": round(report.advantage, 6),
        },
    )
    display.show_paths([picture])


Dictionary = Annotated[
    Path, typer.Option("--dictionary", "-d", help="What `unfold fit` wrote, or any dictionary.")
]
DictionaryKey = Annotated[
    str | None, typer.Option(help="Which array of the dictionary, as in W_dec.")
]
Examples = Annotated[
    Path | None,
    typer.Option(help="Texts of the rows, one JSON object a line: tokens or text, and labels."),
]
Tolerance = Annotated[
    float | None, typer.Option(help="Residual allowed, relative; default: the fit's noise, or .05.")
]
Signed = Annotated[
    bool | None, typer.Option(help="Amplitudes of either sign; default: as the fit found.")
]


def explain(
    file: Annotated[Path, typer.Argument(help="Activations: a file or folder.")],
    dictionary: Dictionary,
    row: Annotated[list[int] | None, typer.Option(help="Which samples; repeatable.")] = None,
    examples: Examples = None,
    text: Annotated[
        int | None, typer.Option(min=0, help="Which of --examples to write a page of.")
    ] = None,
    key: Key = None,
    dictionary_key: DictionaryKey = None,
    tolerance: Tolerance = None,
    signed: Signed = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for pictures and pages.")
    ] = None,
) -> None:
    """Take activations apart into the features they hold, each with its amplitude."""
    from evaluation.own_activations.explain import explain_file

    if examples is not None:
        from evaluation.own_activations.features.write import explain_text

        folder = out or Path()
        display.show_paths([explain_text(file, dictionary, examples, text or 0, folder, key=key)])
        return
    if text is not None:
        raise typer.BadParameter("--text is one of --examples: give the file of texts, too")

    explained = explain_file(
        file,
        dictionary,
        row or [0],
        key=key,
        dictionary_key=dictionary_key,
        tolerance=tolerance,
        positive=None if signed is None else not signed,
        out=out,
    )
    for index, decomposition, picture in explained:
        display.say(f"\nsample {index}\n{decomposition}")
        if picture:
            display.show_paths([picture])


def certify(
    file: Annotated[Path, typer.Argument(help="Activations that the fit has not seen.")],
    dictionary: Dictionary,
    key: Key = None,
    dictionary_key: DictionaryKey = None,
    tolerance: Tolerance = None,
    confidence: Annotated[float, typer.Option(help="Of the bound.")] = 0.95,
    signed: Signed = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws samples.")] = 0,
) -> None:
    """Bound how many features a dictionary misses, from activations it was not fitted to."""
    from evaluation.own_activations.explain import certify_file

    certificate = certify_file(
        file,
        dictionary,
        key=key,
        dictionary_key=dictionary_key,
        tolerance=tolerance,
        confidence=confidence,
        positive=None if signed is None else not signed,
        seed=seed,
    )
    display.say(str(certificate))


def fit(
    file: Annotated[
        Path, typer.Argument(help="A file or folder, as unfold.open_activations reads.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; default: FILE's name.features.")
    ] = None,
    method: Annotated[str | None, typer.Option("--method", "-m", help="Default: the best.")] = None,
    n_components: Annotated[int | None, typer.Option(min=1, help="Default: enumerate.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Which array, where the file has several.")
    ] = None,
    codes: Annotated[bool, typer.Option(help="Write the codes, too.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seeds the method.")] = 0,
    max_samples: Annotated[
        int | None, typer.Option(min=2, help="Fit a random subsample of so many.")
    ] = None,
    mem: Annotated[
        str | None, typer.Option(help="It may take: 4GB, or 4; default: most of what is free.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(help="90s, 10m, 2h; then the best so far is kept.")
    ] = None,
    examples: Examples = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier fit.")] = False,
    chance: Annotated[
        bool, typer.Option(help="Fit Gaussian samples too: how many features does chance give?")
    ] = False,
) -> None:
    """Find the feature directions in a file of activations."""
    from evaluation.own_activations.fit import fit_file
    from evaluation.running.selectors import parse_duration

    fitted = fit_file(
        file,
        out,
        method=method,
        n_components=n_components,
        key=key,
        codes=codes,
        seed=seed,
        max_samples=max_samples,
        memory=None if mem is None else _gigabytes(mem),
        timeout=None if timeout is None else parse_duration(timeout),
        overwrite=overwrite,
        chance=chance,
        examples=examples,
        say=display.tell,
    )
    display.show_facts(str(file), _shown(fitted.summary))
    display.show_paths(fitted.paths)
    if fitted.summary["stopped"] == "interrupted":
        raise typer.Exit(130)


def _gigabytes(text: str) -> float:
    """Return a size in GB: of a bare number that many, else as `run --mem` reads it."""
    from evaluation.running.selectors import parse_size

    bare = text.strip().replace(".", "", 1).isdigit()
    return parse_size(f"{text}GB" if bare else text) / 1e9


def _shown(summary: dict[str, Any]) -> dict[str, Any]:
    """Return what of a summary is for the terminal: one line a fact."""
    facts = {name: value for name, value in summary.items() if value not in (None, [])}
    if "confidence" in facts:
        facts["confidence"] = f"{min(facts['confidence'])} to {max(facts['confidence'])}"
    if "chance" in facts:
        facts["chance"] = facts["chance"]["sentence"]
    return facts


def compare_dictionaries(
    files: Annotated[list[Path], typer.Argument(help="Dictionaries, two or more, of any format.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for comparison.json and .html.")
    ] = Path("comparison"),
    activations: Annotated[
        Path | None, typer.Option(help="Say L0 and variance explained of these, too.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws what chance would share.")] = 0,
) -> None:
    """Say what dictionaries share, what only one has, and what chance would share."""
    from evaluation.own_activations.comparison import compare_files, facts

    found, table, paths = compare_files(files, out, activations=activations, seed=seed)
    display.show_table("dictionaries", table)
    for pair in found.pairs:
        display.show_facts(" and ".join(pair.names), facts(pair))
    display.show_paths(paths)


COMMANDS = (fit, phase, explain, certify, compare_dictionaries)
