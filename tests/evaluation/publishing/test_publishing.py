"""Published boards: nothing incomplete gets in, nothing private, and newcomers see all of it."""

import lzma
import re
from pathlib import Path

import pytest

from evaluation.boards.leaderboard import board
from evaluation.publishing.files import (
    CONTROLS_FILE,
    MOST_BYTES,
    file_name,
    pack,
    read_published,
    unpack,
)
from evaluation.publishing.publish import clean, publish
from evaluation.publishing.reuse import data_note, reuse
from evaluation.running.record import Limits
from evaluation.running.run import run
from evaluation.running.store import Store, load_records
from evaluation.running.suites import get_suite, override

SUITE = "smoke"
METHODS = ("pca", "random")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke suite, run with two quick methods."""
    out = tmp_path_factory.mktemp("run") / "results"
    run(SUITE, METHODS, out=out, tracks=("blind", "informed"), n_jobs=1)
    return out


@pytest.fixture
def boards(results: Path, tmp_path: Path) -> Path:
    """What publishing them writes."""
    publish(results, SUITE, tmp_path / "boards")
    return tmp_path / "boards"


def _copy(results: Path, out: Path, **changes: object) -> Path:
    """Copy results with fields of every record of pca replaced."""
    with Store(out) as store:
        for record in load_records(results):
            store.write(record.model_copy(update=changes) if record.method == "pca" else record)
    return out


def test_packed_records_come_back_and_do_not_depend_on_their_order(records) -> None:
    made = records()
    data = pack(made)
    assert data == pack(made[::-1])
    assert sorted(unpack(data), key=lambda r: r.key) == sorted(made, key=lambda r: r.key)
    assert len(data) < 100 * len(made)


def test_a_board_that_was_published_ranks_as_the_results_do(results: Path, boards: Path) -> None:
    names = {path.name for path in (boards / SUITE).iterdir()}
    assert names == {"pca.jsonl.xz", "random.jsonl.xz", CONTROLS_FILE}
    there = board(read_published(boards)[SUITE]).table
    here = board(load_records(results)).table
    assert there.drop(columns="median_seconds").equals(here.drop(columns="median_seconds"))


def test_a_newcomer_runs_one_method_and_sees_the_whole_board(boards: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    mine = override(get_suite(SUITE), methods=("neurons",))
    taken = reuse(mine, boards, out)
    assert set(taken.methods) == {*METHODS, "control:chance", "control:oracle"}
    summary = run(mine, out=out, n_jobs=1)
    places = len(mine.problems) * len(mine.seeds) * len(mine.tracks)
    assert summary.n_cells - summary.n_reused == places  # not even the controls were run again
    whole = board(load_records(out))
    assert set(whole.tracks["blind"].table["method"]) == {"neurons", *taken.methods}
    assert not data_note(out)


def test_a_method_that_is_run_is_not_taken(boards: Path, tmp_path: Path) -> None:
    taken = reuse(override(get_suite(SUITE), methods=("pca",)), boards, tmp_path / "out")
    assert "pca" not in taken.methods and "random" in taken.methods


def test_only_cells_of_the_chosen_problems_seeds_and_tracks_are_taken(
    boards: Path, tmp_path: Path
) -> None:
    one = override(
        get_suite(SUITE), problems=("relu-5in2-p0.05/v1",), methods=("neurons",), tracks=("blind",)
    )
    taken = reuse(one, boards, tmp_path / "out")
    assert taken.n_records == len(METHODS) + 2
    assert {r.problem for r in load_records(tmp_path / "out")} == {"relu-5in2-p0.05/v1"}
    other = override(one, seeds="5")
    assert reuse(other, boards, tmp_path / "none").n_records == 0


def test_records_of_other_metrics_or_problems_are_left_out_and_said_so(
    results: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "boards" / SUITE
    folder.mkdir(parents=True)
    old = [r.model_copy(update={"metrics_version": "old"}) for r in load_records(results)]
    (folder / "pca.jsonl.xz").write_bytes(pack(old))
    taken = reuse(override(get_suite(SUITE), methods=("neurons",)), folder.parent, tmp_path / "o")
    assert taken.n_records == 0 and f"{len(old)} published record(s) left out" in taken.notes[0]


def test_data_of_other_bits_are_noted(results: Path, tmp_path: Path) -> None:
    assert not data_note(results)
    assert "On 2 problem(s)" in data_note(_copy(results, tmp_path / "o", problem_digest="f"))[0]


def test_a_salted_run_reuses_nothing(boards: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="with a salt has others"):
        reuse(get_suite(SUITE), boards, tmp_path / "out", salt="a secret of some length")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"limits": Limits(seconds=29), "status": "timeout", "metrics": {}},
            "ran under 29 s",
        ),
        ({"limits": Limits(threads=2)}, r"2 thread\(s\)"),
        ({"limits": Limits(seconds=99), "fit_seconds": 98.0}, "ran under 99 s"),
        ({"salt": "0123456789abcdef"}, "salted problem"),
        ({"metrics_version": "old"}, "`unfold score` brings them up to date"),
        ({"problem_spec": {"noise": 1}}, "another one then"),
        ({"seed": 7}, r"lacks 4 of 4 cells|No results"),
        ({"status": "skipped", "metrics": {}}, "was not run"),
    ],
)
def test_what_cannot_be_compared_cannot_be_published(
    results: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    copy = _copy(results, tmp_path / "copy", **changes)
    with pytest.raises(ValueError, match=message):
        publish(copy, SUITE, tmp_path / "boards", ["pca"])
    assert not (tmp_path / "boards").exists()


def test_a_method_is_published_whole_or_not_at_all(results: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    with Store(part) as store:
        for record in load_records(results):
            if record.track == "blind" or record.method != "pca":
                store.write(record)
    with pytest.raises(ValueError, match=r"pca lacks \d of \d cells of 'smoke'.*informed"):
        publish(part, SUITE, tmp_path / "boards", ["pca"])


def test_a_failure_is_a_result(results: Path, tmp_path: Path) -> None:
    failed = {"status": "timeout", "metrics": {}, "reason": "Killed."}
    done = publish(_copy(results, tmp_path / "c", **failed), SUITE, tmp_path / "boards", ["pca"])
    assert {r.status for r in unpack(done.paths[0].read_bytes())} == {"timeout"}


def test_what_is_published_already_is_replaced_only_by_name(results: Path, boards: Path) -> None:
    with pytest.raises(ValueError, match="on the board 'smoke' already; name one with -m"):
        publish(results, SUITE, boards)
    with pytest.raises(ValueError, match="No results of 'fastica'"):
        publish(results, SUITE, boards, ["fastica"])
    assert [path.name for path in publish(results, SUITE, boards, ["pca"]).paths] == [
        "pca.jsonl.xz"
    ]


def test_no_folder_of_the_machine_is_published(results: Path) -> None:
    record = next(r for r in load_records(results) if r.method == "pca")
    private = record.model_copy(
        update={
            "method": "mine.py:Mine",
            "method_path": "/folder-of/somebody/secret/mine.py:Mine",
            "params": {"path": "/folder-of/somebody/secret/sae.npz"},
            "command": "unfold run -m /folder-of/somebody/secret/mine.py:Mine[path="
            "/folder-of/somebody/secret/sae.npz]",
            "traceback": "File /folder-of/somebody/secret/mine.py",
            "log_tail": "/folder-of/somebody/secret",
        }
    )
    text = clean(private).model_dump_json()
    assert "somebody" not in text and "mine.py:Mine" in text and "secret/sae.npz" in text


def test_names_of_files_are_plain_and_do_not_collide() -> None:
    hostile = [
        "../../etc/passwd",
        "a b",
        "a-b",
        "mine.py:A",
        "mine.py-A",
        "controls",
        ".x",
        "k" * 99,
    ]
    names = [file_name(name) for name in hostile]
    assert len(set(names)) == len(hostile) and CONTROLS_FILE not in names
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name) for name in names)
    assert file_name("control:chance") == file_name("control:oracle") == CONTROLS_FILE


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cut short"),
        (b"no xz", "not xz data"),
        (lzma.compress(b'{"key": 1}\n'), "line 1: not a record"),
        (lzma.compress(b"{\n"), "line 1: damaged"),
        (lzma.compress(b'{"schema_version": 99}\n'), "newer version"),
        (lzma.compress(b"x" * 1000)[:-8], "cut short"),
    ],
)
def test_foreign_files_are_refused_with_a_reason(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / SUITE).mkdir()
    (tmp_path / SUITE / "pca.jsonl.xz").write_bytes(data)
    with pytest.raises(ValueError, match=rf"pca.jsonl.xz'.*{message}"):
        read_published(tmp_path)


def test_a_bomb_is_not_unpacked() -> None:
    packer = lzma.LZMACompressor(preset=1)
    block = bytes(10**7)
    bomb = b"".join(packer.compress(block) for _ in range(MOST_BYTES // 10**7 + 1))
    with pytest.raises(ValueError, match="unpacks to over"):
        unpack(bomb + packer.flush())


def test_where_nothing_is_published_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected files smoke/METHOD\.jsonl\.xz"):
        read_published(tmp_path, SUITE)
