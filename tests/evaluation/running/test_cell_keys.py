"""Identity: what determines a result is in its key, and nothing else is."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.isolation.pool import Slot
from evaluation.running.cell_keys import content_key, method_source, method_target
from evaluation.running.plan import Plan, make_plan
from evaluation.running.record import Limits
from evaluation.running.suites import Suite

PLUGIN = """
import helper_of_mine
from package_of_mine.part import depth
class Mine:
    def __init__(self, alpha=0.5, random_state=None):
        self.alpha, self.random_state = alpha, random_state
    def fit(self, X):
        import lazy_helper
        return self
"""
FILES = {
    "mine.py": PLUGIN,
    "helper_of_mine.py": "VALUE = 1\n",
    "lazy_helper.py": "VALUE = 2\n",
    "package_of_mine/__init__.py": "",
    "package_of_mine/part.py": "from package_of_mine import other\ndepth = 3\n",
    "package_of_mine/other.py": "",
    "unrelated.py": "",
    "yours.py": PLUGIN.replace("import helper_of_mine\n", ""),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "plugin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "plugin"


def test_a_key_is_blind_to_order_and_sees_every_value() -> None:
    assert content_key({"a": 1, "b": [1, 2]}) == content_key({"b": [1, 2], "a": 1})
    values = [{"a": 1}, {"a": 1.5}, {"a": "1"}, {"a": None}, {"a": [1]}, {"b": 1}, {}]
    assert len({content_key(value) for value in values}) == len(values)


def test_the_source_of_a_file_is_it_and_what_it_imports_beside_it(folder: Path) -> None:
    source = method_source(f"{folder}/mine.py:Mine")
    assert set(source) == set(FILES) - {"unrelated.py", "yours.py"}


@pytest.mark.parametrize("name", sorted(set(FILES) - {"unrelated.py", "yours.py"}))
def test_editing_any_of_them_changes_the_source(folder: Path, name: str) -> None:
    before = method_source(f"{folder}/mine.py:Mine")
    (folder / name).write_text((folder / name).read_text() + "# edited\n")
    after = method_source(f"{folder}/mine.py:Mine")
    assert [file for file in before if before[file] != after[file]] == [name]


def test_the_source_does_not_depend_on_where_the_folder_is(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "elsewhere")
    here, there = (method_source(f"{f}/mine.py:Mine") for f in (folder, tmp_path / "elsewhere"))
    assert here == there


def test_the_source_of_an_installed_class_is_its_distribution() -> None:
    from importlib.metadata import version

    expected = {"scikit-learn": version("scikit-learn")}
    assert method_source("sklearn.decomposition:FastICA") == expected


def test_unknown_things_are_named() -> None:
    with pytest.raises(ValueError, match="No file"):
        method_source("nowhere.py:Mine")
    with pytest.raises(ValueError, match="No module"):
        method_source("no_such_package.module:Mine")
    with pytest.raises(ValueError, match="Unknown method 'fastic'"):
        method_target("fastic")


@pytest.fixture(scope="module")
def slot() -> Iterator[Slot]:
    with Slot() as slot:
        yield slot


def _suite(*methods: str) -> Suite:
    return Suite(problems=("planted-8in6-p0.1/v1",), methods=methods, seeds=(0,), tracks=("blind",))


def _keys(plan: Plan) -> dict[str, str]:
    return {cell.method.choice.name: cell.key for cell in plan.cells}


def test_keys_follow_what_determines_a_result(folder: Path, tmp_path: Path, slot: Slot) -> None:
    suite = _suite(f"{folder}/mine.py:Mine", f"{folder}/yours.py:Mine")

    def keys(suite: Suite = suite, salt: str = "") -> dict[str, str]:
        return _keys(make_plan(suite, tmp_path / "out", salt=salt, slots=[slot]))

    first = keys()
    mine, yours = "mine.py:Mine", "yours.py:Mine"
    assert first == keys()
    assert keys(replace(suite, methods=suite.methods[::-1], name="x", about="y")) == first
    # A default that is spelled out is the same cell.
    spelled = keys(_suite(f"{folder}/mine.py:Mine[alpha=0.5]"))
    assert spelled[f"{mine}[alpha=0.5]"] == first[mine]
    assert keys(_suite(f"{folder}/mine.py:Mine[alpha=0.6]")).keys() & first.keys()
    changed = [
        keys(replace(suite, seeds=(1,))),
        keys(replace(suite, tracks=("informed",))),
        keys(replace(suite, limits=Limits(threads=2))),
        keys(replace(suite, problems=("planted-8in6-p0.2/v1",))),
        keys(salt="a salt of sixteen"),
    ]
    assert len({plan[mine] for plan in changed} | {first[mine]}) == 6
    assert changed[2]["control:oracle"] == first["control:oracle"]  # no limit applies to it
    assert keys(replace(suite, limits=Limits(seconds=1, bytes=10**9))) == first

    (folder / "helper_of_mine.py").write_text("VALUE = 10\n")
    edited = keys()
    assert {name for name in first if edited[name] != first[name]} == {mine}
    (folder / "unrelated.py").write_text("VALUE = 10\n")
    assert keys() == edited
    assert edited[yours] == first[yours]


def test_a_parameter_that_does_not_exist_is_refused_before_anything_runs(
    folder: Path, tmp_path: Path, slot: Slot
) -> None:
    with pytest.raises(ValueError, match=r"takes no parameter 'alhpa': .*alpha, random_state"):
        make_plan(_suite(f"{folder}/mine.py:Mine[alhpa=1]"), tmp_path, slots=[slot])


def test_what_cannot_be_loaded_is_one_error_before_anything_runs(
    folder: Path, tmp_path: Path, slot: Slot
) -> None:
    (folder / "helper_of_mine.py").write_text("raise RuntimeError('not today')\n")
    suite = _suite(f"{folder}/mine.py:Mine", f"{folder}/yours.py:Miine", "pca")
    with pytest.raises(ValueError) as refused:
        make_plan(replace(suite, seeds=(0, 1, 2)), tmp_path, slots=[slot])
    told = str(refused.value)
    assert "RuntimeError: not today (helper_of_mine.py, line 1)" in told
    assert "did you mean 'Mine'?" in told
    assert told.count("\n") == 2


def test_an_installed_method_without_its_package_is_skipped(
    tmp_path: Path, slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"status": "error", "reason": "No module named 'lacking': pip install lacking"}
    monkeypatch.setattr(Slot, "submit", lambda *_: dict(answer))
    plan = make_plan(_suite("pca"), tmp_path, slots=[slot])
    (cell,) = [cell for cell in plan.cells if not cell.is_control]
    assert cell.method.failure == answer | {"status": "skipped"}


def test_a_plan_without_problems_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name one with -p"):
        make_plan(Suite(methods=("pca",)), tmp_path)
