"""A disk that is full, or a limit on files, is said in words."""

import errno
from pathlib import Path

import numpy as np
import pytest

from evaluation.running.evaluate import _save


def _failing(error: OSError):
    def save(path: Path, array: np.ndarray) -> None:
        raise error

    return save


def test_an_array_that_does_not_fit_is_said_to(tmp_path: Path, monkeypatch) -> None:
    # what NumPy raises where fewer bytes were taken than handed over: no errno, no path
    monkeypatch.setattr(np, "save", _failing(OSError("1000000 requested and 224 written")))
    with pytest.raises(OSError, match=r"8\.0 MB do not fit into .*ulimit -f"):
        _save(tmp_path / "train.npy", np.zeros(1_000_000))


def test_what_the_system_says_is_passed_on(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(np, "save", _failing(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(PermissionError, match="Permission denied"):
        _save(tmp_path / "train.npy", np.zeros(3))
