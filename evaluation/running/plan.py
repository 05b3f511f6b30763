"""From a suite to cells: problem x method x seed x track x tuning, each with its key."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.isolation.pool import Slot
from evaluation.running.cell_keys import (
    canonical,
    content_key,
    method_source,
    method_target,
    task_base,
)
from evaluation.running.problems import NamedProblem, find_problems, salt_fingerprint
from evaluation.running.record import Limits, Record, Track, Tuning
from evaluation.running.selectors import WHOLE, MethodChoice, Shard, parse_methods
from evaluation.running.store import METHODS, Scan, scan_records
from evaluation.running.suites import Suite
from evaluation.scoring.controls import CONTROLS
from unfold.registry import did_you_mean, list_methods

DESCRIBE_LIMITS = Limits(seconds=60, bytes=4 * 10**9)


@dataclass(frozen=True, eq=False)
class Method:
    """A method as it is about to be run, described by a child process that imported it.

    Attributes
    ----------
    choice : MethodChoice
    target : str
        "pkg.mod:Class", "file.py:Class", or "control".
    source : Mapping
        Distribution and version, or files and hashes.
    defaults, hints, search_space : Mapping
        Of the constructor; empty if the class cannot be imported.
    family : str
    told_nothing : bool
        Whether the informed track tells it nothing, which may not have been meant.
    failure : Mapping
        How importing it ended, where that failed: "status", "reason", ...
    """

    choice: MethodChoice
    target: str
    source: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    search_space: Mapping[str, list[Any]] = field(default_factory=dict)
    family: str = ""
    told_nothing: bool = False
    failure: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Cell:
    """One thing to run."""

    key: str
    problem: NamedProblem
    method: Method
    seed: int
    track: Track
    tuning: Tuning
    limits: Limits

    @property
    def is_control(self) -> bool:
        """Whether the cell is a level of the scale rather than a method."""
        return self.method.target == "control"


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run will do.

    Attributes
    ----------
    suite : Suite
    cells : tuple of Cell
        All, in order.
    done : Mapping of str to Record
        By key, the cells whose results are reused.
    scan : Scan
        What the results folder held.
    same : Mapping of str to str
        Methods that are another one by their parameters, and whose cells they share.
    """

    suite: Suite
    cells: tuple[Cell, ...]
    done: Mapping[str, Record]
    scan: Scan
    same: Mapping[str, str] = field(default_factory=dict)

    @property
    def pending(self) -> list[Cell]:
        """Cells that are still to run."""
        return [cell for cell in self.cells if cell.key not in self.done]

    def seconds_left(self) -> float | None:
        """Return what the pending cells will cost one worker, judged by records of the same method.

        None where nothing of any pending method was ever recorded here.
        """
        costs: dict[str, list[float]] = {}
        for record in self.scan.records.values():
            cost = (record.fit_seconds or 0.0) + (record.encode_seconds or 0.0)
            costs.setdefault(record.method, []).append(
                record.limits.seconds if record.status == "timeout" else cost
            )
        pending = Counter(cell.method.choice.name for cell in self.pending)
        known = {name: sum(costs[name]) / len(costs[name]) for name in pending if name in costs}
        if not known:
            return None
        typical = sum(known.values()) / len(known)
        return sum(count * known.get(name, typical) for name, count in pending.items())


def make_plan(
    suite: Suite,
    out: str | Path,
    *,
    salt: str = "",
    only_failed: bool = False,
    force: bool = False,
    shard: Shard = WHOLE,
    slots: Sequence[Slot] = (),
) -> Plan:
    """Return every cell of a suite with its key, and which are already done.

    Parameters
    ----------
    suite : Suite
    out : str or Path
        Results folder; need not exist.
    salt : str
        Secret that draws the problems; part of their identity.
    only_failed : bool
        Run again what did not end ok, and nothing that was never run.
    force : bool
        Run everything again.
    shard : Shard
        The part of the cells to keep; by default all.
    slots : sequence of Slot
        Where to ask methods about themselves; one is made, and closed, if there is none.

    Raises
    ------
    ValueError
        If a selector, problem or file does not exist.
    """
    problems = find_problems(suite.problems)
    if not problems:
        raise ValueError("No problem is chosen: name one with -p, or a suite with -s.")
    methods = describe(parse_methods(suite.methods, list_methods()), Path(out), slots)
    print_of_salt = salt_fingerprint(salt)
    controls = [Method(MethodChoice(name), "control") for name in CONTROLS]
    entries: list[tuple[Method, Tuning]] = [(control, "default") for control in controls]
    entries += [(m, t) for m in methods for t in suite.tuning if t == "default" or m.search_space]
    cells = [
        _cell(problem, method, seed, track, tuning, suite.limits, print_of_salt)
        for problem in problems
        for seed in suite.seeds
        for track in suite.tracks
        for method, tuning in entries
    ]
    cells, same = _once([cell for cell in cells if shard.takes(cell.key)])
    scan = scan_records(out)
    stored = {c.key: scan.records[c.key] for c in cells if c.key in scan.records}
    done = {} if force else {k: r for k, r in stored.items() if _stands(r, suite.limits)}
    if only_failed:
        cells = [cell for cell in cells if cell.key in scan.records]
        done = {key: record for key, record in done.items() if record.status == "ok"}
    return Plan(suite, tuple(cells), done, scan, same)


def _once(cells: Sequence[Cell]) -> tuple[list[Cell], dict[str, str]]:
    """Return cells without repetitions, and which methods are which other ones."""
    first: dict[str, Cell] = {}
    same: dict[str, str] = {}
    for cell in cells:
        name, own = cell.method.choice.name, first.setdefault(cell.key, cell).method.choice.name
        if own != name:
            same[name] = own
    return list(first.values()), same


def _stands(record: Record, limits: Limits) -> bool:
    """Tell whether a stored result is one under other limits, too.

    What ended by itself would end so again; what was stopped at a limit gets a larger one's chance.
    """
    if record.status == "timeout":
        return record.limits.seconds >= limits.seconds
    if record.status == "out_of_memory":
        return record.limits.bytes >= limits.bytes
    return True


def _cell(
    problem: NamedProblem,
    method: Method,
    seed: int,
    track: Track,
    tuning: Tuning,
    limits: Limits,
    salt: str,
) -> Cell:
    control = method.target == "control"
    where, _, name = method.target.rpartition(":")
    identity = {
        "problem": {"name": problem.name, "spec": dict(problem.spec), "salt": salt},
        "method": method.choice.name
        if control
        else {
            "target": f"{Path(where).name}:{name}" if where.endswith(".py") else method.target,
            "source": dict(method.source),
            "params": {**method.defaults, **method.choice.params},
        },
        "seed": seed,
        "track": track,
        "hints": dict(method.hints) if track == "informed" else {},
        "search": dict(method.search_space) if tuning == "tuned" else {},
        "tuning": tuning,
        # Times follow the threads; what time and memory may be does not change what comes out.
        "limits": {} if control else {"threads": limits.threads},
    }
    return Cell(content_key(identity), problem, method, seed, track, tuning, limits)


def describe(
    choices: Sequence[MethodChoice], out: Path, slots: Sequence[Slot] = ()
) -> list[Method]:
    """Return methods with their defaults and hints, asked of a child process.

    This process imports none of them. Answers are kept in ``out/methods`` by the hash of the
    source, so that a run that finds everything done starts no child at all.
    """
    with _Describer(out, slots) as describer:
        methods = [describer.describe(choice) for choice in choices]
    _refuse_unloadable(methods)
    for method in methods:
        unknown = sorted(set(method.choice.params) - set(method.defaults))
        if unknown and not method.failure:
            near = did_you_mean(unknown[0], method.defaults, "expected some of")
            raise ValueError(
                f"{method.choice.path!r} takes no parameter {unknown[0]!r}: {near} "
                f"({', '.join(method.defaults)})"
            )
    return methods


def _refuse_unloadable(methods: Sequence[Method]) -> None:
    """Raise for classes named by their path that cannot be loaded: once, before any cell runs."""
    faults = {
        f"  {method.choice.path}: {method.failure['reason']}"
        for method in methods
        if method.failure and ":" in method.choice.path
    }
    if faults:
        raise ValueError("\n".join(["Nothing was run; these do not load:", *sorted(faults)]))


class _Describer:
    """Asks a child, started at the first question that is not answered on disk."""

    def __init__(self, out: Path, slots: Sequence[Slot]) -> None:
        self._folder = out / METHODS
        self._slots, self._own = list(slots), not slots

    def __enter__(self) -> "_Describer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            for slot in self._slots:
                slot.close()

    def _ask(self, task: dict[str, Any]) -> dict[str, Any]:
        self._slots = self._slots or [Slot()]
        for slot in self._slots:  # what is not known was not run: all will be needed
            slot.start()
        return self._slots[0].submit(task)

    def describe(self, choice: MethodChoice) -> Method:
        target = method_target(choice.path)
        source = method_source(target) | _file_source(choice)
        name = hashlib.sha256(canonical([target, source]).encode()).hexdigest()[:24]
        answer = _read_answer(self._folder / f"{name}.json")
        if answer is None:
            answer = self._ask(task_base(target, DESCRIBE_LIMITS) | {"action": "describe"})
            answer = {key: answer[key] for key in _ANSWER if key in answer}
            if answer["status"] == "ok":
                _keep_answer(self._folder / f"{name}.json", answer)
        if answer["status"] != "ok":
            if ":" not in choice.path:  # an installed method that lacks a package, or is broken
                answer["status"] = "skipped"
            return Method(choice, target, source, failure=answer)
        return Method(
            choice,
            target,
            source,
            answer["defaults"],
            answer["hints"],
            _search_space(choice, answer),
            answer["family"],
            answer.get("told_nothing", False),
        )


def _file_source(choice: MethodChoice) -> dict[str, str]:
    """Return the content of the dictionary that a method reads, so that another is another cell."""
    if choice.file is None:
        return {}
    path = choice.file
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    content = hashlib.sha256()
    for file in files:
        if not file.is_file():
            raise ValueError(f"No file or folder {str(path)!r} with a dictionary.")
        with file.open("rb") as opened:
            content.update(hashlib.file_digest(opened, "sha256").digest())
    return {"dictionary": content.hexdigest()}


_ANSWER = (
    "status",
    "reason",
    "defaults",
    "hints",
    "family",
    "told_nothing",
    "search_space",
    "exception_type",
    "traceback",
    "log",
    "exit_code",
)


def _search_space(choice: MethodChoice, answer: Mapping[str, Any]) -> dict[str, list[Any]]:
    from evaluation.isolation.tuning import SEARCH_SPACES

    space = answer["search_space"] or SEARCH_SPACES.get(choice.path, {})
    return {name: values for name, values in space.items() if name not in choice.params}


def _read_answer(path: Path) -> dict[str, Any] | None:
    try:
        answer = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) and answer.get("status") == "ok" else None


def _keep_answer(path: Path, answer: Mapping[str, Any]) -> None:
    from contextlib import suppress

    from evaluation.running.store import write_atomically

    if path.parent.parent.is_dir():
        with suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, canonical(answer).encode())
