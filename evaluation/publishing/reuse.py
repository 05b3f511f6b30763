"""A newcomer runs one method only, and sees the whole board: published records stand in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.publishing.files import read_published
from evaluation.running.judging import metrics_version
from evaluation.running.problems import find_problems, salt_fingerprint
from evaluation.running.record import Record
from evaluation.running.selectors import parse_methods
from evaluation.running.store import Store, load_records, scan_records
from evaluation.running.suites import Suite


@dataclass
class Reused:
    """What was taken from published boards.

    Attributes
    ----------
    methods : tuple of str
        Whose records stand beside those that are run, controls included.
    n_records : int
    notes : list of str
        What was left out, and why.
    """

    methods: tuple[str, ...] = ()
    n_records: int = 0
    notes: list[str] = field(default_factory=list)


def reuse(suite: Suite, published: str | Path, out: str | Path, *, salt: str = "") -> Reused:
    """Put the published records of a suite's problems into a results folder.

    Methods that the suite names itself are not taken: they are about to be run, and their own
    result is what is asked for.

    Parameters
    ----------
    suite : Suite
        Its problems, seeds and tracks choose the records.
    published : path
        As ``leaderboards/``: a folder a suite. All boards are looked through, as suites share
        problems.
    out : path
        Results folder.
    salt : str
        Of the run; published records are of problems without one.

    Returns
    -------
    Reused

    Raises
    ------
    ValueError
        If the run is salted: nothing published is of its problems; or a file cannot be read.
    FileNotFoundError
        If nothing is published there.
    StoreError
        If ``out`` cannot be written to.
    """
    if salt_fingerprint(salt):
        raise ValueError(
            "Published records are of problems that everybody can draw; a run with a salt has "
            "others. Leave out --reuse or --salt-file."
        )
    own = _registered_names(suite.methods)
    specs = {problem.name: dict(problem.spec) for problem in find_problems(suite.problems)}
    fitting, stale = [], 0
    for record in _distinct(read_published(published)):
        if record.problem not in specs or record.seed not in suite.seeds:
            continue
        if record.track not in suite.tracks or record.method in own or record.salt:
            continue
        spec = specs[record.problem]
        current = record.metrics_version in ("", metrics_version(spec))
        if dict(record.problem_spec) != spec or not current:
            stale += 1
            continue
        fitting.append(record)
    with Store(out) as store:
        there = scan_records(out).records
        for record in fitting:
            if record.key not in there:
                store.write(record)
    notes = _limits_note(fitting, suite)
    if stale:
        notes.append(
            f"{stale} published record(s) left out: their problem or metrics have changed since."
        )
    return Reused(tuple(sorted({r.method for r in fitting})), len(fitting), notes)


def data_note(out: str | Path) -> list[str]:
    """Say where cells of one problem and seed in a folder were run on data of different bits."""
    digests: dict[tuple[str, int], set[str]] = {}
    for record in load_records(out):
        digests.setdefault((record.problem, record.seed), set()).add(record.problem_digest)
    differing = sorted({problem for (problem, _), seen in digests.items() if len(seen - {""}) > 1})
    if not differing:
        return []
    return [
        f"On {len(differing)} problem(s) the published records are of data that differ in bits "
        f"from those drawn here (another processor or library): {', '.join(differing[:3])}"
        f"{', ...' if len(differing) > 3 else ''}."
    ]


def _registered_names(selectors: Sequence[str]) -> set[str]:
    from unfold.registry import list_methods

    return {choice.name for choice in parse_methods(selectors, list_methods())}


def _distinct(boards: dict[str, list[Record]]) -> Iterable[Record]:
    return {record.key: record for records in boards.values() for record in records}.values()


def _limits_note(records: Sequence[Record], suite: Suite) -> list[str]:
    others = {r.limits.seconds for r in records} - {suite.limits.seconds}
    if not others:
        return []
    told = ", ".join(f"{seconds:g} s" for seconds in sorted(others))
    return [f"Published records ran under a limit of {told}; this run's is another."]
