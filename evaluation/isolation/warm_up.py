"""What the fork server does once, so that no cell has to: import, compile, fill caches."""

import contextlib
import importlib
import itertools
import sys
import warnings
from typing import Any

import numpy as np

PRELOAD = (
    "scipy.linalg", "scipy.optimize", "scipy.sparse.linalg", "sklearn.decomposition", "torch",
    "safetensors.numpy", "unfold.registry", "unfold.methods.base", "unfold.encode",
    "evaluation.estimate", "evaluation.tuning",
)  # fmt: skip


def warm_up() -> None:
    """Import the libraries that methods use, and run the compiled parts of ours once."""
    for module in PRELOAD:
        importlib.import_module(module)
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _exercise()


def _exercise() -> None:
    from sklearn.decomposition import PCA

    from unfold.encode import sparse_encode

    rng = np.random.default_rng(0)
    X, D = rng.standard_normal((64, 4)), rng.standard_normal((6, 4))
    PCA(2).fit(X).transform(X)
    for dtype, positive in itertools.product((np.float32, np.float64), (True, False)):
        read_only = X.astype(dtype)
        read_only.flags.writeable = False
        sparse_encode(read_only, D.astype(dtype), alpha=0.1, positive=positive)
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
