"""Tables of any width: nothing is lost, numbers stay whole, lines fit."""

import pytest

from evaluation.cli.layout import lines

NAME = "package.module:Class[first=1.25,second=word]"
ABOUT = "One sentence of several words that says what all these are good for."
ROWS = [
    {"method": NAME, "skill": "0.641", "s": "12.50", "about": ABOUT},
    {"method": "pca", "skill": "0.143", "s": "0.13", "about": "Short."},
]


@pytest.mark.parametrize("width", [None, 200, 100, 80, 60, 40])
def test_nothing_is_lost_and_lines_fit(width):
    shown = lines(ROWS, ["skill", "s"], width)
    assert width is None or max(map(len, shown)) <= width
    words = " ".join(shown).split()
    assert {"0.641", "12.50", "0.143", "0.13", "Short."} <= set(words)
    assert [word for word in words if word in ABOUT.split()] == ABOUT.split()
    assert NAME in "".join(line.split()[0] for line in shown[1:] if not line.startswith(" "))


def test_a_name_stays_in_its_row_whichever_column_it_is():
    board = [{"#": "1", "method": NAME, **{f"n{i}": "0.123" for i in range(9)}}]
    shown = lines(board, ["#", *(f"n{i}" for i in range(9))], 80)
    assert max(map(len, shown)) <= 80 and "method" in shown[0]
    assert shown[1].count("0.123") == 9 and shown[1].startswith("1 package.")
    pieces = [shown[1].split()[1], *(line.split()[0] for line in shown[2:])]
    assert "".join(pieces) == NAME


def test_without_a_width_every_row_is_one_line():
    assert len(lines(ROWS, ["skill", "s"])) == 1 + len(ROWS)


def test_numbers_stand_at_the_right():
    shown = lines([{"a": "x", "n": "5"}, {"a": "y", "n": "1234"}], ["n"])
    assert shown[1].endswith("   5") and shown[2].endswith("1234")


def test_no_rows_make_an_empty_table():
    assert lines([]) == []
