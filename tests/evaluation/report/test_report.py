"""Reports say what the board says, are the same for the same records, and trust no name."""

import csv
import io
import json
import random
import re
from html.parser import HTMLParser

import pytest

from evaluation.boards.leaderboard import board
from evaluation.report import write_report
from evaluation.report.markdown import escape
from evaluation.report.verdict import failures, join, verdicts
from evaluation.scoring.metrics import PRIMARY

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "| a | b |\n# heading",
    '=HYPERLINK("http://example.org")',
    "`code` **bold** [link](javascript:alert(1))",
    "long-" * 40,
    "$x^2$ & <b>",
    "\u202eright to left",
    "{{ 7*7 }}",
]


def _broken(records, method="delta"):
    changes = {
        "status": "timeout",
        "metrics": {},
        "reason": "Killed after 60 s.",
        "traceback": "Traceback: <b>boom</b>",
        "log_tail": "last words",
    }
    return [
        r.model_copy(update=changes) if r.method == method and r.seed == 1 else r for r in records
    ]


@pytest.fixture(scope="module")
def written(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, _broken(records()))
    return folder


def test_every_file_is_written_and_nothing_else(written):
    assert sorted(path.name for path in written.iterdir()) == [
        "cells.csv",
        "cells.parquet",
        "leaderboard.csv",
        "leaderboard.md",
        "leaderboard.tex",
        "report.html",
        "timings.csv",
    ]


def test_same_records_in_any_order_give_the_same_bytes(records, written, tmp_path):
    rows = _broken(records())
    random.Random(0).shuffle(rows)
    for path in write_report(tmp_path, rows, figures=()).values():
        assert path.read_bytes() == (written / path.name).read_bytes(), path.name


def test_times_never_reach_the_tables_that_must_be_reproducible(records, written, tmp_path):
    slower = [
        r.model_copy(
            update={
                "fit_seconds": r.fit_seconds and 9 * r.fit_seconds,
                "peak_bytes": 1,
                "started_at": "2027-01-01T00:00:00Z",
            }
        )
        for r in _broken(records())
    ]
    paths = write_report(tmp_path, slower)
    for name in ("leaderboard.csv", "cells.csv"):
        assert paths[name].read_bytes() == (written / name).read_bytes()
    assert paths["timings.csv"].read_bytes() != (written / "timings.csv").read_bytes()


def test_csv_has_a_row_a_method_and_a_row_a_cell_with_its_reason(records, written):
    boards = list(csv.DictReader(io.StringIO((written / "leaderboard.csv").read_text())))
    assert [(r["track"], r["rank"], r["method"]) for r in boards[:2]] == [
        ("blind", "1", "alpha"),
        ("blind", "2", "beta"),
    ]
    cells = list(csv.DictReader(io.StringIO((written / "cells.csv").read_text())))
    assert len(cells) == len(records())
    failed = [row for row in cells if row["status"] == "timeout"]
    assert len(failed) == 16
    assert all(row["reason"] == "Killed after 60 s." and row["skill"] == "0" for row in failed)


def test_methods_of_different_skill_are_never_called_tied(records):
    rows = [
        r.model_copy(update={"metrics": {**r.metrics, PRIMARY: 0.0}})
        if r.method == "two" and r.problem.startswith("tree")
        else r
        for r in records({"one": 0.6, "two": 0.62, "three": 0.1}, tracks=("blind",))
    ]
    sentence = verdicts(board(rows))["blind"]
    assert sentence.startswith("one has the greatest mean skill")
    assert "two (" in sentence and "cannot be told apart" in sentence
    assert "tied for first" not in sentence


def test_the_verdict_claims_what_the_board_supports(records):
    assert verdicts(board(records()))["blind"].startswith("alpha leads on 8 problems")
    blind = {"tracks": ("blind",)}
    twins = board(records({"one": 0.6, "two": 0.6, "three": 0.1}, **blind))
    assert re.match("(one and two|two and one) are tied for first", verdicts(twins)["blind"])
    few = board(records(n_problems=1, seeds=(0,), **blind))
    assert "too few data to say more" in verdicts(few)["blind"]
    alike = board(records({"one": 0.6, "two": 0.6}, **blind))
    assert verdicts(alike)["blind"].startswith("No method can be told from the leader")
    nothing = board(_broken(_broken(records({"delta": 0.3}, seeds=(1,), **blind))))
    assert verdicts(nothing)["blind"].startswith("No method can be ranked")
    assert verdicts(board([])) == {} and failures(board([])) == "Nothing was run."


def test_failures_are_counted(records):
    rows = records(n_problems=2, tracks=("blind",))
    assert failures(board(rows)) == "All 24 cells finished."
    assert failures(board(_broken(rows))).startswith("2 of 24 cells failed")


def test_names_are_joined_as_english_does():
    assert join(["a"]) == "a" and join(["a", "b"]) == "a and b"
    assert join(["a", "b", "c", "d", "e", "f"]) == "a, b, c and 3 more"


class _Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.data, self._inside = [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script" and dict(attrs).get("id") == "data"

    def handle_data(self, data):
        self.data += data if self._inside else ""


def test_the_page_loads_nothing_from_anywhere(written):
    parsed = _Tags((written / "report.html").read_text())
    for tag, attributes in parsed.tags:
        source = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        assert source is None or source.startswith("data:"), (tag, attributes)
    assert (written / "report.html").stat().st_size < 300_000


def test_the_page_carries_failures_with_traceback_and_command(written):
    text = (written / "report.html").read_text()
    assert "Traceback: &lt;b&gt;boom&lt;/b&gt;" in text and "<b>boom" not in text
    assert "last words" in text and "unfold run -m &#39;delta&#39;" in text


def test_the_data_in_the_page_are_the_board(records, written):
    found = json.loads(_Tags((written / "report.html").read_text()).data)
    ranked = board(_broken(records()))
    names = [found["methods"][row["entry"]]["name"] for row in found["tracks"][0]["rows"]]
    assert names == ranked.tracks["blind"].table["method"].tolist()
    assert len(found["cells"]["entry"]) == len(ranked.cells)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_no_harm(records, tmp_path, name):
    rows = [
        r.model_copy(update={"method": name, "reason": name, "family": name})
        if r.method == "beta"
        else r
        for r in records(n_problems=2, seeds=(0,), tracks=("blind",))
    ]
    harmless = [r.model_copy(update={"method": "z" * 9}) if r.method == name else r for r in rows]
    paths = write_report(tmp_path / "hostile", rows, figures=("svg",) if "$" in name else ())
    plain = write_report(tmp_path / "plain", harmless)
    tags = [[tag for tag, _ in _Tags(p["report.html"].read_text()).tags] for p in (paths, plain)]
    assert tags[0] == tags[1]
    lines = paths["leaderboard.md"].read_text().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 6
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert not re.search(r"(?<!\\)<", "\n".join(lines))
    assert max(map(len, table)) < 400
    cells = list(csv.DictReader(io.StringIO(paths["cells.csv"].read_text())))
    assert any(row["method"] == name for row in cells)


def test_markdown_escapes_what_would_be_markup():
    assert escape("a|b<c>*d*\n#e") == r"a\|b\<c\>\*d\* \#e"
    assert escape("nn-dictionary 0.96") == "nn-dictionary 0.96"


def test_figures_are_drawn_and_deterministic(records, tmp_path):
    rows = records(tracks=("blind",))
    first = write_report(tmp_path / "a", rows, figures=("png", "svg"))
    again = write_report(tmp_path / "b", rows[::-1], figures=("png", "svg"))
    names = {
        f"{kind}-blind.{suffix}"
        for kind in ("board", "problems", "ranks")
        for suffix in ("png", "svg")
    }
    assert names <= set(first)
    for name in names:
        assert first[name].read_bytes() == again[name].read_bytes(), name
    assert first["board-blind.png"].read_bytes().startswith(b"\x89PNG")


def test_an_unknown_figure_format_is_refused(records, tmp_path):
    with pytest.raises(ValueError, match="Unknown figure format 'gif': expected png or svg"):
        write_report(tmp_path, records(), figures=("gif",))
    assert not list(tmp_path.iterdir())


def test_a_baseline_adds_its_comparison(records, tmp_path):
    better = [
        r.model_copy(update={"metrics": {n: v - 0.1 for n, v in r.metrics.items()}})
        if r.method == "beta"
        else r
        for r in records()
    ]
    paths = write_report(tmp_path, records(), baseline=better)
    for name in ("report.html", "leaderboard.md"):
        text = paths[name].read_text()
        assert "Against the baseline" in text and "2 improved: beta (blind)" in text, name


def test_no_records_still_make_a_page(tmp_path):
    text = write_report(tmp_path, [])["report.html"].read_text()
    assert "Nothing was run." in text
