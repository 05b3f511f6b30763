"""Studies of a file: the phase diagram of a dictionary, samples taken apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import chi2

from unfold.arrays import root_mean_square
from unfold.io.activations import open_activations
from unfold.io.dictionaries import read_dictionary

if TYPE_CHECKING:
    from unfold.sparse_coding.phase_transition import PhaseReport
    from unfold.unfolding.certification import Certificate
    from unfold.unfolding.decomposition import Decomposition

#: Residual allowed where the fit measured no noise.
TOLERANCE = 0.05
#: Share of samples whose noise is to be within what is allowed.
NOISE_QUANTILE = 0.99
#: Samples that a certificate is made from: its bound hardly improves with more.
CERTIFIED = 10_000
#: Kinds of picture that are drawn.
PICTURES = (".png", ".svg", ".pdf")


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
        What ``unfold fit`` wrote, a folder, or any that `unfold.load_dictionary` reads.
    out : path, optional
        The picture; its suffix names the format, PNG where it has none. By default beside the
        file, with ``.phase.png``.
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
    read = read_dictionary(file, key=key)
    D, usual = read.atoms, read.facts.get("mean_active")
    report = phase_report(D, positive=positive, resolution=resolution, random_state=seed)
    beside = file / "phase.png" if file.is_dir() else file.with_suffix(".phase.png")
    picture = Path(out) if out else beside
    if picture.suffix.lower() not in PICTURES:
        picture = picture.with_name(f"{picture.name}.png")
    picture.parent.mkdir(parents=True, exist_ok=True)
    rho = usual / D.shape[1] if isinstance(usual, int | float) else None
    draw_phase(report, rho=rho).savefig(picture)
    return report, picture


def explain_file(
    file: str | Path,
    dictionary: str | Path,
    rows: Sequence[int] = (0,),
    *,
    key: str | None = None,
    dictionary_key: str | None = None,
    tolerance: float | None = None,
    positive: bool | None = None,
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
    key, dictionary_key : str, optional
        Which array of the file, of the dictionary, where it has several.
    tolerance : float, optional
        Residual allowed, relative to the norm of the sample; by default what the noise that the
        fit measured leaves, or 5% where it measured none.
    positive : bool, optional
        Whether amplitudes are non-negative; by default as the fit found.
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

    known = _known(dictionary, dictionary_key, positive)
    X = open_activations(file, key)
    for row in rows:
        if not -len(X) <= row < len(X):
            raise ValueError(f"{str(file)!r} has {len(X)} samples: there is no row {row}.")
    found: list[Decomposition] = []
    for x in X[[row % len(X) for row in rows]]:
        size = float(np.linalg.norm(x - known.offset)) if len(x) == len(known.offset) else 0.0
        allowed = _allowed(known, size) if tolerance is None else tolerance
        directions = known.directions()
        found += explain(x[None], directions, tolerance=allowed, positive=known.positive)
    pictures: list[Path | None] = [None] * len(found)
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
        for i, (row, decomposition) in enumerate(zip(rows, found, strict=True)):
            pictures[i] = picture = Path(out) / f"sample-{row}.png"
            decomposition.draw().savefig(picture)
    return list(zip(rows, found, pictures, strict=True))


def certify_file(
    file: str | Path,
    dictionary: str | Path,
    *,
    key: str | None = None,
    dictionary_key: str | None = None,
    tolerance: float | None = None,
    confidence: float = 0.95,
    positive: bool | None = None,
    max_samples: int = CERTIFIED,
    seed: int = 0,
) -> "Certificate":
    """Bound how many features a dictionary misses, from activations that it was not fitted to.

    Parameters
    ----------
    file : path
        Activations of shape (n, d) that took no part in the fit.
    dictionary : path
        What ``unfold fit`` wrote, or any that `unfold.load_dictionary` reads.
    key, dictionary_key : str, optional
    tolerance : float, optional
        Residual allowed, relative to the typical norm; by default as for `explain_file`.
    confidence : float
    positive : bool, optional
    max_samples : int
        Of more samples a random choice is taken.
    seed : int

    Returns
    -------
    Certificate

    Raises
    ------
    FileError, ValueError
        As `explain_file`, and `unfold.certify`.
    """
    from unfold.unfolding.certification import certify

    known = _known(dictionary, dictionary_key, positive)
    X: Any = open_activations(file, key)
    if len(X) > max_samples:
        rng = np.random.default_rng(seed)
        X = X[np.sort(rng.choice(len(X), max_samples, replace=False))]
    X = np.asarray(X)
    if X.shape[1] != len(known.offset):
        raise ValueError(
            f"{str(file)!r} has {X.shape[1]} dimensions, the dictionary {len(known.offset)}."
        )
    size = root_mean_square(X - known.offset)
    allowed = _allowed(known, size) if tolerance is None else tolerance
    return certify(
        X, known.directions(), allowed, confidence, positive=known.positive, random_state=seed
    )


@dataclass(frozen=True, eq=False)
class _Known:
    """A dictionary, with what its fit measured."""

    atoms: np.ndarray
    offset: np.ndarray
    noise: float | None
    positive: bool

    def directions(self) -> Any:
        """Return it as a fitted method."""
        from unfold.unfolding.known_directions import KnownDirections

        return KnownDirections(self.atoms, mean=self.offset, positive=self.positive)


def _known(path: str | Path, key: str | None, positive: bool | None) -> _Known:
    read = read_dictionary(path, key=key)
    found = read.facts.get("positive")
    sign = (True if found is None else bool(found)) if positive is None else positive
    noise = read.facts.get("noise")
    measured = float(noise) if isinstance(noise, int | float) else None
    return _Known(read.atoms, read.offset, measured, sign)


def _allowed(known: _Known, size: float) -> float:
    """Return the residual that noise may leave of a sample of norm ``size``, relative to it."""
    if not known.noise or not size:
        return TOLERANCE
    most = known.noise * float(chi2.ppf(NOISE_QUANTILE, len(known.offset))) ** 0.5
    return min(max(TOLERANCE, most / size), 1 - 1e-9)
