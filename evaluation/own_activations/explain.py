"""Studies of a file: the phase diagram of a dictionary, samples taken apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unfold.io.activations import load_activations
from unfold.io.dictionaries import read_dictionary

if TYPE_CHECKING:
    from unfold.sparse_coding.phase_transition import PhaseReport
    from unfold.unfolding.decomposition import Decomposition


def draw_phase_of_file(
    file: str | Path,
    out: str | Path | None = None,
    *,
    key: str | None = None,
    positive: bool = True,
    resolution: int = 8,
    seed: int = 0,
) -> tuple["PhaseReport", Path]:
    """Draw the phase diagram of the dictionary in a file.

    Parameters
    ----------
    file : path
        Atoms of shape (k, d), one a row; the array "dictionary" of what ``unfold fit`` writes.
    out : path, optional
        The picture; its suffix names the format. ``FILE`` with ``.phase.png`` by default.
    key : str, optional
        Which array, where the file has several.
    positive : bool
        Whether codes are non-negative.
    resolution : int
        Points along each axis.
    seed : int

    Returns
    -------
    report : PhaseReport
    out : Path

    Raises
    ------
    FileError
        If the file cannot be read as a finite matrix.
    """
    from unfold.sparse_coding.phase_transition import draw_phase, phase_report

    file = Path(file)
    D = read_dictionary(file, key=key).atoms
    report = phase_report(D, positive=positive, resolution=resolution, random_state=seed)
    picture = Path(out) if out else file.with_suffix(".phase.png")
    draw_phase(report).savefig(picture)
    return report, picture


def explain_file(
    file: str | Path,
    dictionary: str | Path,
    rows: Sequence[int] = (0,),
    *,
    key: str | None = None,
    tolerance: float = 0.05,
    positive: bool = True,
    out: str | Path | None = None,
) -> list[tuple[int, "Decomposition", Path | None]]:
    """Take samples of a file of activations apart into features.

    Parameters
    ----------
    file : path
        Activations of shape (n, d).
    dictionary : path
        What ``unfold fit`` wrote, or any that `unfold.load_dictionary` reads.
    rows : sequence of int
        Which samples.
    key : str, optional
        Which array of ``file``, where it has several.
    tolerance : float
        Residual allowed, relative to the norm of the sample.
    positive : bool
        Whether amplitudes are non-negative.
    out : path, optional
        Folder for a picture of each sample.

    Returns
    -------
    list of (row, Decomposition, picture or None)

    Raises
    ------
    FileError
        If a file cannot be read as a finite matrix.
    ValueError
        If a row is not in the file, or the widths differ.
    """
    from unfold.unfolding.decomposition import explain
    from unfold.unfolding.known_directions import KnownDirections

    read = read_dictionary(dictionary)
    known = KnownDirections(read.atoms, mean=read.offset, positive=positive)
    X = load_activations(file, key)
    for row in rows:
        if not -len(X) <= row < len(X):
            raise ValueError(f"{str(file)!r} has {len(X)} samples: there is no row {row}.")
    found = explain(X[list(rows)], known, tolerance=tolerance, positive=positive)
    pictures: list[Path | None] = [None] * len(found)
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
        for i, (row, decomposition) in enumerate(zip(rows, found, strict=True)):
            pictures[i] = picture = Path(out) / f"sample-{row}.png"
            decomposition.draw().savefig(picture)
    return list(zip(rows, found, pictures, strict=True))
