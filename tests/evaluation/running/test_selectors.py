"""Selectors: the same text means the same methods on the command line and in files."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evaluation.running import plan
from evaluation.running.record import Limits
from evaluation.running.selectors import (
    MethodChoice,
    parse_duration,
    parse_methods,
    parse_seeds,
    parse_size,
)
from evaluation.running.suites import SUITES, Suite, get_suite, override, read_config

KNOWN = ["ksvd", "pca", "sae-l1", "sae-topk"]


def _params(*texts: str) -> list[tuple[str, dict[str, Any]]]:
    return [(c.path, dict(c.params)) for c in parse_methods(texts, KNOWN)]


def test_a_list_is_a_grid_and_several_are_their_product() -> None:
    assert _params("ksvd[n_nonzero_coefs=[2,4]]") == [
        ("ksvd", {"n_nonzero_coefs": 2}),
        ("ksvd", {"n_nonzero_coefs": 4}),
    ]
    grid = _params("ksvd[a=[1,2],b=[x,y,z],c=3]")
    assert len(grid) == 6
    assert ("ksvd", {"a": 2, "b": "z", "c": 3}) in grid


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("-2", -2),
        ("none", None),
        ("True", True),
        ("relu", "relu"),
        ("'a, b]'", "a, b]"),
        ("(1,2)", (1, 2)),
        ("[[1,2]]", [1, 2]),
    ],
)
def test_values_are_literals_or_words(text: str, value: Any) -> None:
    assert _params(f"pca[x={text}]") == [("pca", {"x": value})]


def test_globs_are_over_registered_names_only() -> None:
    assert _params("sae-*") == [("sae-l1", {}), ("sae-topk", {})]
    with pytest.raises(ValueError, match="No method matches"):
        parse_methods(["nothing-*"], KNOWN)


def test_a_method_named_twice_runs_once() -> None:
    assert len(parse_methods(["pca", "pca[x=[1,2]]", "pca[x=1]"], KNOWN)) == 3


@pytest.mark.parametrize(
    "choice",
    [
        MethodChoice("ksvd", {"b": [1, 2], "a": "relu", "c": None, "d": "two words"}),
        MethodChoice("some/where/my.py:Mine", {"x": 0.5}),
        MethodChoice("pkg.mod:Class"),
    ],
)
def test_a_selector_selects_its_own_choice(choice: MethodChoice) -> None:
    (again,) = parse_methods([choice.selector])
    assert (again.path, dict(again.params)) == (choice.path, dict(choice.params))


def test_names_leave_out_folders_and_do_not_depend_on_order() -> None:
    assert MethodChoice("some/where/my.py:Mine", {"x": 1}).name == "my.py:Mine[x=1]"
    assert MethodChoice("k", {"a": 1, "b": 2}).name == MethodChoice("k", {"b": 2, "a": 1}).name


def _names(*texts: str) -> list[str]:
    return [choice.name for choice in parse_methods(texts, KNOWN)]


def test_a_method_is_called_what_its_selector_says() -> None:
    assert _names("mine=some/my.py:Mine[x=0.5]", "pca") == ["mine", "pca"]
    assert _names("mine=pca[x=[1,2],y=3]") == ["mine[x=1]", "mine[x=2]"]
    (choice,) = parse_methods(["mine=pca[x=1]"], KNOWN)
    assert (choice.path, choice.selector) == ("pca", "pca[x=1]")


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    assert _names("one/my.py:A", "two/my.py:A[x=1]", "two/my.py:A") == [
        "one/my.py:A", "my.py:A[x=1]", "two/my.py:A",
    ]  # fmt: skip
    assert _names("a/same/my.py:A", "b/same/my.py:A") == ["a/same/my.py:A", "b/same/my.py:A"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ksvd[",
        "ksvd[a=1",
        "ksvd]",
        "[a=1]",
        "ksvd[a]",
        "ksvd[a=1,a=2]",
        "k[a=(1]",
        "k[a='x]",
        "k[a=__import__('os')]",
        "k[a=1;b]",
    ],
)
def test_what_cannot_be_read_is_an_error_that_repeats_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"Cannot read|given twice|do not match"):
        parse_methods([text])


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0:3", (0, 1, 2)), ("5", (5,)), ("0,2,7", (0, 2, 7)), ("1:3,2", (1, 2)), (4, (4,))],
)
def test_seeds(text: str | int, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3:3", "-1", "0:2:1", []])
def test_seeds_that_are_none(text: Any) -> None:
    with pytest.raises(ValueError, match="seed"):
        parse_seeds(text)


def test_units() -> None:
    assert [parse_duration(t) for t in ("90", "90s", "1.5m", "2h", "250ms", 3)] == [
        90,
        90,
        90,
        7200,
        0.25,
        3,
    ]
    assert [parse_size(t) for t in ("4GB", "500 mb", "2GiB", "1k", 7)] == [
        4 * 10**9,
        500 * 10**6,
        2 * 2**30,
        1000,
        7,
    ]
    for wrong in ("0s", "ten", "-1s", ""):
        with pytest.raises(ValueError, match="duration"):
            parse_duration(wrong)
    for wrong in ("0", "4QB", "i"):
        with pytest.raises(ValueError, match="size"):
            parse_size(wrong)


def test_a_config_file_says_what_flags_say(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(
        'problems = ["relu-*"]\nmethods = ["ksvd[n_nonzero_coefs=[2,4]]"]\nseeds = "0:2"\n'
        'tracks = ["blind"]\ntiming = 1\n'.replace("timing = 1\n", "")
        + 'timeout = "2m"\nmem = "1GB"\nthreads = 2\nout = "results/x"\njobs = 3\n'
    )
    suite, rest = read_config(config)
    flags = override(
        Suite("mine"),
        problems=["relu-*"],
        methods=["ksvd[n_nonzero_coefs=[2,4]]"],
        seeds="0:2",
        tracks=["blind"],
        timeout="2m",
        mem="1GB",
        threads=2,
    )
    assert suite == flags
    assert suite.limits == Limits(seconds=120, bytes=10**9, threads=2)
    assert rest == {"out": "results/x", "jobs": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("problem = ['x']", "Unknown key 'problem'"),
        ("suite = 'smok'", "did you mean 'smoke'"),
        ("seeds = 'x'", "Cannot read seeds"),
        ("tracks = ['blnd']", "Unknown track"),
        ("not toml", "Cannot read"),
    ],
)
def test_a_config_file_with_a_fault(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_config(path)


def test_what_is_not_overridden_stays() -> None:
    for suite in SUITES.values():
        assert override(suite) == suite
    assert override(get_suite("smoke"), timeout=5).limits.bytes == get_suite("smoke").limits.bytes


def test_suites_name_problems_and_methods_that_exist() -> None:
    from evaluation.running.problems import find_problems
    from unfold import list_methods

    for suite in SUITES.values():
        assert find_problems(suite.problems)
        choices = parse_methods(suite.methods, list_methods())
        assert {choice.path for choice in choices} <= set(list_methods())
        assert suite.about.endswith(".")


def test_two_selectors_of_one_method_are_one_row_and_named() -> None:
    def cell(key: str, name: str) -> SimpleNamespace:
        return SimpleNamespace(key=key, method=SimpleNamespace(choice=SimpleNamespace(name=name)))

    cells = [cell("1", "a"), cell("1", "a[p=1]"), cell("2", "b"), cell("3", "a"), cell("3", "c")]
    kept, same = plan._once(cells)
    assert [one.key for one in kept] == ["1", "2", "3"]
    assert same == {"a[p=1]": "a", "c": "a"}
