"""The same run in parts, on as many machines: united, it is the run in one piece."""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.running.merge import merge
from evaluation.running.run import run
from evaluation.running.selectors import Shard, parse_shard
from evaluation.running.store import RECORD

#: What of a record is a measurement of the machine, not of the method.
MEASURED = ("fit_seconds", "encode_seconds", "peak_bytes", "n_concurrent", "started_at")
METHODS = ["random", "pca", f"{Path(__file__).parents[1]}/plugins/hostile.py:Raises"]


def problem(d: int) -> dict[str, Any]:
    """Six features in a few dimensions."""
    return {
        "features": {"n": 6, "gate": {"kind": "independent", "p": 0.2}},
        "source": {"kind": "planted", "d": d},
        "n_train": 300,
        "n_test": 100,
    }


def files(out: Path) -> dict[str, bytes]:
    """Return all files of all cells, less what of the records is time and memory."""
    found = {}
    for path in sorted((out / "cells").rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.name == RECORD:
                record = json.loads(data)
                for name in MEASURED:
                    del record[name]
                data = json.dumps(record).encode()
            found[path.relative_to(out).as_posix()] = data
    return found


def test_two_shards_united_are_one_run(tmp_path: Path) -> None:
    problems = [problem(3), problem(4)]
    options: dict[str, Any] = {"seeds": 0, "tracks": ["blind"], "n_jobs": 1}
    whole = run(problems, METHODS, out=tmp_path / "whole", **options)
    parts = [tmp_path / "1", tmp_path / "2"]
    sizes = [
        run(problems, METHODS, out=part, shard=Shard(i, 2), **options).n_cells
        for i, part in enumerate(parts, 1)
    ]
    assert min(sizes) > 0 and sum(sizes) == whole.n_cells == 10  # with two controls a problem
    merge(parts, tmp_path / "united")
    assert files(tmp_path / "united") == files(tmp_path / "whole")
    for part in parts:  # and uniting changes no byte at all
        for path in (part / "cells").rglob("*.*"):
            united = tmp_path / "united" / path.relative_to(part)
            assert united.read_bytes() == path.read_bytes()


def test_every_key_falls_to_one_shard() -> None:
    keys = [f"{i:064x}" for i in range(97)]
    taken = [sum(Shard(i, 8).takes(key) for i in range(1, 9)) for key in keys]
    assert set(taken) == {1}


def test_shards_are_counted_from_one() -> None:
    assert parse_shard("8/8") == Shard(8, 8)
    for wrong in ("0/8", "9/8", "1", "a/b", "1/0"):
        with pytest.raises(ValueError, match="expected '1/8' to '8/8'"):
            parse_shard(wrong)
