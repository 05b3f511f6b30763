"""Studies of files: what `unfold phase` and `unfold explain` do."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from evaluation.own_activations.explain import draw_phase_of_file, explain_file
from unfold.io.activations import FileError


@pytest.fixture
def dictionary() -> np.ndarray:
    rng = np.random.default_rng(0)
    D = rng.standard_normal((12, 8)).astype(np.float32)
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def _fitted_file(folder: Path, D: np.ndarray, mean: np.ndarray) -> Path:
    """Write what `unfold fit` writes: a file of several arrays."""
    path = folder / "dictionary.safetensors"
    save_file({"dictionary": D, "mean": mean.astype(np.float32)}, path)
    return path


def test_one_active_atom_is_recovered_always_and_the_picture_is_written(
    tmp_path: Path, dictionary: np.ndarray
) -> None:
    file = _fitted_file(tmp_path, dictionary, np.zeros(8))
    report, picture = draw_phase_of_file(file, resolution=3)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    gram = np.abs(dictionary @ dictionary.T - np.eye(12))
    assert report.coherence == pytest.approx(gram.max(), abs=1e-6)
    assert report.guaranteed >= 1
    certain = report.rho * 8 < report.guaranteed + 0.5
    assert (report.success[:, certain] == 1).all()


def test_samples_come_apart_into_what_they_were_made_of(
    tmp_path: Path, dictionary: np.ndarray
) -> None:
    mean = np.linspace(-1, 1, 8)
    file = _fitted_file(tmp_path, dictionary, mean)
    X = np.stack([0.7 * dictionary[3] + 0.4 * dictionary[9] + mean, 0.5 * dictionary[0] + mean])
    np.save(tmp_path / "x.npy", X)
    explained = explain_file(tmp_path / "x.npy", file, [1, 0], out=tmp_path / "pictures")
    assert [row for row, _, _ in explained] == [1, 0]
    assert explained[0][1].features.tolist() == [0]
    two = explained[1][1]
    assert sorted(two.features.tolist()) == [3, 9]
    np.testing.assert_allclose(sorted(two.amplitudes), [0.4, 0.7], atol=1e-5)
    assert all(picture is not None and picture.exists() for _, _, picture in explained)


def test_rows_that_are_not_there_and_broken_files_are_named(
    tmp_path: Path, dictionary: np.ndarray
) -> None:
    file = _fitted_file(tmp_path, dictionary, np.zeros(8))
    np.save(tmp_path / "x.npy", dictionary[:2])
    with pytest.raises(ValueError, match="has 2 samples: there is no row 5"):
        explain_file(tmp_path / "x.npy", file, [5])
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(file.read_bytes()[:40])
    with pytest.raises(FileError):
        draw_phase_of_file(broken)
