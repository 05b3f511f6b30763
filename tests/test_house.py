"""The plan of the house: what a move of files may break without anybody noticing."""

import importlib
import importlib.util
import shutil
import warnings
from pathlib import Path

import pytest

import toy.cache
import unfold
from evaluation.isolation.warm_up import PRELOAD
from evaluation.reproduce import experiment, runner
from evaluation.running.record import Record
from evaluation.running.selectors import parse_methods
from unfold.registry import RENAMED, current_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("toy", "unfold", "evaluation")
MAX_FILES = 15
MAX_LEVELS = 3


@pytest.mark.parametrize("package", PACKAGES)
def test_folders_are_small_and_shallow(package: str) -> None:
    for folder in {path.parent for path in (ROOT / package).rglob("*.py")}:
        files = [path for path in folder.glob("*.py") if path.stem != "__init__"]
        assert len(files) <= MAX_FILES, folder
        assert len(folder.relative_to(ROOT).parts) <= MAX_LEVELS + 1, folder


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_has_the_name_of_a_public_function(package: str) -> None:
    module = importlib.import_module(package)
    beside = {path.stem for path in (ROOT / package).iterdir()}
    assert not beside & set(module.__all__)


def test_public_functions_stay_functions_whatever_was_used_before() -> None:
    import evaluation

    first = {name: getattr(evaluation, name) for name in evaluation.__all__}
    importlib.import_module("evaluation.scoring.score")
    importlib.import_module("evaluation.boards.leaderboard")
    assert all(getattr(evaluation, name) is thing for name, thing in first.items())
    assert callable(evaluation.score) and callable(evaluation.leaderboard)
    assert callable(unfold.recover) and callable(unfold.recover)


def test_any_change_of_toy_changes_the_fingerprint_of_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "toy"
    shutil.copytree(ROOT / "toy", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(toy.cache, "__file__", str(copy / "cache.py"))
    version = toy.cache.code_version.__wrapped__
    seen = {version()}
    for path in sorted(copy.rglob("*.py")):
        path.write_text(path.read_text() + "# touched")
        seen.add(version())
    assert len(seen) == 1 + len(list(copy.rglob("*.py")))


def test_a_fact_is_measured_anew_when_code_below_a_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = experiment.Experiment
    chosen = next(e for e in runner._choose(None) if isinstance(e, one))
    before = runner._version.__wrapped__(chosen, False)
    touched = ROOT / "toy" / "models" / "networks.py"
    real = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: real(path) + (b"#" if path == touched else b"")
    )
    assert runner._version.__wrapped__(chosen, False) != before


@pytest.mark.parametrize("name", [*PRELOAD, "evaluation.isolation.server"])
def test_modules_named_in_strings_exist(name: str) -> None:
    assert importlib.util.find_spec(name) is not None


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_old_names_are_answered_and_are_no_second_method(old: str, new: str) -> None:
    assert new in unfold.list_methods() and old not in unfold.list_methods()
    with pytest.warns(FutureWarning, match=new):
        assert unfold.get_method(old) is unfold.get_method(new)
    assert [choice.path for choice in parse_methods([old, new])] == [new]
    record = Record(
        key="k",
        problem="p",
        method=f"{old}[a=1]",
        method_path=old,
        seed=0,
        track="blind",
        status="ok",
    )
    assert record.method == f"{new}[a=1]" == current_name(f"{old}[a=1]")


def test_new_names_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in unfold.list_methods():
            unfold.get_method(name)
