"""Labelled texts of the sae-probes wheel, shared out so that no text serves two purposes."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from evaluation.real.network import package_folder

Tokens = tuple[int, ...]
#: Drawn of each set before texts that are already in use are left out.
DRAWN = 700


@dataclass(frozen=True, eq=False)
class ProbingTask:
    """Texts of two classes.

    Attributes
    ----------
    name : str
    train, test : list of tuple of int
        Tokens; both halves are balanced.
    train_labels, test_labels : ndarray of bool
    """

    name: str
    train: list[Tokens]
    test: list[Tokens]
    train_labels: np.ndarray
    test_labels: np.ndarray


@dataclass(eq=False)
class Corpus:
    """What the texts are for.

    Attributes
    ----------
    train, test : list of tuple of int
        To fit dictionaries on, and to measure what they explain.
    tasks : list of ProbingTask
    """

    train: list[Tokens] = field(default_factory=list)
    test: list[Tokens] = field(default_factory=list)
    tasks: list[ProbingTask] = field(default_factory=list)


def read_text_sets() -> dict[str, tuple[list[str], np.ndarray]]:
    """Return the texts and labels of every set in the wheel, by name.

    Raises
    ------
    ModuleNotFoundError
        If sae-probes or zstandard is not installed.
    """
    package_folder("zstandard")
    folder = package_folder("sae_probes") / "data" / "cleaned_data"
    return {p.name.removesuffix(".csv.zst"): _read(p) for p in sorted(folder.glob("*.csv.zst"))}


def _read(path: Path) -> tuple[list[str], np.ndarray]:
    import pandas as pd
    import zstandard

    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    table = pd.read_csv(io.BytesIO(raw), usecols=["prompt", "target"]).dropna()
    return table["prompt"].astype(str).tolist(), table["target"].to_numpy()


def share_out(
    sets: dict[str, tuple[list[str], np.ndarray]],
    tokenize: Callable[[list[str]], list[Tokens]],
    *,
    n_tasks: int,
    per_class: tuple[int, int],
    n_train: int,
    n_test: int,
) -> Corpus:
    """Share texts out among probing, test and train; each is in one place, once.

    Texts are the same where the network sees the same: by their tokens, after they are cut.

    Parameters
    ----------
    sets : dict of str to (list of str, ndarray)
    tokenize : callable
    n_tasks : int
        Two-class sets to probe; spread evenly over all that have the texts.
    per_class : tuple of int
        Texts of each class to train and to test a probe.
    n_train, n_test : int
        Texts of each set to fit on, and to measure on.

    Raises
    ------
    ValueError
        If fewer sets than ``n_tasks`` have enough texts of two classes.
    """
    rng = np.random.default_rng(0)  # the board's own: every seed of a problem has these tasks
    drawn: dict[str, tuple[list[Tokens], np.ndarray]] = {}
    taken: set[Tokens] = set()
    for name, (texts, labels) in sets.items():
        pick = rng.permutation(len(texts))[:DRAWN]
        fresh, kept = [], []
        for i, tokens in zip(pick, tokenize([texts[i] for i in pick]), strict=True):
            if len(tokens) > 2 and tokens not in taken:  # more than [CLS] and [SEP]
                taken.add(tokens)
                fresh.append(tokens)
                kept.append(i)
        drawn[name] = fresh, labels[kept]
    corpus = Corpus()
    used: dict[str, set[int]] = {name: set() for name in drawn}
    able = [name for name, (_, y) in drawn.items() if _two_classes(y, sum(per_class))]
    if len(able) < n_tasks:
        raise ValueError(
            f"{n_tasks} tasks are asked for, and {len(able)} sets have {sum(per_class)} texts of "
            f"each of two classes: ask for fewer tasks or texts."
        )
    for place in np.linspace(0, len(able) - 1, n_tasks).round().astype(int):
        task, places = _task(able[place], *drawn[able[place]], per_class)
        corpus.tasks.append(task)
        used[able[place]] = places
    for name, (texts_of_set, _) in drawn.items():
        rest = [t for i, t in enumerate(texts_of_set) if i not in used[name]]
        corpus.test += rest[:n_test]
        corpus.train += rest[n_test : n_test + n_train]
    return corpus


def _two_classes(labels: np.ndarray, least: int) -> bool:
    values, counts = np.unique(labels, return_counts=True)
    return len(values) == 2 and counts.min() >= least


def _task(
    name: str, texts: list[Tokens], labels: np.ndarray, per_class: tuple[int, int]
) -> tuple[ProbingTask, set[int]]:
    positive = labels == np.unique(labels)[1]
    n_train, n_test = per_class
    halves: tuple[list[int], list[int]] = [], []
    for side in (False, True):
        places = np.flatnonzero(positive == side)[: n_train + n_test].tolist()
        halves[0].extend(places[:n_train])
        halves[1].extend(places[n_train:])
    train, test = ([texts[i] for i in half] for half in halves)
    task = ProbingTask(name, train, test, positive[halves[0]], positive[halves[1]])
    return task, {*halves[0], *halves[1]}
