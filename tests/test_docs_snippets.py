"""Every Python block of every page runs: here, or in the tests of the page's own subject."""

import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
BLOCK = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)
#: Pages whose blocks other tests run.
ELSEWHERE = {
    "activations.md", "dictionaries.md", "getting_started.md", "what_solving_superposition_buys.md",
    "writing_a_method.md",
}  # fmt: skip
#: Pages whose blocks need a cluster: they must at least be Python.
COMPILED = {"scale.md"}
HERE = {"hierarchies.md", "index.md", "reproduce.md", "sparse_encode.md", "toys.md"}


def _blocks(page: str) -> list[str]:
    return BLOCK.findall((DOCS / page).read_text("utf-8"))


def _given() -> dict[str, np.ndarray]:
    """What the pages take for granted: activations of a known dictionary."""
    rng = np.random.default_rng(0)
    D = rng.standard_normal((12, 6))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = rng.random((1500, 12)) * (rng.random((1500, 12)) < 0.1)
    return {"X": Z @ D, "D": D}


def test_no_page_with_python_is_forgotten() -> None:
    pages = {page.name for page in DOCS.glob("*.md") if BLOCK.search(page.read_text("utf-8"))}
    assert pages == ELSEWHERE | COMPILED | HERE


@pytest.mark.parametrize("page", sorted(COMPILED))
def test_what_needs_a_cluster_is_python(page: str) -> None:
    for block in _blocks(page):
        compile(block, page, "exec")


def test_the_page_on_sparse_inference_runs() -> None:
    names = _given()
    for block in _blocks("sparse_encode.md"):
        exec(compile(block, "sparse_encode.md", "exec"), names)
    assert names["solution"].codes.shape == (1500, 12)


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(HERE - {"sparse_encode.md"}))
def test_the_code_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = dict(_given())
    for block in _blocks(page):
        exec(compile(block, page, "exec"), names)
