"""Compare files of dictionaries: a JSON with a version, and a page."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unfold.comparison import COUNTERPART, Comparison, Pair, compare_dictionaries
from unfold.same_direction import APART

#: Samples that say how many atoms are active: the mean of 10,000 is good to a percent.
MOST_SAMPLES = 10_000
#: Rows of a table on the page; the JSON has all.
MOST_ROWS = 200
#: Cosines of partners that are counted: as one direction, and as counterparts.
PARTNERS = (APART, COUNTERPART)

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dictionaries side by side</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto } table { border-collapse: collapse }
td, th { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd }
td:first-child, th:first-child { text-align: left }
</style>
<h1>Dictionaries side by side</h1>
<div class="wide"><table><tr><th>dictionary{% for what in columns %}<th>{{ what }}{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}{% endfor %}</tr>
{% endfor %}</table></div>
<p>In {{ d }} dimensions. Atoms are distinct where no earlier one has a cosine above .9.</p>
{% for pair in pairs %}
<h2>{{ pair.names[0] }} and {{ pair.names[1] }}</h2>
<div class="wide"><table>
{% for what, value in facts(pair).items() %}<tr><td>{{ what }}<td>{{ value }}</tr>
{% endfor %}</table></div>
<details><summary>closest pairs</summary><div class="wide"><table>
<tr><th>cosine<th>{{ pair.names[0] }}<th>{{ pair.names[1] }}</tr>
{% for (i, j), c in closest(pair) %}<tr><td>{{ "%.3f"|format(c) }}<td>{{ i }}<td>{{ j }}</tr>
{% endfor %}</table></div></details>
{% endfor %}
</html>
"""


def compare_files(
    files: Sequence[str | Path],
    out: str | Path,
    *,
    activations: str | Path | None = None,
    seed: int = 0,
) -> tuple[Comparison, list[dict[str, Any]], list[Path]]:
    """Compare the dictionaries in files, and write ``comparison.json`` and ``.html`` to a folder.

    Parameters
    ----------
    files : sequence of str or Path
        Two or more, of any format that `unfold.load_dictionary` reads.
    out : str or Path
    activations : str or Path, optional
        To say how many atoms of each dictionary are active in a sample, and what they explain, by
        its own encoder; at most `MOST_SAMPLES`, evenly spread.
    seed : int
        Draws the null.

    Returns
    -------
    comparison : Comparison
    table : list of dict
        "dictionary", "atoms", "distinct" and, with activations, "L0" and "variance explained".
    paths : list of Path

    Raises
    ------
    ValueError, FileNotFoundError, FileError
        As `unfold.compare_dictionaries`; also where activations have another dimension.
    """
    from jinja2 import Environment

    from evaluation.running.store import write_atomically

    found = compare_dictionaries(*files, names=_names(files), random_state=seed)
    table: list[dict[str, Any]] = [
        {"dictionary": name, "atoms": size, "distinct": count}
        for name, size, count in zip(found.names, found.sizes, found.distinct, strict=True)
    ]
    if activations is not None:
        for row, does in zip(table, _active(files, activations, found.d), strict=True):
            row |= does
    template = Environment(autoescape=True).from_string(_PAGE)
    page = template.render(
        columns=list(table[0])[1:],
        rows=[[_cell(value) for value in row.values()] for row in table],
        d=found.d,
        pairs=found.pairs,
        facts=facts,
        closest=_rows,
    )
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    known = found.as_json() | {"dictionaries": table}
    texts = {"comparison.json": json.dumps(known) + "\n", "comparison.html": page}
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
    return found, table, [folder / name for name in texts]


def _active(
    files: Sequence[str | Path], activations: str | Path, d: int
) -> Iterator[dict[str, float]]:
    """Yield what each dictionary does with samples, encoded as its file says."""
    from evaluation.own_activations.measure import measure
    from unfold.dictionaries import load_dictionary
    from unfold.io.activations import open_activations

    X = open_activations(activations)
    if X.shape[1] != d:
        raise ValueError(
            f"{str(activations)!r} has {X.shape[1]} dimensions, the dictionaries {d}: give "
            f"activations of the layer that they were fitted to."
        )
    chosen = np.unique(np.linspace(0, len(X) - 1, min(len(X), MOST_SAMPLES)).astype(int))
    samples = np.asarray(X[chosen])
    for file in files:
        done = measure(load_dictionary(file), samples)
        yield {"L0": done.mean_active, "variance explained": done.explained_variance}


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def facts(pair: Pair) -> dict[str, str]:
    """Return what a pair comes to, a line a fact."""
    first, second = pair.names
    null = "" if pair.null is None else f"; by chance {pair.null:.3f}"
    several = [len(side) for side in pair.one_to_many]
    return {
        "stability (mean one-to-one cosine)": f"{pair.stability:.3f}{null}",
        f"partners above {APART:g} / {COUNTERPART:g}": " / ".join(
            str((pair.cosines > c).sum()) for c in PARTNERS
        ),
        f"only in {first}": str(len(pair.only_in[0])),
        f"only in {second}": str(len(pair.only_in[1])),
        f"of {first}, split in {second}": str(several[0]),
        f"of {second}, split in {first}": str(several[1]),
        "overlap of spans": f"{pair.overlap:.3f}; by chance {pair.chance_overlap:.3f}",
    }


def _names(files: Sequence[str | Path]) -> list[str]:
    """Return names that tell files apart: their own, or whole paths where two have one."""
    names = [Path(file).name for file in files]
    return names if len(set(names)) == len(names) else [str(file) for file in files]


def _rows(pair: Pair) -> list[tuple[tuple[int, int], float]]:
    return list(zip(pair.matches.tolist(), pair.cosines.tolist(), strict=True))[:MOST_ROWS]
