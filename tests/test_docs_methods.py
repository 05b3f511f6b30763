"""What the page on writing a method shows is what runs."""

import re
from pathlib import Path

import pytest

from evaluation.running.selectors import parse_methods
from evaluation.running.suites import read_config
from unfold import declarations, get_method
from unfold.testing import check_method

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "writing_a_method.md").read_text("utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the page, as a reader saves them."""
    for name, text in re.findall(r"```\w+\n# ([\w.]+)[^\n]*\n(.*?)```", PAGE, flags=re.DOTALL):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_plugin_of_two_files_conforms(folder: Path) -> None:
    report = check_method(f"{folder / 'two_files.py'}:Medoids")
    assert report.ok, report


def test_every_attribute_named_is_read(folder: Path) -> None:
    method = get_method(f"{folder / 'two_files.py'}:Medoids")
    assert declarations.declared_hints(method) == {"n_components": "n_features"}
    assert declarations.declared_search_space(method) == {"share": [0.01, 0.03, 0.1, 0.3]}
    assert all(f"`{fact}`" in PAGE for fact in declarations.FACTS)


def test_the_run_of_the_page_is_read(folder: Path) -> None:
    suite, rest = read_config(folder / "run.toml")
    assert suite.seeds == (0, 1, 2) and suite.limits.seconds == 300
    assert rest == {"out": "results/mine", "jobs": 2}
    assert len(parse_methods(suite.methods)) == 3


def test_selectors_mean_what_the_page_says() -> None:
    numbers = {"one": 1, "two": 2, "four": 4}
    rows = re.findall(r"\| `([^`]*Medoids[^`]*)` \| (one|two|a grid of four)", PAGE)
    assert len(rows) == 5
    for selector, count in rows:
        assert len(parse_methods([selector])) == numbers[count.split()[-1]], selector
    (first, second) = parse_methods(["mine=two_files.py:Medoids[share=[0.1,0.3]]"])
    assert (first.name, second.name) == ("mine[share=0.1]", "mine[share=0.3]")
