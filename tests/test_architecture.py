"""The shape of the code base, checked: sizes, names, layers, public surface."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("toy", "unfold", "evaluation")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=_id)
def test_file_is_small_and_named_for_its_content(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES
    assert path.stem not in FORBIDDEN_NAMES


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_functions_fit_on_a_screen(path: Path) -> None:
    long = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        if lines > MAX_FUNCTION_LINES:
            long.append(f"{node.name} ({lines} lines)")
    assert not long


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_no_constructor_swallows_typos(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            assert node.args.kwarg is None


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_resolves_and_is_documented(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__
    for name in module.__all__:
        thing = getattr(module, name)
        if callable(thing):
            assert thing.__doc__, f"{package}.{name} has no docstring"


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys, evaluation.cli; "
        "heavy = {'torch', 'sklearn', 'pandas', 'numba', 'cvxpy', 'plotly', 'matplotlib'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_machine_path_is_tracked() -> None:
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    pattern = re.compile(r"/(?:work|root|home)/[a-z]")
    offenders = [
        name
        for name in files
        if Path(name).suffix in {".py", ".md", ".toml", ".txt", ".html", ".j2", ""}
        and (ROOT / name).is_file()
        and name != "tests/test_architecture.py"
        and pattern.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert offenders == []
