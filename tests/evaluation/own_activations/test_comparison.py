"""Dictionaries in files, side by side: what is written is what was found."""

import json
from pathlib import Path

import numpy as np
import pytest

import unfold
from evaluation.own_activations.comparison import compare_files


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    X = np.random.default_rng(0).standard_normal((300, 6)) ** 3
    np.save(tmp_path / "X.npy", X)
    for name, k in (("a", 4), ("b", 6)):
        unfold.save_dictionary(unfold.get_method("pca")(k).fit(X), tmp_path / f"{name}.safetensors")
    return [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]


def test_activations_say_how_many_are_active_and_what_they_explain(
    files: list[Path], tmp_path: Path
) -> None:
    _, table, paths = compare_files(files, tmp_path / "out", activations=tmp_path / "X.npy")
    assert [row["atoms"] for row in table] == [4, 6]
    assert table[1]["L0"] == pytest.approx(6)
    assert table[0]["variance explained"] < table[1]["variance explained"] == pytest.approx(1)
    written = json.loads(paths[0].read_text())
    assert written["version"] == 1 and written["dictionaries"] == table
    assert "<th>L0" in paths[1].read_text()


def test_without_activations_nothing_is_said_of_them(files: list[Path], tmp_path: Path) -> None:
    found, table, paths = compare_files(files, tmp_path / "out")
    assert found.pairs[0].stability > 0.6
    assert set(table[0]) == {"dictionary", "atoms", "distinct"}
    assert "L0" not in paths[1].read_text()


def test_activations_of_another_layer_are_refused(files: list[Path], tmp_path: Path) -> None:
    np.save(tmp_path / "Y.npy", np.ones((5, 3)))
    with pytest.raises(ValueError, match="has 3 dimensions, the dictionaries 6"):
        compare_files(files, tmp_path / "out", activations=tmp_path / "Y.npy")
