"""The documentation: whole, linked, and its code runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import evaluation
import toy
import unfold
from unfold.registry import get_method, list_methods

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def test_every_page_is_in_the_contents() -> None:
    listed = re.findall(r"^(\w+)$", (DOCS / "index.md").read_text(), flags=re.MULTILINE)
    assert {page.stem for page in PAGES} == {*listed, "index"} - {"hidden"}


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_links_lead_to_files(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_the_code_of_getting_started_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "getting_started.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert [block.splitlines()[0] for block in blocks] == [
        "# toy",
        "# codes",
        "# missing",
        "# score",
    ]
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "getting_started.md", "exec"), names)
    assert capsys.readouterr().out.startswith("20 features, the worst found to a cosine of 1.000")


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS), str(tmp_path)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = {page.stem for page in (tmp_path / "reference").glob("*.html")}
    for package in (unfold, toy, evaluation):
        assert {f"{package.__name__}.{name}" for name in package.__all__} <= pages
    classes = [get_method(name) for name in list_methods()]
    assert {f"{one.__module__}.{one.__qualname__}" for one in classes} <= pages
    loaded = re.compile(r'<(?:script|link|img)[^>]+(?:src|href)="https?://')
    assert not [p.name for p in tmp_path.rglob("*.html") if loaded.search(p.read_text())]
