"""Score stored estimates again, under today's metrics; nothing is fitted."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from evaluation.running.judging import (
    AnyProblem,
    metrics_version,
    score_controls,
    score_estimate,
)
from evaluation.running.problems import NamedProblem, facts, make, salt_fingerprint
from evaluation.running.record import Record
from evaluation.running.store import Store, load_estimate, scan_records
from evaluation.scoring.controls import is_control


def rescore(out: str | Path, *, salt: str = "", force: bool = False) -> tuple[int, list[str]]:
    """Score every stored estimate with the metrics of this version.

    Parameters
    ----------
    out : str or Path
        Results folder.
    salt : str
        The secret of the board, where its problems were drawn with one.
    force : bool
        Also score records that this version of the metrics has scored.

    Returns
    -------
    n_changed : int
    notes : list of str
        What could not be scored, and why; those records stay as they are.

    Raises
    ------
    FileNotFoundError
        If there are no results in ``out``.
    StoreError
        If it cannot be written to, or a run is writing to it.
    """
    if not (Path(out) / "cells").is_dir():
        raise FileNotFoundError(f"No results in {str(out)!r}.")
    with Store(out) as store:
        scan = scan_records(out)
        notes = [f"Left aside: {path}: {why}" for path, why in scan.unreadable.items()]
        groups: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for record in scan.records.values():
            outdated = record.metrics_version != metrics_version(record.problem_spec)
            if record.status == "ok" and (force or outdated):
                groups[record.problem, record.seed].append(record)
        changed = 0
        for records in groups.values():
            problem, fault = _remake(records[0], salt)
            if problem is None:
                notes.append(fault)
                continue
            changed += _rescore_group(store, records, problem)
    return changed, notes


def _remake(record: Record, salt: str) -> tuple[AnyProblem | None, str]:
    where = f"{record.problem}, seed {record.seed}"
    if record.salt != salt_fingerprint(salt):
        return (
            None,
            f"{where}: drawn with {'another' if salt else 'a'} salt; give it by --salt-file.",
        )
    problem = make(NamedProblem(record.problem, record.problem_spec), record.seed, salt)
    if problem.digest != record.problem_digest:
        return None, (
            f"{where}: this machine makes other data of the same spec (other library versions?), "
            f"so that stored codes do not belong to them; run the cells again here."
        )
    return problem, ""


def _rescore_group(store: Store, records: list[Record], problem: AnyProblem) -> int:
    controls: dict[str, Any] = {}
    changed = 0
    for record in records:
        if is_control(record.method):
            n_features = facts(problem)["n_features"]
            controls = controls or score_controls(problem, n_features, record.seed)
            metrics = controls[record.method][1]
        else:
            arrays = load_estimate(store.out, record.key)
            if arrays is None:
                continue
            metrics = score_estimate(
                arrays["dictionary"], arrays.get("codes_test"), problem, arrays.get("groups")
            )
        update = {"metrics": metrics, "metrics_version": metrics_version(record.problem_spec)}
        store.rewrite(record.model_copy(update=update))
        changed += 1
    return changed
