# ruff: noqa: E402 (thread limits must be set before NumPy is imported)
"""Guards for every test: no global random state moves, no global default changes."""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "2")

import random
import sys
from collections.abc import Iterator

import numpy as np
import pytest


def _global_state() -> dict[str, object]:
    _, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    state: dict[str, object] = {
        "numpy's global RNG": (keys.tobytes(), position, has_gauss, cached),
        "python's global RNG": random.getstate(),
    }
    if torch := sys.modules.get("torch"):
        state["torch's global RNG"] = torch.get_rng_state().numpy().tobytes()
        state["torch's default dtype"] = torch.get_default_dtype()
    return state


@pytest.fixture(autouse=True)
def global_state_is_left_alone() -> Iterator[None]:
    """Fail a test that moves a global random generator or torch's default dtype."""
    before = _global_state()
    yield
    after = _global_state()
    moved = [name for name, value in before.items() if after[name] != value]
    if moved:
        pytest.fail(f"the test moved {', '.join(moved)}: pass a seed or a generator instead")


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread() -> None:
    """Keep torch on one thread: small tests gain nothing from more, and share the machine."""
    import sklearn.decomposition  # noqa: F401 (importing it moves Python's generator)
    import torch

    torch.set_num_threads(1)
