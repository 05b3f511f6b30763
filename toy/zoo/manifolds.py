"""Worlds of features that are no lines: circles, rings of points, simplices, spheres."""

import re
from typing import Any

_NAME = re.compile(
    r"(?P<shape>circles|days|simplices|spheres)-(?P<n>\d+)in(?P<d>\d+)-p(?P<p>\d*\.?\d+)"
    r"(-noise(?P<noise>\d*\.?\d+))?/v1"
)
_DAYS = 7

#: Shape -> its magnitude, and what it is.
SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "circles": ({"dimension": 2, "shape": "sphere"}, "any point of a circle in a plane"),
    "days": ({"dimension": 2, "shape": "ring", "points": _DAYS}, "one of seven points of a ring"),
    "simplices": ({"dimension": 3, "shape": "simplex"}, "one of the four corners of a simplex"),
    "spheres": ({"dimension": 3, "shape": "sphere"}, "any point of a sphere"),
}


def manifolds(shape: str, n: int, d: int, p: float, noise: float) -> dict[str, Any]:
    """Return the spec of ``n`` features in random subspaces, each on with probability ``p``."""
    magnitude, what = SHAPES[shape]
    size = magnitude["dimension"]
    return {
        "about": f"{n} features of {size} dimensions in random subspaces of {d}, each {what}, "
        f"active with probability {p:g}; noise {noise:g} per coordinate.",
        "features": {
            "n": n * size,
            "gate": {"kind": "correlated", "size": size, "p": p},
            "magnitude": {"kind": "manifold", **magnitude},
        },
        "source": {"kind": "planted", "d": d},
        "noise": noise,
        "n_train": 30_000,
        "n_test": 2_000,
    }


def manifold_spec(problem_id: str) -> dict[str, Any] | None:
    """Return the spec of ``{shape}-{n}in{d}-p{p}[-noise{s}]/v1``; None of any other id."""
    match = _NAME.fullmatch(problem_id)
    if match is None:
        return None
    n, d = int(match["n"]), int(match["d"])
    return manifolds(match["shape"], n, d, float(match["p"]), float(match["noise"] or 0))


MANIFOLD_ZOO: dict[str, dict[str, Any]] = {
    "circles-12in16-p0.1/v1": manifolds("circles", 12, 16, 0.1, 0.0),
    "circles-20in24-p0.1-noise0.05/v1": manifolds("circles", 20, 24, 0.1, 0.05),
    "days-12in16-p0.1-noise0.05/v1": manifolds("days", 12, 16, 0.1, 0.05),
    "simplices-10in20-p0.1-noise0.05/v1": manifolds("simplices", 10, 20, 0.1, 0.05),
    "spheres-10in20-p0.1-noise0.05/v1": manifolds("spheres", 10, 20, 0.1, 0.05),
}
