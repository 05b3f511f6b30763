"""Compare files of dictionaries: a JSON with a version, and a page."""

import json
from collections.abc import Sequence
from pathlib import Path

from unfold.comparison import Comparison, Pair, compare_dictionaries

#: Rows of a table on the page; the JSON has all.
MOST_ROWS = 200

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
<div class="wide"><table><tr><th>dictionary<th>atoms<th>distinct</tr>
{% for name, size, count in sizes %}<tr><td>{{ name }}<td>{{ size }}<td>{{ count }}</tr>
{% endfor %}</table></div>
<p>In {{ d }} dimensions. Atoms are distinct where no earlier one has a cosine above .9.</p>
{% for pair in pairs %}
<h2>{{ pair.names[0] }} and {{ pair.names[1] }}</h2>
<div class="wide"><table>
{% for what, value in facts(pair).items() %}<tr><td>{{ what }}<td>{{ value }}</tr>
{% endfor %}</table></div>
<details><summary>closest pairs</summary><div class="wide"><table>
<tr><th>cosine<th>{{ pair.names[0] }}<th>{{ pair.names[1] }}</tr>
{% for (i, j), c in rows(pair) %}<tr><td>{{ "%.3f"|format(c) }}<td>{{ i }}<td>{{ j }}</tr>
{% endfor %}</table></div></details>
{% endfor %}
</html>
"""


def compare_files(
    files: Sequence[str | Path], out: str | Path, *, seed: int = 0
) -> tuple[Comparison, list[Path]]:
    """Compare the dictionaries in files, and write ``comparison.json`` and ``.html`` to a folder.

    Parameters
    ----------
    files : sequence of str or Path
        Two or more, of any format that `unfold.load_dictionary` reads.
    out : str or Path
    seed : int
        Draws the null.

    Returns
    -------
    comparison : Comparison
    paths : list of Path

    Raises
    ------
    ValueError, FileNotFoundError, FileError
        As `unfold.compare_dictionaries`.
    """
    from jinja2 import Environment

    from evaluation.running.store import write_atomically

    found = compare_dictionaries(*files, names=_names(files), random_state=seed)
    template = Environment(autoescape=True).from_string(_PAGE)
    page = template.render(
        sizes=zip(found.names, found.sizes, found.distinct, strict=True), d=found.d,
        pairs=found.pairs, facts=facts, rows=_rows,
    )  # fmt: skip
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"comparison.json": json.dumps(found.as_json()) + "\n", "comparison.html": page}
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
    return found, [folder / name for name in texts]


def facts(pair: Pair) -> dict[str, str]:
    """Return what a pair comes to, a line a fact."""
    first, second = pair.names
    null = "" if pair.null is None else f"; by chance {pair.null:.3f}"
    several = [len(side) for side in pair.one_to_many]
    return {
        "stability (mean one-to-one cosine)": f"{pair.stability:.3f}{null}",
        "partners above .9 / .7": f"{(pair.cosines > 0.9).sum()} / {(pair.cosines > 0.7).sum()}",
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
