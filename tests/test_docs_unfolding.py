"""What the page on unfolding shows is what runs, from its first line to its last."""

import re
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[1] / "docs" / "what_solving_superposition_buys.md"


def test_the_code_of_the_page_runs_in_order() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for block in blocks:
            exec(compile(block, PAGE.name, "exec"), names)
    assert names["found"].explained  # type: ignore[attr-defined]
    assert names["certificate"].unseen_upper < 0.2  # type: ignore[attr-defined]
