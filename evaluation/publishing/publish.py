"""Check the results of a method on a suite, and pack them for a published board."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.publishing.files import CONTROLS_FILE, file_name, pack, unpack
from evaluation.running.judging import metrics_version
from evaluation.running.problems import NamedProblem, find_problems
from evaluation.running.record import Limits, Record
from evaluation.running.store import load_records, write_atomically
from evaluation.running.suites import Suite, get_suite
from evaluation.scoring.controls import CONTROLS, is_control

Place = tuple[str, int, str]


@dataclass
class Published:
    """What was packed.

    Attributes
    ----------
    paths : list of Path
        Files written, one a method.
    n_records : int
    notes : list of str
    """

    paths: list[Path] = field(default_factory=list)
    n_records: int = 0
    notes: list[str] = field(default_factory=list)


def publish(
    out: str | Path,
    suite: str,
    boards: str | Path = "leaderboards",
    methods: Iterable[str] | None = None,
) -> Published:
    """Write ``boards/<suite>/<method>.jsonl.xz`` for the methods of a results folder.

    A method is published whole or not at all: it needs a record of every problem, seed and track
    of the suite, under the suite's limits, with the metrics of today. Failures count as results.
    Folders of the machine, logs and tracebacks are left out of what is written.

    Parameters
    ----------
    out : path
        Results folder, or several united by `merge`.
    suite : str
    boards : path
    methods : iterable of str, optional
        Names as in the results; all but those that are published already if None.

    Returns
    -------
    Published

    Raises
    ------
    ValueError
        If a method has no results, lacks cells, or was run under other limits, another salt or
        other metrics; the message says what to run.
    FileNotFoundError
        If there are no results in ``out``.
    """
    wanted = get_suite(suite)
    problems = {problem.name: problem for problem in find_problems(wanted.problems)}
    folder = Path(boards) / suite
    found = _by_method(load_records(out), wanted, problems)
    chosen = list(methods) if methods is not None else _new(found, folder)
    if not chosen:
        raise ValueError(
            f"Nothing to publish in {str(out)!r}: no method but those that are on the board "
            f"{suite!r} already; name one with -m to replace it."
        )
    done = Published()
    contents: dict[Path, bytes] = {}
    for method in chosen:
        if method not in found:
            known = ", ".join(name for name in found if not is_control(name)) or "none"
            raise ValueError(f"No results of {method!r} on {suite!r}: there are {known}.")
        contents[folder / file_name(method)] = pack(_checked(found[method], wanted, problems))
        done.n_records += len(found[method])
    ends = [record for control in CONTROLS for record in found.get(control, {}).values()]
    if ends and not _has_controls(folder, len(ends)):
        for control in CONTROLS:
            _checked(found.get(control, {}), wanted, problems, control)
        contents[folder / CONTROLS_FILE] = pack(clean(record) for record in ends)
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        write_atomically(path, content)
    done.paths = list(contents)
    if not (folder / CONTROLS_FILE).exists():
        done.notes.append("No control rows are published yet: chance and oracle will be assumed.")
    return done


def _by_method(
    records: Iterable[Record], suite: Suite, problems: Mapping[str, NamedProblem]
) -> dict[str, dict[Place, Record]]:
    """Return the latest record of each cell of the suite, by method and place."""
    found: dict[str, dict[Place, Record]] = {}
    for record in sorted(records, key=lambda r: (r.started_at, r.key)):
        inside = record.problem in problems and record.seed in suite.seeds
        if inside and record.track in suite.tracks and record.tuning == "default":
            place = (record.problem, record.seed, record.track)
            found.setdefault(record.method, {})[place] = record
    return found


def _new(found: Mapping[str, Any], folder: Path) -> list[str]:
    return [
        name for name in found if not is_control(name) and not (folder / file_name(name)).exists()
    ]


def _has_controls(folder: Path, most: int) -> bool:
    """Tell whether control rows are published, and as many of today's as there are here."""
    path = folder / CONTROLS_FILE
    if not path.is_file():
        return False
    current = [
        r for r in unpack(path.read_bytes()) if r.metrics_version == metrics_version(r.problem_spec)
    ]
    return len(current) >= most


def _checked(
    records: Mapping[Place, Record],
    suite: Suite,
    problems: Mapping[str, NamedProblem],
    name: str = "",
) -> list[Record]:
    """Return records fit to be published."""
    places = [(p, s, t) for p in problems for s in suite.seeds for t in suite.tracks]
    name = name or next(iter(records.values())).method
    if missing := [place for place in places if place not in records]:
        problem, seed, track = missing[0]
        raise ValueError(
            f"{name} lacks {len(missing)} of {len(places)} cells of {suite.name!r}, as {problem}, "
            f"seed {seed}, {track}: `unfold run -s {suite.name} -m {name}` into the same folder "
            f"adds them."
        )
    for record in records.values():
        if fault := _fault(record, suite, problems[record.problem]):
            where = f"{name} on {record.problem}, seed {record.seed}, {record.track}"
            raise ValueError(f"{where}, cannot be published: {fault}.")
    return [clean(record) for record in records.values()]


def _fault(record: Record, suite: Suite, problem: NamedProblem) -> str:
    """Return what is wrong with a record; empty if nothing is."""
    if record.salt:
        return "it is of a salted problem, which nobody else can draw"
    if dict(record.problem_spec) != dict(problem.spec):
        return "the problem of that name was another one then"
    if not is_control(record.method) and not _as_under(record, suite.limits):
        ran, due = _told(record.limits), _told(suite.limits)
        return f"it ran under {ran}, the suite's limits are {due}"
    if record.status == "skipped":
        return f"it was not run ({record.reason})"
    if record.status == "ok" and record.metrics_version != metrics_version(record.problem_spec):
        return "its metrics are of another version; `unfold score` brings them up to date"
    return ""


def _as_under(record: Record, limits: Limits) -> bool:
    """Tell whether a cell would have ended so under these limits."""
    ran = record.limits
    if ran == limits or ran.threads != limits.threads:
        return ran == limits
    if record.status == "timeout":
        return ran.seconds >= limits.seconds
    if record.status == "out_of_memory":
        return ran.bytes >= limits.bytes
    seconds = (record.fit_seconds or 0.0) + (record.encode_seconds or 0.0)
    return seconds <= limits.seconds and (record.peak_bytes or 0) <= limits.bytes


def _told(limits: Limits) -> str:
    return f"{limits.seconds:g} s, {limits.bytes / 1e9:g} GB and {limits.threads} thread(s)"


def clean(record: Record) -> Record:
    """Return a record without what belongs to a machine: folders, logs, tracebacks."""
    bare = {"suite": "", "log_tail": "", "traceback": "", "warnings": ()}
    folder = Path(record.method_path.rpartition(":")[0]).parent
    path = record.method_path
    if record.method_path.rpartition(":")[0].endswith(".py"):
        path = Path(record.method_path).name
    params = {name: _short(value) for name, value in record.params.items()}
    command = record.command
    for value in record.params.values():
        if isinstance(value, str) and value != _short(value):
            command = command.replace(value, _short(value))
    if path != record.method_path and str(folder) != ".":
        command = command.replace(f"{folder}/", "")
    changes = bare | {"method_path": path, "params": params, "command": command}
    return record.model_copy(update=changes)


def _short(value: Any) -> Any:
    """Return a path without the folders above its own; anything else as it is."""
    if isinstance(value, str) and Path(value).is_absolute():
        return str(Path(*Path(value).parts[-2:]))
    return value
