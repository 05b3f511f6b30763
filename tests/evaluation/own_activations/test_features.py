"""Pages of features: the strongest texts, shaded as they are, labels told beyond chance only."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from evaluation.own_activations.features.activity import (
    TOP_TEXTS,
    Activity,
    activity,
    histogram,
    nearest,
    strongest_texts,
    told_labels,
)
from evaluation.own_activations.features.examples import Texts, no_texts, read_examples
from evaluation.own_activations.features.page import features_page, text_page
from evaluation.own_activations.features.write import explain_text
from evaluation.own_activations.fit import fit_file
from unfold.io.checks import FileError

N_TEXTS, LENGTH, K = 60, 5, 7
NASTY = "</script><img src=x onerror=alert(1)>"
HEAD = {"title": NASTY, "notes": ["n"], "heading": "h"}


def _lines() -> list[dict[str, Any]]:
    return [
        {"tokens": [NASTY, *(f" w{i}.{j}" for j in range(LENGTH))],
         "rows": list(range(1, LENGTH + 1)), "labels": {"odd": i % 2}}
        for i in range(N_TEXTS)
    ]  # fmt: skip


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(map(json.dumps, _lines())))
    return path


@pytest.fixture
def seen(texts: Path) -> Activity:
    rng = np.random.default_rng(0)
    n = N_TEXTS * LENGTH
    codes = rng.standard_normal((n, K)) * (rng.random((n, K)) < 0.2)
    codes[:, 1:] = np.abs(codes[:, 1:])
    codes[:, 2] += 2 * (np.arange(n) // LENGTH % 2)  # told by the second class
    codes[:, 3] = 0
    D = rng.standard_normal((K, 6))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return activity(D, codes, read_examples(texts, n), np.linspace(0, 1, K))


def _unpacked(page: str, name: str) -> Any:
    found = re.search(rf'id="{name}">([^<]*)<', page)
    assert found is not None
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def test_the_strongest_texts_are_shown_once_each_strongest_first(seen: Activity) -> None:
    dense = np.abs(seen.codes.toarray()).reshape(N_TEXTS, LENGTH, K)
    for feature in range(K):
        shown = strongest_texts(seen, feature)
        strongest = np.sort(dense[:, :, feature].max(axis=1))[::-1][:TOP_TEXTS]
        expected = strongest[strongest > 0]
        assert [abs(one["value"]) for one in shown] == pytest.approx(expected, rel=1e-3)
        assert len({one["text"] for one in shown}) == len(shown)


def test_pieces_are_shaded_by_the_activation_of_their_row(seen: Activity) -> None:
    dense = seen.codes.toarray()
    for one in strongest_texts(seen, 0):
        own = dense[LENGTH * one["text"] : LENGTH * (one["text"] + 1), 0]
        assert one["pieces"][0] == NASTY and one["shades"][0] is None
        assert one["shades"][1:] == pytest.approx(100 * own / np.abs(dense[:, 0]).max(), abs=0.51)
        assert one["at"] == 1 + np.abs(own).argmax()


def test_labels_are_told_as_the_rank_test_has_it(seen: Activity) -> None:
    told = told_labels(seen)
    assert [[name for name, _ in one] for one in told] == [[], [], ["odd: 1"], [], [], [], []]
    pooled = seen.codes.toarray()[:, 2].reshape(N_TEXTS, LENGTH).max(axis=1)
    assert told[2][0][1] == pytest.approx(roc_auc_score(np.arange(N_TEXTS) % 2, pooled), abs=6e-4)


def test_labels_that_say_nothing_are_rarely_told() -> None:
    rng = np.random.default_rng(1)
    n, k = 200, 50
    codes = sparse.csc_array(rng.random((n, k)) * (rng.random((n, k)) < 0.3))
    false = 0
    for _ in range(20):
        labels = {"x": rng.random(n) < 0.3}
        texts = no_texts(np.arange(n))
        texts = Texts(texts.pieces, texts.text_of_row, texts.place_of_row, labels)
        false += any(told_labels(activity(np.eye(k), codes, texts)))
    assert false <= 4  # expected 1 of 20; 5 or more has probability .003


def test_nearest_features_are_those_of_greatest_cosine(seen: Activity) -> None:
    cosines = seen.D @ seen.D.T - 2 * np.eye(K)
    for i, near in enumerate(nearest(seen.D)):
        assert [j for j, _ in near] == list(np.argsort(-cosines[i])[: K - 1])
    assert list(nearest(np.ones((1, 3)))) == [[]]


def test_a_histogram_counts_every_activation() -> None:
    values = np.array([0.5, 1, 2, -1])
    found = histogram(values)
    assert sum(found["counts"]) == 4 and (found["low"], found["high"]) == (-1, 2)


def test_the_page_holds_every_feature_and_no_markup_of_the_texts(seen: Activity) -> None:
    page = features_page(seen, HEAD)
    assert "<img" not in page and "http" not in re.sub(r"[\w+/=]{40,}", "", page)
    index = _unpacked(page, "index")
    assert index["features"]["id"] == list(range(K))
    assert index["features"]["confidence"][-1] == 1
    details = _unpacked(page, "chunk-0")
    assert len(details) == K and details[3]["texts"] == []
    assert details[2]["labels"] == [["odd: 1", told_labels(seen)[2][0][1]]]


def test_a_text_page_has_what_is_active_in_it_most_first(seen: Activity) -> None:
    page = text_page(seen, 4, HEAD)
    ids = _unpacked(page, "index")["features"]["id"]
    energy = (seen.codes.toarray()[4 * LENGTH : 5 * LENGTH] ** 2).sum(axis=0)
    assert ids == [i for i in np.argsort(-energy) if energy[i] > 0]
    for one in _unpacked(page, "chunk-0"):
        assert one["texts"][0]["text"] == 4 and one["texts"][0]["cut"] == [False, False]
        assert 4 not in [other["text"] for other in one["texts"][1:]]
    with pytest.raises(ValueError, match="there is no 60"):
        text_page(seen, 60, HEAD)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"text": "a"}'], "1 texts of 1 rows, the activations 2"),
        (['{"text": "a"}', "{"], "line 2: "),
        (["[1]"], "line 1: got list; expected an object with 'text'"),
        (['{"words": []}'], "got words; expected"),
        (['{"tokens": ["a"], "rows": [1]}'], "names a token that is not among the 1"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_words(
    lines: list[str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(FileError, match=re.escape(message)):
        read_examples(path, 2)


def test_fit_and_explain_write_pages(texts: Path, tmp_path: Path) -> None:
    X = np.random.default_rng(2).standard_normal((N_TEXTS * LENGTH, 4))
    np.save(tmp_path / "X.npy", X)
    fitted = fit_file(tmp_path / "X.npy", tmp_path / "out", method="pca", examples=texts)
    page = (tmp_path / "out" / "features.html").read_text()
    assert tmp_path / "out" / "features.html" in fitted.paths
    assert f"{N_TEXTS} texts" in _unpacked(page, "index")["notes"]
    path = explain_text(tmp_path / "X.npy", tmp_path / "out", texts, 3, tmp_path)
    assert path.name == "text-3.html"
    assert _unpacked(path.read_text(), "index")["features"]["id"]


def test_without_texts_the_page_shows_rows_of_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", np.diag([1.0, 2, 3, 9]))
    fit_file(tmp_path / "X.npy", tmp_path / "out", method="neurons")
    page = (tmp_path / "out" / "features.html").read_text()
    assert _unpacked(page, "chunk-0")[3]["texts"][0]["pieces"] == ["row 3"]
