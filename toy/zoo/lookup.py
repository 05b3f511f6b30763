"""The zoo: versioned ids, and what each stands for."""

import contextlib
import difflib
import re
from typing import Any

from toy.zoo.families import family_spec
from toy.zoo.manifolds import MANIFOLD_ZOO, manifold_spec
from toy.zoo.planted import PLANTED_ZOO, planted
from toy.zoo.trained import TRAINED_ZOO, relu

ZOO: dict[str, dict[str, Any]] = TRAINED_ZOO | PLANTED_ZOO | MANIFOLD_ZOO

_PLANTED = re.compile(
    r"planted-(?P<n>\d+)in(?P<d>\d+)-p(?P<p>\d*\.?\d+)"
    r"(-noise(?P<noise>\d*\.?\d+))?(?P<signed>-signed)?/v1"
)
_RELU = re.compile(r"relu-(?P<n>\d+)in(?P<d>\d+)-p(?P<p>\d*\.?\d+)/v1")


def list_problems() -> list[str]:
    """Return the versioned ids of the zoo.

    Worlds of any size can be asked for besides those listed: planted ones as
    ``planted-{n}in{d}-p{p}[-noise{s}][-signed]/v1``, ReLU-output models as
    ``relu-{n}in{d}-p{p}/v1``, and members of the families of `toy.zoo.families` as
    ``{family}-{n}in{d}[-{parameter}{value}]*/v1``; features of several dimensions as
    ``{circles,days,simplices,spheres}-{n}in{d}-p{p}[-noise{s}]/v1``.
    """
    return sorted(ZOO)


def versioned(name: str) -> str:
    """Return the id that a name without a version means: the newest of that name.

    Parameters
    ----------
    name : str
        As in "relu-20in5-p0.1"; an id with its version stays as it is.

    Returns
    -------
    str
        As in "relu-20in5-p0.1/v1"; the name itself where there is no problem of it.
    """
    if "/" in name:
        return name
    listed = [one for one in ZOO if one.rpartition("/v")[0] == name]
    if listed:
        return max(listed, key=lambda one: int(one.rpartition("/v")[2]))
    with contextlib.suppress(ValueError):
        lookup(f"{name}/v1")
        return f"{name}/v1"
    return name


def lookup(problem_id: str) -> dict[str, Any]:
    """Return the spec that an id stands for.

    Raises
    ------
    ValueError
        If there is no such id; the message names the nearest ones.
    """
    if problem_id in ZOO:
        return ZOO[problem_id]
    if match := _PLANTED.fullmatch(problem_id):
        return planted(
            int(match["n"]),
            int(match["d"]),
            float(match["p"]),
            float(match["noise"] or 0),
            bool(match["signed"]),
        )
    if match := _RELU.fullmatch(problem_id):
        return relu(int(match["n"]), int(match["d"]), float(match["p"]))
    spec = family_spec(problem_id) or manifold_spec(problem_id)
    if spec is not None:
        return spec
    near = difflib.get_close_matches(problem_id, ZOO, n=3, cutoff=0.5)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    raise ValueError(
        f"Unknown problem {problem_id!r}.{hint} toy.list_problems() names all; worlds of any size "
        f"go by planted-{{n}}in{{d}}-p{{p}}[-noise{{s}}][-signed]/v1 and "
        f"relu-{{n}}in{{d}}-p{{p}}/v1."
    )
