"""Where the truth lives: problems are made, told apart into what a method sees, and scored."""

import contextlib
import hashlib
import shlex
import shutil
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.isolation.estimates import decode, fault
from evaluation.isolation.pool import Slot
from evaluation.running.cell_keys import task_base
from evaluation.running.judging import (
    AnyProblem,
    metrics_version,
    score_controls,
    score_estimate,
)
from evaluation.running.plan import Cell
from evaluation.running.problems import axes, facts, make, salt_fingerprint
from evaluation.running.record import Record, environment
from unfold.io.formats.contents import files_of

#: Trials of a tuned cell, the same for every method.
N_TRIALS = 8
#: More atoms than this a true feature are not matched: that is a dump of the data.
MOST_ATOMS_A_FEATURE = 200

Ended = tuple[Record, bytes | None, str]


class Problems:
    """Problems in use, each made when a cell needs it; idle ones go when another is made.

    Parameters
    ----------
    salt : str
    private : sequence of Path
        Files and folders that methods must not read.
    root : Path
        Where relative paths start.
    """

    def __init__(self, salt: str, private: Sequence[Path], root: Path) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="unfold-"))
        self._salt, self._private, self._root = salt, private, root
        self._users: Counter[tuple[str, int]] = Counter()
        self._prepared: dict[tuple[str, int], PreparedProblem] = {}
        self._locks: defaultdict[tuple[str, int], threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Remove what methods could read."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    @contextlib.contextmanager
    def prepared(self, cell: Cell) -> "Iterator[PreparedProblem]":
        """Hold the problem of a cell ready while the cell runs."""
        place = _place(cell)
        with self._lock:
            self._users[place] += 1
            if place not in self._prepared:
                self._drop_unused()
            lock = self._locks[place]
        try:
            with lock:
                if place not in self._prepared:
                    self._prepared[place] = self._prepare(cell)
            yield self._prepared[place]
        finally:
            with self._lock:
                self._users[place] -= 1

    def _drop_unused(self) -> None:
        for place in [place for place in self._prepared if not self._users[place]]:
            shutil.rmtree(self._prepared.pop(place).data, ignore_errors=True)

    def _prepare(self, cell: Cell) -> "PreparedProblem":
        data = Path(tempfile.mkdtemp(prefix="data-", dir=self.scratch))
        try:
            problem = make(cell.problem, cell.seed, self._salt)
            for name in ("train", "test"):
                path = data / f"{name}.npy"
                _save(path, getattr(problem.observed, name))
                path.chmod(0o444)
        except (ValueError, RuntimeError, MemoryError, ModuleNotFoundError) as error:
            return PreparedProblem(
                None, f"The problem could not be made: {error}", data, self._salt, (), self._root
            )
        return PreparedProblem(problem, "", data, self._salt, self._private, self._root)


def _place(cell: Cell) -> tuple[str, int]:
    return cell.problem.name, cell.seed


class PreparedProblem:
    """A problem with its truth, and the folder of activations that methods may read."""

    def __init__(
        self,
        problem: AnyProblem | None,
        failure: str,
        data: Path,
        salt: str,
        private: Sequence[Path],
        root: Path,
    ) -> None:
        self.problem, self.failure, self.data = problem, failure, data
        self._salt, self._private, self._root = salt_fingerprint(salt), private, root
        self._facts = facts(problem) if problem else {}
        self._axes = axes(problem) if problem else {}
        self._controls: dict[str, tuple[int, dict[str, float]]] = {}
        self._lock = threading.Lock()

    def evaluate(self, cell: Cell, slot: Slot, n_concurrent: int) -> Ended:
        """Run a cell and score what it returns.

        Returns
        -------
        record : Record
        estimate : bytes or None
            Arrays that the method returned, in safetensors form.
        log : str
            What it printed.
        """
        record = self._blank(cell, n_concurrent)
        if self.problem is None:
            return updated(record, status="skipped", reason=self.failure), None, ""
        if cell.is_control:
            return self._control(cell, record), None, ""
        if cell.method.failure:
            return updated(record, **_ending(cell.method.failure)), None, ""
        try:
            hints = self.hints(cell)
        except ValueError as error:
            return updated(record, status="error", reason=str(error)), None, ""
        outcome = slot.submit(self.task(cell, hints))
        try:
            update, estimate = self._judge(cell, outcome)
        finally:
            shutil.rmtree(outcome["workdir"], ignore_errors=True)
        return updated(record, hints=hints, **update), estimate, outcome["log"]

    def hints(self, cell: Cell) -> dict[str, Any]:
        """Return the parameters that the informed track fills in.

        Raises
        ------
        ValueError
            If the method asks for a fact that is never told.
        """
        if cell.track == "blind":
            return {}
        wanted = {p: f for p, f in cell.method.hints.items() if p not in cell.method.choice.params}
        for fact in wanted.values():
            if fact not in self._facts:
                raise ValueError(
                    f"The method asks to be told {fact!r}: facts that are told are "
                    f"{', '.join(self._facts)}."
                )
        return {parameter: self._facts[fact] for parameter, fact in wanted.items()}

    def task(self, cell: Cell, hints: Mapping[str, Any]) -> dict[str, Any]:
        """Return all that the child process of a cell is told."""
        params = {**hints, **cell.method.choice.params}
        if "random_state" in cell.method.defaults and "random_state" not in params:
            params["random_state"] = method_seed(cell.seed)
        task = task_base(cell.method.target, cell.limits, self._private, self._root)
        task |= {"action": "fit", "params": params, "data": str(self.data)}
        if cell.method.choice.file is not None:
            task["readable"] += [str(path) for path in files_of(cell.method.choice.file)]
        if cell.tuning == "tuned":
            task["search"] = {
                "space": dict(cell.method.search_space),
                "n_trials": N_TRIALS,
                "seed": method_seed(cell.seed),
            }
        return task

    def _judge(self, cell: Cell, outcome: Mapping[str, Any]) -> tuple[dict[str, Any], bytes | None]:
        assert self.problem is not None
        update = _ending(outcome)
        if update["status"] != "ok":
            return update, None
        try:
            estimate = _read_bounded(outcome["estimate"], cell.limits.bytes)
            arrays = decode(estimate)
        except ValueError as error:
            return update | {
                "status": "invalid",
                "reason": f"No estimate came back: {error}.",
            }, None
        n_test, d = self.problem.observed.test.shape
        update["n_atoms"] = len(arrays["dictionary"])
        most = MOST_ATOMS_A_FEATURE * (self._facts["n_features"] + d)
        wrong = fault(arrays, n_test, d)
        if not wrong and update["n_atoms"] > most:
            wrong = (
                f"The dictionary has {update['n_atoms']} atoms; more than {most} are not matched."
            )
        if wrong:
            return update | {"status": "invalid", "reason": wrong}, None
        metrics = score_estimate(
            arrays["dictionary"], arrays.get("codes_test"), self.problem, arrays.get("groups")
        )
        version = metrics_version(cell.problem.spec)
        return update | {"metrics": metrics, "metrics_version": version}, estimate

    def _control(self, cell: Cell, record: Record) -> Record:
        assert self.problem is not None
        with self._lock:
            if not self._controls:
                n_features = self._facts["n_features"]
                self._controls = score_controls(self.problem, n_features, cell.seed)
        n_atoms, metrics = self._controls[cell.method.choice.name]
        return updated(
            record,
            status="ok",
            n_atoms=n_atoms,
            metrics=metrics,
            metrics_version=metrics_version(cell.problem.spec),
        )

    def _blank(self, cell: Cell, n_concurrent: int) -> Record:
        return Record(
            key=cell.key,
            problem=cell.problem.name,
            problem_digest=self.problem.digest if self.problem else "",
            problem_spec=cell.problem.spec,
            problem_facts=self._axes,
            salt=self._salt,
            method=cell.method.choice.name,
            method_path=cell.method.target,
            family=cell.method.family or ("control" if cell.is_control else ""),
            params={**cell.method.defaults, **cell.method.choice.params},
            source=cell.method.source,
            seed=cell.seed,
            track=cell.track,
            tuning=cell.tuning,
            limits=cell.limits,
            status="error",
            n_concurrent=n_concurrent,
            command=command(cell, bool(self._salt)),
            environment=environment(),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def updated(record: Record, **changes: Any) -> Record:
    """Return the record with some fields replaced, validated."""
    return Record.model_validate({**dict(record), **changes})


def method_seed(seed: int) -> int:
    """Return the ``random_state`` that methods get: not the seed that drew the problem."""
    return int.from_bytes(hashlib.sha256(f"method {seed}".encode()).digest()[:4])


def command(cell: Cell, salted: bool) -> str:
    """Return a command that runs one cell again."""
    if cell.is_control:
        return ""
    limits, spec = cell.limits, cell.problem.spec
    problem = ["-p", cell.problem.name]
    if "activations" in spec:  # one's own: the name alone says nothing of the files
        problem = ["--activations", spec["activations"], "--labels", spec["labels"]]
        problem += ["--size", str(spec["n_components"]), "--active", str(spec["n_active"])]
    words = [
        "unfold",
        "run",
        *problem,
        "-m",
        cell.method.choice.selector,
        "--seeds",
        str(cell.seed),
        "--track",
        cell.track,
        "--tuning",
        cell.tuning,
        "--timeout",
        f"{limits.seconds:g}s",
        "--mem",
        str(limits.bytes),
        "--threads",
        str(limits.threads),
        "-o",
        "results/again",
    ]
    return shlex.join(words) + (" --salt-file SALT" if salted else "")


def _ending(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record that say how a cell ended."""
    return {
        "status": outcome["status"],
        "reason": outcome.get("reason", ""),
        "exception_type": outcome.get("exception_type", ""),
        "traceback": outcome.get("traceback", ""),
        "log_tail": outcome.get("log", "")[-2000:],
        "exit_code": outcome.get("exit_code"),
        "warnings": tuple(outcome.get("warnings", ())),
        "fit_seconds": outcome.get("fit_seconds"),
        "encode_seconds": outcome.get("encode_seconds"),
        "peak_bytes": outcome.get("peak_bytes"),
        "search": outcome.get("search", {}),
    }


def _save(path: Path, array: np.ndarray) -> None:
    """Write an array; NumPy's own words for a file that was cut short say nothing of why.

    Raises
    ------
    OSError
        If it does not fit.
    """
    try:
        np.save(path, array)
    except OSError as error:
        if error.errno is not None:
            raise
        raise OSError(
            f"{array.nbytes / 1e6:.1f} MB do not fit into {path.parent}: the disk is full, or "
            f"files are limited in size (`df -h`, `ulimit -f`); TMPDIR names another place"
        ) from error


def _read_bounded(path: Path | None, most: int) -> bytes:
    if path is None:
        raise ValueError("the process wrote no arrays")
    if path.stat().st_size > most:
        raise ValueError(f"the arrays are larger than the memory limit of {most / 1e6:.0f} MB")
    return path.read_bytes()
