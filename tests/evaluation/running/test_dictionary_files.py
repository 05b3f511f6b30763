"""Files of dictionaries as methods: ``-m sae.safetensors`` and ``-m ./folder/``."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from evaluation.running.run import run
from evaluation.running.selectors import parse_methods
from evaluation.running.store import load_records

SPEC = {
    "features": {"n": 6, "gate": {"kind": "independent", "p": 0.2}},
    "source": {"kind": "planted", "d": 4},
    "n_train": 300,
    "n_test": 100,
}


def _save(path: Path, seed: int = 0) -> np.ndarray:
    D = np.random.default_rng(seed).standard_normal((6, 4)).astype(np.float32)
    path.parent.mkdir(exist_ok=True)
    save_file({"dictionary": D}, path)
    return D


def test_a_path_is_a_method_and_keeps_its_parameters(tmp_path: Path) -> None:
    path = tmp_path / "run" / "sae.safetensors"
    _save(path)
    (file,) = parse_methods([f"{path}[encoder=l1]"])
    assert file.path == "fixed-dictionary" and file.file == path
    assert file.params == {"path": str(path), "encoder": "l1"}
    assert file.name == "run/sae.safetensors[encoder=l1]"
    (folder,) = parse_methods([f"{path.parent}/"])
    assert folder.file == path.parent and folder.name == f"{tmp_path.name}/run"
    (again,) = parse_methods([file.selector])
    assert again == file
    (name,) = parse_methods(["pca"], ["pca"])
    assert name.file is None and name.name == "pca"


@pytest.mark.slow
def test_another_content_is_another_cell_and_the_sandbox_lets_it_be_read(tmp_path: Path) -> None:
    import toy

    path = tmp_path / "sae.safetensors"
    problem = toy.make_problem(SPEC, seed=0)
    truth = np.asarray(problem.truth.directions, np.float32)
    save_file({"dictionary": truth}, path)
    out = tmp_path / "out"
    run([SPEC], [str(path)], seeds="0", out=out, tracks=["blind"])
    _save(path, seed=1)
    run([SPEC], [str(path)], seeds="0", out=out, tracks=["blind"])
    records = [r for r in load_records(out) if not r.method.startswith("control:")]
    assert [r.status for r in records] == ["ok", "ok"]
    best, worst = sorted((r.metrics["f1@0.9"] for r in records), reverse=True)
    assert best == pytest.approx(1) and worst < 0.9
