"""Token activations of MiniLM, made once on this machine and kept as shards with digests."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.real.network import MiniLM
from evaluation.real.texts import Corpus, Tokens, read_text_sets, share_out
from toy.cache import cache_directory

#: Changes with anything that changes the activations: a store of another version is not read.
VERSION = 1
#: Tokens kept of a text, evenly spread and the last among them: long texts count no more.
ROWS_OF_A_TEXT = 8
N_TASKS, PER_CLASS = 48, (50, 30)
TRAIN_TEXTS, TEST_TEXTS = 60, 8
PARTS = ("train", "test", "probing")


@dataclass(frozen=True, eq=False)
class TextRows:
    """Activations of texts, one after the other.

    Attributes
    ----------
    X : ndarray of shape (n, d)
    tokens : ndarray of shape (n,)
    starts : ndarray of shape (n_texts + 1,)
        Rows of text i are ``starts[i]`` to ``starts[i + 1]``; the last is its last token.
    """

    X: np.ndarray
    tokens: np.ndarray
    starts: np.ndarray


@dataclass(frozen=True, eq=False)
class TaskTexts:
    """Where a probing task's texts stand among those of probing.

    Attributes
    ----------
    name : str
    train, test : ndarray of int
    train_labels, test_labels : ndarray of bool
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    test_labels: np.ndarray


def load_layer(layer: int) -> tuple[dict[str, TextRows], list[TaskTexts], str]:
    """Return the activations after a layer, made if this machine has not made them.

    Returns
    -------
    parts : dict of str to TextRows
        "train", "test" and "probing"; no text is in two of them.
    tasks : list of TaskTexts
    digest : str
        Of all of it.

    Raises
    ------
    ModuleNotFoundError
        If the network or the texts are not installed; the message says how to get them.
    FileError
        If what is kept was damaged.
    """
    folder = cache_directory() / "real" / f"minilm-v{VERSION}-layer{layer}"
    if not (folder / "texts.json").is_file():
        _make(folder, layer)
    return _read(folder)


def kept_positions(length: int) -> np.ndarray:
    """Return the positions kept of a text of ``length`` tokens, [CLS] and [SEP] left out."""
    inner = np.arange(1, length - 1)
    places = np.linspace(0, len(inner) - 1, min(len(inner), ROWS_OF_A_TEXT)).round().astype(int)
    return inner[places]


def _make(folder: Path, layer: int) -> None:
    network = MiniLM()
    corpus = share_out(
        read_text_sets(), network.tokenize, n_tasks=N_TASKS, per_class=PER_CLASS,
        n_train=TRAIN_TEXTS, n_test=TEST_TEXTS,
    )  # fmt: skip
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
    try:
        probing, tasks = _probing_texts(corpus)
        facts: dict[str, Any] = {"tasks": tasks, "starts": {}}
        for name, texts in zip(PARTS, (corpus.train, corpus.test, probing), strict=True):
            facts["starts"][name] = _write(scratch / name, network, texts, layer)
        (scratch / "texts.json").write_text(json.dumps(facts))
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _probing_texts(corpus: Corpus) -> tuple[list[Tokens], list[dict[str, Any]]]:
    texts: list[Tokens] = []
    tasks = []
    for task in corpus.tasks:
        at = len(texts)
        texts += [*task.train, *task.test]
        tasks.append({
            "name": task.name, "first": at, "n_train": len(task.train), "n_test": len(task.test),
            "labels": [bool(y) for y in (*task.train_labels, *task.test_labels)],
        })  # fmt: skip
    return texts, tasks


def _write(out: Path, network: MiniLM, texts: Sequence[Tokens], layer: int) -> list[int]:
    from unfold.io.writer import ActivationWriter

    starts = [0]
    facts = {"network": "all-MiniLM-L6-v2", "layer": layer}
    with ActivationWriter(out, "float16", facts=facts) as writer:
        for first in range(0, len(texts), 2048):
            block = list(texts[first : first + 2048])
            kept = [kept_positions(len(tokens)) for tokens in block]
            found = network.activations(block, layer)
            rows = [h[places] for h, places in zip(found, kept, strict=True)]
            tokens = [np.array(t)[places] for t, places in zip(block, kept, strict=True)]
            writer.write(np.concatenate(rows), np.concatenate(tokens))
            starts += (starts[-1] + np.cumsum([len(places) for places in kept])).tolist()
    return starts


def _read(folder: Path) -> tuple[dict[str, TextRows], list[TaskTexts], str]:
    from toy.cache import digest
    from unfold.io.activations import open_activations

    facts = json.loads((folder / "texts.json").read_text())
    parts: dict[str, TextRows] = {}
    arrays: dict[str, np.ndarray] = {}
    for name in PARTS:
        store = open_activations(folder / name)
        store.verify()
        tokens, starts = store.tokens, np.array(facts["starts"][name])
        assert tokens is not None
        parts[name] = TextRows(np.asarray(store), tokens, starts)
        arrays |= {f"{name}.X": parts[name].X, f"{name}.tokens": tokens, f"{name}.starts": starts}
    tasks = []
    for task in facts["tasks"]:
        labels, cut = np.array(task["labels"], bool), task["n_train"]
        places = task["first"] + np.arange(len(labels))
        tasks.append(
            TaskTexts(task["name"], places[:cut], places[cut:], labels[:cut], labels[cut:])
        )
        arrays[f"labels.{task['name']}"] = labels
    return parts, tasks, digest(arrays)
