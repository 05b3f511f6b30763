"""What the pages on files show is what runs."""

import re
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).resolve().parents[1] / "docs"
NEEDS = {"capture": "transformers", "save": "sae_lens"}


def _blocks(page: str) -> dict[str, str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"```python\n# (\w+)\n(.*?)```", text, flags=re.DOTALL)
    return dict(found)


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("activations.md", "store"),
        ("activations.md", "capture"),
        ("dictionaries.md", "load"),
        ("dictionaries.md", "save"),
    ],
)
def test_the_code_of_a_page_runs(page: str, name: str, tmp_path: Path) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(compile(_blocks(page)[name], page, "exec"), {"folder": tmp_path})


def test_no_block_is_left_out() -> None:
    assert set(_blocks("activations.md")) == {"store", "capture"}
    assert set(_blocks("dictionaries.md")) == {"load", "save"}


def test_the_readme_shows_capture_on_a_transformers_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    import unfold

    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n# capture\.py[^\n]*\n(.*?)```", text, flags=re.DOTALL)
    assert len(block.splitlines()) <= 10
    config = transformers.GPT2Config(n_layer=2, n_head=2, n_embd=8, vocab_size=50, n_positions=32)

    class Tokenizer:
        pad_token = eos_token = "end"

        def __call__(self, texts: list[str], **_: object) -> dict[str, torch.Tensor]:
            ids = torch.arange(len(texts) * 6).reshape(len(texts), 6) % 50
            return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.GPT2Model(config)
    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", lambda name: model)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda name: Tokenizer())
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"texts": [["a", "b"], ["c"]]})
    assert unfold.open_activations(tmp_path / "acts").shape == (15, 8)
