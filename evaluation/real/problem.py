"""Problems without a truth: activations to fit on, and texts with labels to judge by."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from evaluation.real.activations import TaskTexts, TextRows, load_layer
from evaluation.real.digits import load_digits_layer
from evaluation.real.own import load_own
from toy.problem import Observed

KIND = "real"


def _spec(layer: int, n_components: int) -> dict[str, Any]:
    return {
        "kind": KIND, "network": "all-MiniLM-L6-v2", "layer": layer, "n_components": n_components,
        "n_active": 16,
        "about": f"all-MiniLM-L6-v2, tokens after layer {layer}; {n_components} atoms, 16 active.",
    }  # fmt: skip


#: Every problem by its name. A published one never changes.
REAL_PROBLEMS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {f"minilm-layer{at}-k{k}/v1": _spec(at, k) for at in (3, 5) for k in (384, 768)}
    | {
        "digits-hidden-k128/v1": {
            "kind": KIND, "network": "digits", "layer": 1, "n_components": 128, "n_active": 8,
            "about": "64 hidden units of a network that reads digits; 128 atoms, 8 active.",
        }
    }
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class RealProblem:
    """Activations of a network, and what the scores need to know of their texts.

    Attributes
    ----------
    id : str
    seed : int
    spec : Mapping
    digest : str
        Of the activations, of whatever seed.
    observed : Observed
        ``train``: those of a random half of the texts to fit on, drawn by the seed. ``test``:
        those to measure on, then those of the probing texts; a method cannot tell which.
    measured : TextRows
        The first rows of ``observed.test``.
    probing : TextRows
        The others.
    tasks : list of TaskTexts
    """

    id: str
    seed: int
    spec: Mapping[str, Any]
    digest: str
    observed: Observed
    measured: TextRows
    probing: TextRows
    tasks: list[TaskTexts]

    @property
    def gamma(self) -> float:
        """Norm of the mean of the activations over the norm of their standard deviations.

        How far data lie from the origin for their spread: what a method that does not take the
        mean off has to spend atoms on.
        """
        X = self.observed.train
        return float(np.linalg.norm(X.mean(axis=0)) / np.linalg.norm(X.std(axis=0)))


def is_real(spec: Mapping[str, Any]) -> bool:
    """Tell whether a spec, or that of a record, is of a problem without a truth."""
    return spec.get("kind") == KIND


def find_real(name: str) -> list[str]:
    """Return the names of real problems that a name or glob stands for."""
    return fnmatch.filter(REAL_PROBLEMS, name) if name not in REAL_PROBLEMS else [name]


def make_real(name: str, seed: int, spec: Mapping[str, Any] | None = None) -> RealProblem:
    """Return a problem by name, or one of one's own by its name and spec.

    Raises
    ------
    ValueError
        If there is none of that name.
    ModuleNotFoundError
        If the network or the texts are not installed.
    """
    if spec is not None and "activations" in spec:
        loaded = load_own(spec)
    elif name in REAL_PROBLEMS:
        spec = REAL_PROBLEMS[name]
        loaded = load_digits_layer() if spec["network"] == "digits" else load_layer(spec["layer"])
    else:
        raise ValueError(f"Unknown problem {name!r}: expected one of {', '.join(REAL_PROBLEMS)}.")
    parts, tasks, digest = loaded
    train, test, probing = parts["train"], parts["test"], parts["probing"]
    observed = Observed(half_of_texts(train, seed), np.concatenate([test.X, probing.X]))
    return RealProblem(name, seed, spec, digest, observed, test, probing, tasks)


def half_of_texts(rows: TextRows, seed: int) -> np.ndarray:
    """Return the rows of a random half of the texts."""
    n_texts = len(rows.starts) - 1
    drawn = np.random.default_rng([seed, 0x68616C66]).permutation(n_texts)[: n_texts // 2]
    keep = np.zeros(n_texts, bool)
    keep[drawn] = True
    return rows.X[np.repeat(keep, np.diff(rows.starts))]
