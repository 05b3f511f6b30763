"""What the fork server does once, so that no cell has to: import, compile, fill caches."""

import contextlib
import fcntl
import importlib
import itertools
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PRELOAD = (
    "scipy.linalg", "scipy.optimize", "scipy.sparse.linalg", "sklearn.decomposition", "torch",
    "safetensors.numpy", "unfold.registry", "unfold.methods.base", "unfold.sparse_coding.encode",
    "evaluation.isolation.estimates", "evaluation.isolation.tuning",
)  # fmt: skip


def warm_up(shared: Path | None = None) -> None:
    """Import the libraries that methods use, and run the compiled parts of ours once.

    Parameters
    ----------
    shared : Path, optional
        A folder that several servers have in common: one compiles, the others wait and read what
        it has saved.
    """
    for module in PRELOAD:
        importlib.import_module(module)
    with contextlib.suppress(Exception), warnings.catch_warnings(), _one_at_a_time(shared):
        warnings.simplefilter("ignore")
        _exercise()


@contextlib.contextmanager
def _one_at_a_time(shared: Path | None) -> Iterator[None]:
    if shared is None:
        yield
        return
    with (shared / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _exercise() -> None:
    from sklearn.decomposition import PCA

    from unfold.sparse_coding.encode import sparse_encode

    rng = np.random.default_rng(0)
    X, D = rng.standard_normal((64, 4)), rng.standard_normal((6, 4))
    PCA(2).fit(X).transform(X)
    for dtype, positive in itertools.product((np.float32, np.float64), (True, False)):
        read_only = X.astype(dtype)
        read_only.flags.writeable = False
        atoms = D.astype(dtype)
        sparse_encode(read_only, atoms, alpha=0.1, positive=positive)
        sparse_encode(read_only, atoms, penalty="l0", n_nonzero=2, positive=positive)
    sparse_encode(X, D, penalty="l0", n_nonzero=2)


def keep_compiled_code_to_oneself() -> None:
    """Let what a sandboxed child compiles be lost, rather than fail where it cannot be saved."""
    caching: Any = sys.modules.get("numba.core.caching")
    if caching is None:
        return
    save = caching.Cache.save_overload

    def save_if_allowed(self: Any, signature: Any, data: Any) -> None:
        with contextlib.suppress(OSError):
            save(self, signature, data)

    caching.Cache.save_overload = save_if_allowed
