"""The store: written whole or not at all, shared by nobody, destroying nothing."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from evaluation.running.cell_keys import content_key
from evaluation.running.merge import merge
from evaluation.running.progress import run_status
from evaluation.running.record import SCHEMA_VERSION, Record
from evaluation.running.store import (
    RECORD,
    Store,
    StoreError,
    StoreWarning,
    cell_folder,
    load_records,
    scan_records,
    write_atomically,
)


def _record(i: int = 0, **changes: Any) -> Record:
    fields: dict[str, Any] = {
        "key": content_key(i),
        "problem": "p/v1",
        "problem_digest": "d",
        "method": f"m{i}",
        "method_path": "pkg:M",
        "seed": 0,
        "track": "blind",
        "status": "ok",
        "metrics": {"f1@0.9": 0.5},
    }
    return Record(**(fields | changes))


def _fill(out: Path, *records: Record) -> None:
    with Store(out) as store:
        for record in records:
            store.write(record, b"arrays", "log")


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    records = [_record(i) for i in range(5)]
    _fill(tmp_path, *records)
    assert load_records(tmp_path) == sorted(records, key=lambda r: r.key)
    folder = cell_folder(tmp_path, records[0].key)
    assert folder.parent.name == records[0].key[:2]
    assert sorted(p.name for p in folder.iterdir()) == [
        "estimate.safetensors",
        "log.txt",
        "record.json",
    ]


def test_no_results_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="unfold run"):
        load_records(tmp_path / "none")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text[: len(text) // 2], "damaged"),
        (lambda text: "", "damaged"),
        (lambda text: "[1, 2]", "not a record"),
        (
            lambda text: json.dumps(
                json.loads(text) | {"schema_version": SCHEMA_VERSION + 1, "brand_new": 1}
            ),
            "newer version of unfold",
        ),
        (lambda text: text.replace('"key": "', '"key": "0'), "another cell"),
    ],
)
def test_a_record_that_cannot_be_read_is_told_and_left_alone(
    tmp_path: Path, damage: Any, reason: str
) -> None:
    _fill(tmp_path, _record(0), _record(1))
    path = cell_folder(tmp_path, _record(0).key) / RECORD
    damaged = damage(path.read_text())
    path.write_text(damaged)
    with pytest.warns(StoreWarning, match=reason):
        assert load_records(tmp_path) == [_record(1)]
    assert path.read_text() == damaged
    assert list(scan_records(tmp_path).unreadable) == [path]


def test_a_damaged_record_is_kept_beside_the_one_that_replaces_it(tmp_path: Path) -> None:
    _fill(tmp_path, _record())
    folder = cell_folder(tmp_path, _record().key)
    for text in ("half of", "another half"):
        (folder / RECORD).write_text(text)
        _fill(tmp_path, _record())
    kept = [(folder / name).read_text() for name in (f"{RECORD}.damaged", f"{RECORD}.damaged1")]
    assert kept == ["half of", "another half"]
    assert load_records(tmp_path) == [_record()]


def test_a_cell_without_record_has_not_been_run(tmp_path: Path) -> None:
    _fill(tmp_path, _record())
    (cell_folder(tmp_path, _record().key) / RECORD).unlink()
    assert load_records(tmp_path) == []


def test_two_writers_at_once_are_refused(tmp_path: Path) -> None:
    with Store(tmp_path):
        with pytest.raises(StoreError, match=f"Another run is writing.*process {os.getpid()}"):
            Store(tmp_path).__enter__()
        assert run_status(tmp_path).owner.startswith(f"process {os.getpid()}")
    with Store(tmp_path):
        pass
    assert run_status(tmp_path).owner == ""


def test_a_run_that_never_had_a_plan_leaves_no_folder(tmp_path: Path) -> None:
    with Store(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()
    (tmp_path / "kept").mkdir()
    with Store(tmp_path / "kept"):
        pass
    assert (tmp_path / "kept").exists()


def test_a_full_disk_leaves_what_was_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(tmp_path, _record(0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Store(tmp_path) as store:
        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(StoreError, match=r"No space left on device.*intact.*same command"):
            store.write(_record(1), b"arrays", "log")
        monkeypatch.undo()
    assert load_records(tmp_path) == [_record(0)]
    assert not [p for p in tmp_path.rglob(".*") if p.is_file() and p.name != ".lock"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Cannot write to"):
        Store(tmp_path / "file" / "out").__enter__()


def test_atomic_write_replaces_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data in (b"one", b"two" * 1000):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_merge_is_the_union_and_tells_conflicts(tmp_path: Path) -> None:
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    other = _record(1, status="timeout", metrics={})
    _fill(a, _record(0), _record(1))
    _fill(b, other, _record(2))
    merged = merge([a, b], c)
    assert (merged.n_copied, merged.n_same, len(merged.notes)) == (3, 1, 1)
    assert "timeout, not ok" in merged.notes[0]
    assert {r.method: r.status for r in load_records(c)} == dict.fromkeys(["m0", "m1", "m2"], "ok")
    assert load_records(a) == sorted([_record(0), _record(1)], key=lambda r: r.key)
    merge([a, b], c, keep="last")
    assert other in load_records(c)
    assert (cell_folder(c, other.key) / "log.txt").read_text() == "log"


def test_merge_twice_changes_nothing(tmp_path: Path) -> None:
    _fill(tmp_path / "a", _record(0))
    merge([tmp_path / "a"], tmp_path / "c")
    again = merge([tmp_path / "a"], tmp_path / "c")
    assert (again.n_copied, again.n_same, again.notes) == (0, 1, [])
    with pytest.raises(ValueError, match="first or last"):
        merge([tmp_path / "a"], tmp_path / "c", keep="best")
    with pytest.raises(FileNotFoundError, match="No results"):
        merge([tmp_path / "nothing"], tmp_path / "c")


def test_status_counts_what_was_announced(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.announce("s", [_record(i).key for i in range(4)])
        store.write(_record(0))
        store.write(_record(1, status="crash", metrics={}))
        status = run_status(tmp_path)
    assert (status.n_done, status.n_planned) == (2, 4)
    assert dict(status.statuses) == {"ok": 1, "crash": 1}
