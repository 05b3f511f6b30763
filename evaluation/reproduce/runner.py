"""Run experiments, keep each one's result, and write the page."""

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from evaluation.reproduce.experiment import Experiment, Fact
from unfold.registry import did_you_mean

#: Called before each experiment and at the end: its title ("" at the end), how many are done, of
#: how many.
Progress = Callable[[str, int, int], None]


def list_experiments() -> list[str]:
    """Return the ids of all experiments, in the order of the page."""
    from evaluation.reproduce.catalogue import EXPERIMENTS

    return [experiment.id for experiment in EXPERIMENTS]


def reproduce(
    only: str | Sequence[str] | None = None,
    out: str | Path = "reproduction",
    full: bool = False,
    progress: Progress | bool = True,
) -> list[Fact]:
    """Run the published experiments, check their facts, draw their figures.

    Each finished experiment is kept in ``out``: after an interruption, or when more of them are
    asked for, only what is missing is run. A change of the code that they rest on runs them anew.

    Parameters
    ----------
    only : str or sequence of str, optional
        Ids of `list_experiments` to run; all of them by default.
    out : path
        Folder for ``reproduction.html`` (self-contained), ``reproduction.json`` (a list of facts)
        and one PNG figure and JSON file an experiment.
    full : bool
        Use the published sizes, which take hours on a CPU, instead of reduced ones.
    progress : bool or callable
        True draws a progress bar on the terminal.

    Returns
    -------
    facts : list of Fact
        Of the experiments asked for.

    Raises
    ------
    ValueError
        If an id is unknown.

    References
    ----------
    Elhage et al., "Toy Models of Superposition", 2022, and its successors.
    """
    chosen = _choose([only] if isinstance(only, str) else only)
    for experiment in _choose(None):  # the sources may change while experiments run
        _version(experiment, full)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    if callable(progress):
        _run_all(chosen, folder, full, progress)
    elif progress:
        _run_with_bar(chosen, folder, full)
    else:
        _run_all(chosen, folder, full, lambda title, done, total: None)
    _publish(folder, full)
    return [fact for experiment in chosen for fact in _load(folder, experiment, full) or []]


def _choose(only: Sequence[str] | None) -> list[Experiment]:
    """Return the experiments asked for, in the order of the page."""
    from evaluation.reproduce.catalogue import EXPERIMENTS

    known = {experiment.id: experiment for experiment in EXPERIMENTS}
    for name in only or []:
        if name not in known:
            hint = did_you_mean(name, known, "see `unfold list experiments`.")
            raise ValueError(f"There is no experiment {name!r}: {hint}")
    return [one for one in EXPERIMENTS if only is None or one.id in only]


def _run_all(chosen: list[Experiment], folder: Path, full: bool, progress: Progress) -> None:
    """Run what is not there yet."""
    for done, experiment in enumerate(chosen):
        progress(experiment.title, done, len(chosen))
        if _load(folder, experiment, full) is None:
            _run_one(experiment, folder, full)
    progress("", len(chosen), len(chosen))


def _run_with_bar(chosen: list[Experiment], folder: Path, full: bool) -> None:
    """Run under a progress bar on the terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("", total=len(chosen))

        def show(title: str, done: int, total: int) -> None:
            bar.update(task, description=title or "done", completed=done)

        _run_all(chosen, folder, full, show)


def _run_one(experiment: Experiment, folder: Path, full: bool) -> None:
    """Run one experiment; its JSON is written last, and whole, so that its presence is proof."""
    from evaluation.reproduce import style

    start = time.perf_counter()
    with style.house():
        outcome = experiment.run(full)
        style.save(outcome.figure, folder / f"{experiment.id}.png")
    seconds = round(time.perf_counter() - start, 1)
    facts = [
        replace(fact, id=f"{experiment.id}/{fact.id}", seconds=seconds) for fact in outcome.facts
    ]
    record = {
        "version": _version(experiment, full),
        "full": full,
        "facts": [asdict(fact) for fact in facts],
        "numbers": dict(outcome.numbers),
    }
    target = folder / f"{experiment.id}.json"
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
    partial.replace(target)


def _load(folder: Path, experiment: Experiment, full: bool) -> list[Fact] | None:
    """Return the kept facts of an experiment; None if there are none of this version."""
    path = folder / f"{experiment.id}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["version"] != _version(experiment, full) or not path.with_suffix(".png").exists():
            return None
        return [Fact(**fact) for fact in record["facts"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _publish(folder: Path, full: bool) -> None:
    """Write the page and the table of everything the folder holds."""
    from evaluation.reproduce.catalogue import EXPERIMENTS
    from evaluation.reproduce.page import write_page

    kept = [(one, facts) for one in EXPERIMENTS if (facts := _load(folder, one, full))]
    table = [asdict(fact) for _, facts in kept for fact in facts]
    (folder / "reproduction.json").write_text(json.dumps(table, indent=1), encoding="utf-8")
    write_page(kept, folder)


@cache
def _version(experiment: Experiment, full: bool) -> str:
    """Return a fingerprint of the code that an experiment's result rests on, and of its size.

    It is of the code as it is when first asked for: the code that this process runs.
    """
    import toy
    import unfold

    here = Path(__file__).parent
    root = here.parents[1]
    own = Path(inspect.getfile(experiment.run))
    digest = hashlib.sha256(b"full" if full else b"reduced")
    code = [own, here / "experiment.py", here / "training.py", here / "style.py"]
    code += sorted(Path(toy.__file__).parent.rglob("*.py"))
    if "unfold" in own.read_text(encoding="utf-8"):
        code += sorted(Path(unfold.__file__).parent.rglob("*.py"))
        code += sorted((here.parent / "scoring").rglob("*.py"))
    for path in code:
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
