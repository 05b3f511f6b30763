"""Problems by name: globs over the zoo, secret seeds, and the facts that may be told."""

import fnmatch
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import toy
from evaluation.real.own import own_name
from evaluation.real.problem import REAL_PROBLEMS, RealProblem, find_real, is_real, make_real
from evaluation.running.judging import AnyProblem
from toy import Problem
from toy.make import resolve

#: Fewer characters than this can be guessed from the fingerprint in a record.
SHORTEST_SALT = 16


@dataclass(frozen=True)
class NamedProblem:
    """A problem before any seed is drawn: its versioned name and its whole spec."""

    name: str
    spec: Mapping[str, Any]


def find_problems(wanted: Iterable[str | Mapping[str, Any]]) -> list[NamedProblem]:
    """Return the problems that ids, globs and specs stand for, each once.

    Parameters
    ----------
    wanted : iterable of str or Mapping
        "relu-20in5-p0.1/v1", "relu-*", "minilm-*", or a spec as `toy.make_problem` takes it.

    Raises
    ------
    ValueError
        If nothing has that name, or a glob matches nothing.
    """
    found: dict[str, NamedProblem] = {}
    for one in wanted:
        names: list[str | Mapping[str, Any]] = [one]
        if isinstance(one, str) and set(one) & set("*?["):
            names = [*fnmatch.filter(toy.list_problems(), one), *find_real(one)]
            if not names:
                raise ValueError(f"No problem matches {one!r}; `unfold list problems` names all.")
        for name in names:
            if isinstance(name, Mapping) and is_real(name):
                found[own_name(name)] = NamedProblem(own_name(name), name)
                continue
            if isinstance(name, str) and name in REAL_PROBLEMS:
                found[name] = NamedProblem(name, REAL_PROBLEMS[name])
                continue
            problem_id, spec = resolve(name)
            found[problem_id] = NamedProblem(problem_id, spec.model_dump(mode="json"))
    return list(found.values())


def toy_seed(problem: NamedProblem, seed: int, salt: str) -> int:
    """Return the seed that draws a problem: ``seed`` itself, or with a salt one unknown to all."""
    if not salt:
        return seed
    text = f"{salt}|{problem.name}|{seed}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def make(problem: NamedProblem, seed: int, salt: str = "") -> AnyProblem:
    """Return the problem; a salted one is never written to disk."""
    if is_real(problem.spec):
        return make_real(problem.name, toy_seed(problem, seed, salt), problem.spec)
    made = toy.make_problem(dict(problem.spec), toy_seed(problem, seed, salt), cache=not salt)
    return replace(made, id=problem.name)


def salt_fingerprint(salt: str) -> str:
    """Return what may be published of a salt, to tell results of one from those of another.

    Raises
    ------
    ValueError
        If the salt is short enough to be guessed.
    """
    if not salt:
        return ""
    if len(salt) < SHORTEST_SALT:
        raise ValueError(
            f"The salt has {len(salt)} characters; at least {SHORTEST_SALT} are needed, since its "
            f"fingerprint is published. `openssl rand -hex 16` makes one."
        )
    return hashlib.sha256(f"unfold salt {salt}".encode()).hexdigest()[:16]


def facts(problem: AnyProblem) -> dict[str, Any]:
    """Return what a method may be told on the informed track, by the names that hints use.

    Where there is no truth these are not facts but the size and sparsity to compare at.
    """
    if isinstance(problem, RealProblem):
        k, n_active = problem.spec["n_components"], problem.spec["n_active"]
        return {
            "n_features": k,
            "mean_active": float(n_active),
            "density": n_active / k,
            "noise": 0.0,
            "positive": True,
        }
    if problem.truth.group is not None:
        return _facts_of_subspaces(problem)
    from evaluation.scoring.matching import target

    scored = target(problem.truth)
    density = np.asarray(problem.truth.density)[np.asarray(problem.truth.represented)]
    return {
        "n_features": len(scored.directions),
        "mean_active": float(density.sum()),
        "density": float(density.mean()),
        "noise": float(problem.spec.get("noise", 0.0)),
        "positive": bool(problem.truth.positive),
    }


def _facts_of_subspaces(problem: Problem) -> dict[str, Any]:
    """Return the facts of features of several dimensions, which are counted once each."""
    _, first = np.unique(np.asarray(problem.truth.group), return_index=True)
    density = np.asarray(problem.truth.density)[first]
    return {
        "n_features": len(first),
        "mean_active": float(density.sum()),
        "density": float(density.mean()),
        "noise": float(problem.spec.get("noise", 0.0)),
        "positive": False,
    }


def axes(problem: AnyProblem) -> dict[str, Any]:
    """Return the difficulty of a problem, as curves and filters need it."""
    told = facts(problem)
    n_train, d = problem.observed.train.shape
    own = {"gamma": round(problem.gamma, 4)} if isinstance(problem, RealProblem) else {}
    return own | {
        "family": problem.id.split("-")[0],
        "n_features": told["n_features"],
        "d": d,
        "density": round(told["density"], 6),
        "noise": told["noise"],
        "n_samples": n_train,
    }
