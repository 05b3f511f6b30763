"""The page: every fact in one table, every experiment with its figure, in one file."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from evaluation.reproduce.experiment import Experiment, Fact


def write_page(kept: Sequence[tuple[Experiment, list[Fact]]], folder: Path) -> None:
    """Write ``reproduction.html``, self-contained, from the results that a folder holds.

    Parameters
    ----------
    kept : sequence of (Experiment, facts)
    folder : Path
        Holds a PNG figure for each experiment.
    """
    from jinja2 import Environment, StrictUndefined

    template = Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    facts = [fact for _, found in kept for fact in found]
    page = environment.from_string(template).render(
        experiments=[
            {
                "experiment": experiment,
                "facts": found,
                "picture": _data_url(folder / f"{experiment.id}.png"),
                "seconds": found[0].seconds,
                "full": _is_full(folder / f"{experiment.id}.json"),
            }
            for experiment, found in kept
        ],
        facts=facts,
        holding=sum(fact.verdict == "holds" for fact in facts),
        seconds=sum(found[0].seconds for _, found in kept),
    )
    (folder / "reproduction.html").write_text(page, encoding="utf-8")


def _data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _is_full(path: Path) -> bool:
    return bool(json.loads(path.read_text(encoding="utf-8"))["full"])
