"""What a layer gives, against hooks by hand; stores that are interrupted, resumed and damaged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unfold.io.activations import FileError, open_activations
from unfold.io.capture import capture
from unfold.io.writer import ActivationWriter


class Block(nn.Module):
    """Gives a tuple, as blocks of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, h: torch.Tensor) -> tuple[torch.Tensor, str]:
        return h + self.linear(h).relu(), "cache"


class Model(nn.Module):
    """Two blocks on embedded tokens, with dropout that would show if it were on."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 6)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.dropout = nn.Dropout(0.5)

    def forward(self, input_ids: Any, attention_mask: Any = None) -> torch.Tensor:
        h = self.embed(input_ids)
        for block in self.blocks:
            h, _ = block(self.dropout(h))
        return h


@pytest.fixture
def model() -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Model()


def _batches(n: int = 5) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    batches = []
    for _ in range(n):
        ids = torch.randint(20, (3, 7), generator=generator)
        lengths = torch.tensor([7, 4, 2])
        mask = (torch.arange(7)[None] < lengths[:, None]).long()
        batches.append({"input_ids": ids, "attention_mask": mask})
    return batches


def _expected(model: Model, batches: Any) -> tuple[np.ndarray, np.ndarray]:
    model.eval()
    rows, ids = [], []
    with torch.no_grad():
        for batch in batches:
            h, _ = model.blocks[0](model.embed(batch["input_ids"]))
            rows.append(h[batch["attention_mask"] == 1])
            ids.append(batch["input_ids"][batch["attention_mask"] == 1])
    return torch.cat(rows).numpy(), torch.cat(ids).numpy()


def test_a_layer_by_name_or_by_itself(model: Model, tmp_path: Path) -> None:
    batches = _batches()
    model.train()
    stored = capture(
        model, "blocks.0", iter(batches), tmp_path / "a", tokens="input_ids", dtype="float32"
    )
    assert model.training
    rows, ids = _expected(model, batches)
    np.testing.assert_array_equal(np.asarray(stored), rows)
    np.testing.assert_array_equal(stored.tokens, ids)
    stored.verify()
    same = capture(model, model.blocks[0], batches, tmp_path / "b", dtype="float32")
    np.testing.assert_array_equal(np.asarray(same), rows)
    assert not model.blocks[0]._forward_hooks


@pytest.mark.parametrize(("dtype", "digits"), [("float16", 2**-11), ("bfloat16", 2**-8)])
def test_half_precision_is_rounded_to_nearest(
    model: Model, tmp_path: Path, dtype: str, digits: float
) -> None:
    batches = _batches()
    stored = capture(model, "blocks.0", batches, tmp_path, dtype=dtype)
    rows, _ = _expected(model, batches)
    np.testing.assert_allclose(np.asarray(stored), rows, rtol=digits, atol=1e-7)
    kind = getattr(torch, dtype)
    expected = torch.from_numpy(rows).to(kind).float().numpy()
    np.testing.assert_array_equal(np.asarray(stored), expected)
    assert stored.stored == dtype and stored.dtype == np.float32


def test_the_first_token_that_is_not_padding_is_dropped(model: Model, tmp_path: Path) -> None:
    batch = {
        "input_ids": torch.arange(8).reshape(2, 4),
        "attention_mask": torch.tensor([[1, 1, 1, 0], [0, 1, 1, 1]]),
    }
    stored = capture(
        model, "embed", [batch], tmp_path, tokens="input_ids", dtype="float32", drop_first=True
    )
    np.testing.assert_array_equal(stored.tokens, [1, 2, 6, 7])


def test_an_interrupted_run_goes_on_where_it_was(model: Model, tmp_path: Path) -> None:
    batches = _batches(6)

    def breaking() -> Any:
        yield from batches[:4]
        raise KeyboardInterrupt

    options: dict[str, Any] = {"dtype": "float32", "shard_rows": 20}
    with pytest.raises(KeyboardInterrupt):
        capture(model, "blocks.0", breaking(), tmp_path, **options)
    ran: list[int] = []
    stored = capture(
        model, "blocks.0", batches, tmp_path, resume=True, on_batch=ran.append, **options
    )
    assert ran == [5, 6]
    np.testing.assert_array_equal(np.asarray(stored), _expected(model, batches)[0])
    with pytest.raises(FileExistsError, match="resume=True"):
        capture(model, "blocks.0", batches, tmp_path, **options)
    with pytest.raises(FileError, match="has facts"):
        capture(model, "blocks.1", batches, tmp_path, resume=True, **options)


def test_what_cannot_be_captured_is_told(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no layer 'block.0'; it has 'blocks.0'"):
        capture(model, "block.0", _batches(), tmp_path / "a")
    with pytest.raises(ValueError, match="no part of the model"):
        capture(model, nn.Identity(), _batches(), tmp_path / "a")
    with pytest.raises(ValueError, match="ran 0 times"):
        capture(model, "blocks", _batches(), tmp_path / "b")
    with pytest.raises(ValueError, match="no entry 'ids'"):
        capture(model, "embed", _batches(), tmp_path / "c", tokens="ids")
    with torch.no_grad():
        model.embed.weight[:] = 1e6
    with pytest.raises(ValueError, match=r"do not fit into float16.*bfloat16"):
        capture(model, "embed", _batches(), tmp_path / "d")
    with torch.no_grad():
        model.embed.weight[:] = torch.nan
    with pytest.raises(ValueError, match="Batch 0 has NaN"):
        capture(model, "embed", _batches(), tmp_path / "e")


def test_a_store_that_changed_or_lies_is_refused(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    with ActivationWriter(tmp_path, "float32", shard_rows=10) as writer:
        for batch in np.split(X, 4):
            writer.write(batch)
    opened = open_activations(tmp_path)
    np.testing.assert_array_equal(np.asarray(opened), X)
    opened.verify()
    facts = json.loads((tmp_path / "activations.json").read_text())
    lies: list[dict[str, Any]] = [
        {"version": 2}, {"d": 4}, {"shards": 3}, {"dtype": "bfloat16"},
        {"shards": [{"file": "../000000.npy", "rows": 10}]},
        {"shards": [{"file": "000009.npy", "rows": 10}]},
        {"shards": [{"file": "000000.npy", "rows": 10**20}]},
    ]  # fmt: skip
    for lie in lies:
        (tmp_path / "activations.json").write_text(json.dumps(facts | lie))
        with pytest.raises(FileError) as told:
            open_activations(tmp_path)
        assert "\n" not in str(told.value)
    (tmp_path / "activations.json").write_text(json.dumps(facts))
    changed = np.load(tmp_path / "000002.npy")
    changed[0, 0] += 1
    np.save(tmp_path / "000002.npy", changed)
    with pytest.raises(FileError, match=r"'000002\.npy'.*has changed"):
        open_activations(tmp_path).verify()


def test_a_transformers_model_in_ten_lines(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=2, n_head=2, n_embd=16, vocab_size=50, n_positions=12)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.GPT2Model(config).eval()
    ids = torch.arange(40).reshape(4, 10)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    stored = capture(model, "h.0", [batch], tmp_path, dtype="float32", drop_first=True)
    with torch.no_grad():
        hidden = model(**batch, output_hidden_states=True).hidden_states[1]
    np.testing.assert_array_equal(np.asarray(stored), hidden[:, 1:].reshape(-1, 16).numpy())
