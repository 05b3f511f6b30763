"""Families of problems: a name, a size, and parameters that are varied one at a time.

``{family}-{n}in{d}[-{parameter}{value}]*/v1``, as in ``independent-40in16-p0.1-noise0.05/v1``:
every value of a parameter is a problem, so that curves can be drawn along it; the seed draws the
world, so that a secret salt draws one that nobody has seen.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

_NAME = re.compile(r"(?P<family>[a-z]+)-(?P<n>\d+)in(?P<d>\d+)(?P<rest>(-[a-z]+[\d.]*)*)/v1")
_PARAMETER = re.compile(r"-(?P<name>[a-z]+)(?P<value>[\d.]*)")

#: What every family takes, and what it is unless given.
COMMON: dict[str, float] = {
    "noise": 0.0,  # standard deviation of a coordinate's noise; an active feature is about 1
    "offset": 0.0,  # length of a constant added to all activations
    "tail": 0.0,  # of log-normal magnitudes, the standard deviation of the logarithm
    "signed": 0.0,  # whether values are normal with either sign
    "constant": 0.0,  # whether every active feature is 1: what is always active together is one
    "samples": 20_000,  # for training
    "spectrum": 0.0,  # directions thin out over dimensions like i ** -spectrum
    "common": 0.0,  # expected cosine between two directions
}

#: Parameters that are on by their name alone.
FLAGS = ("signed", "constant", "nested")


def _independent(n: int, p: float = 0.1) -> dict[str, Any]:
    """Independent features, each active with probability ``p``."""
    return {"kind": "independent", "p": p}


def _zipf(n: int, high: float = 0.2, low: float = 0.005) -> dict[str, Any]:
    """Independent features whose densities fall like one over the square root of their rank."""
    return {"kind": "independent", "p": {"exponent": 0.5, "high": high, "low": low}}


def _exactly(n: int, active: float = 4) -> dict[str, Any]:
    """Exactly ``active`` features in every sample."""
    return {"kind": "exactly", "count": int(active)}


def _copula(n: int, p: float = 0.1, rank: float = 4, scale: float = 0.4) -> dict[str, Any]:
    """Features correlated through ``rank`` shared factors of strength ``scale``."""
    return {"kind": "copula", "p": p, "rank": int(rank), "scale": scale}


def _exclusive(n: int, size: float = 4, p: float = 0.4) -> dict[str, Any]:
    """In sets of ``size`` features at most one is on, with probability ``p``."""
    return {"kind": "anticorrelated", "size": int(size), "p": p}


def _hierarchy(
    n: int,
    depth: float = 1,
    branching: float = 3,
    high: float = 0.15,
    low: float = 0.03,
    alone: float = 0.3,
    nested: float = 0,
) -> dict[str, Any]:
    """Trees: a child is active only with its parent, at most one of siblings unless ``nested``."""
    depth, branching = int(depth), int(branching)
    tree = sum(branching**level for level in range(depth + 1))
    return {
        "kind": "tree",
        "roots": max(1, n // (2 * tree)),
        "branching": branching,
        "depth": depth,
        "p": {"exponent": 0.5, "high": high, "low": low},
        "alone": alone,
        "exclusive": not nested,
    }


GATES: dict[str, Callable[..., dict[str, Any]]] = {
    "independent": _independent,
    "zipf": _zipf,
    "exactly": _exactly,
    "copula": _copula,
    "exclusive": _exclusive,
    "hierarchy": _hierarchy,
}


def list_families() -> dict[str, dict[str, float]]:
    """Return the families by name, each with its parameters and their defaults."""
    return {name: _own(gate) | COMMON for name, gate in GATES.items()}


def family_spec(problem_id: str) -> dict[str, Any] | None:
    """Return the spec of a member of a family; None if the id names no family.

    Raises
    ------
    ValueError
        If the family takes no such parameter, or a parameter is given twice or without a number.
    """
    match = _NAME.fullmatch(problem_id)
    if match is None or match["family"] not in GATES:
        return None
    gate = GATES[match["family"]]
    allowed = _own(gate) | COMMON
    given = _given(problem_id, match["rest"], allowed)
    n, d = int(match["n"]), int(match["d"])
    told = ", ".join(f"{name} {value:g}" for name, value in given.items())
    about = f"{n} features in {d} dimensions. {inspect.getdoc(gate)}"
    own = {name: value for name, value in given.items() if name not in COMMON}
    common = COMMON | {name: value for name, value in given.items() if name in COMMON}
    return {
        "about": f"{about} {told[:1].upper()}{told[1:]}." if told else about,
        "features": {"n": n, "gate": gate(n, **own), "magnitude": _magnitude(common)},
        "source": {
            "kind": "planted",
            "d": d,
            "bias": common["offset"],
            "spectrum": common["spectrum"],
            "common": common["common"],
        },
        "noise": common["noise"],
        "n_train": int(common["samples"]),
        "n_test": 2_000,
    }


def _own(gate: Callable[..., dict[str, Any]]) -> dict[str, float]:
    parameters = inspect.signature(gate).parameters
    return {name: one.default for name, one in parameters.items() if name != "n"}


def _given(problem_id: str, rest: str, allowed: dict[str, float]) -> dict[str, float]:
    given: dict[str, float] = {}
    for name, value in (one.group("name", "value") for one in _PARAMETER.finditer(rest)):
        if name not in allowed:
            raise ValueError(
                f"{problem_id!r}: the family takes no parameter {name!r}; it takes "
                f"{', '.join(allowed)}."
            )
        if name in given:
            raise ValueError(f"{problem_id!r}: {name} is given twice.")
        try:
            given[name] = float(value) if value or name not in FLAGS else 1.0
        except ValueError:
            raise ValueError(f"{problem_id!r}: {name} needs a number, as in {name}0.1.") from None
    return given


def _magnitude(common: dict[str, float]) -> dict[str, Any]:
    if sum(common[name] > 0 for name in ("tail", "signed", "constant")) > 1:
        raise ValueError("Values are signed, of a heavy tail, or constant: give one of the three.")
    if common["constant"]:
        return {"kind": "normal", "mean": 1.0, "std": 0.0}
    if common["tail"]:
        return {"kind": "lognormal", "sigma": common["tail"]}
    if common["signed"]:
        return {"kind": "normal", "mean": 0.0, "std": 1.0, "folded": False}
    return {"kind": "uniform", "low": 0.0, "high": 1.0}
