"""The records in this repository: complete, of today's problems, nobody's folders in them."""

import lzma
import re
from pathlib import Path

import pytest

from evaluation.publishing.files import CONTROLS_FILE, SUFFIX, file_name, unpack
from evaluation.running.problems import find_problems
from evaluation.running.suites import get_suite
from evaluation.scoring.controls import CONTROLS

BOARDS = Path(__file__).resolve().parents[3] / "leaderboards"
FILES = sorted(BOARDS.rglob(f"*{SUFFIX}"))
#: A board is to be cloned by everybody.
MOST_BYTES = 3_000_000


def test_there_are_boards_and_they_are_small() -> None:
    assert (BOARDS / "leaderboard-v2" / CONTROLS_FILE) in FILES
    assert sum(path.stat().st_size for path in FILES) < MOST_BYTES


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_published_file_is_complete_and_of_the_suite_it_lies_in(path: Path) -> None:
    suite = get_suite(path.parent.name)
    specs = {p.name: dict(p.spec) for p in find_problems(suite.problems)}
    records = unpack(path.read_bytes())
    methods = {record.method for record in records}
    assert {file_name(method) for method in methods} == {path.name}
    assert len(methods) == (len(CONTROLS) if path.name == CONTROLS_FILE else 1)
    places = {(r.method, r.problem, r.seed, r.track) for r in records}
    expected = {
        (m, p, s, t) for m in methods for p in specs for s in suite.seeds for t in suite.tracks
    }
    assert places == expected and len(records) == len(expected)
    for record in records:
        assert dict(record.problem_spec) == specs[record.problem]
        assert not record.salt and record.status != "skipped"
        assert path.name == CONTROLS_FILE or record.limits == suite.limits


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_folder_of_a_machine_is_in_a_published_file(path: Path) -> None:
    text = lzma.decompress(path.read_bytes()).decode()
    assert not re.search(r"/(?:work|root|home|tmp|Users)/", text)
