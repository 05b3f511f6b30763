"""All that is known of one name: method, problem, metric, suite or experiment."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import toy
from evaluation.real.metrics import REAL_METRICS
from evaluation.real.problem import REAL_PROBLEMS
from evaluation.running.suites import SUITES
from evaluation.scoring.metrics import METRICS
from unfold.registry import did_you_mean


def describe(name: str) -> dict[str, Any]:
    """Return the properties of a method, problem, metric, suite or experiment.

    Parameters
    ----------
    name : str
        Also ``file.py:Class`` and ``pkg.mod:Class``, and problem ids outside of the zoo.

    Raises
    ------
    ValueError
        If nothing has that name; the message suggests near ones.
    """
    import unfold

    if name in SUITES:
        suite = SUITES[name]
        return (
            {"kind": "suite"}
            | {key: value for key, value in vars(suite).items() if key not in ("name", "limits")}
            | {"limits": suite.limits.model_dump()}
        )
    known_metrics: Mapping[str, Any] = {**METRICS, **REAL_METRICS}
    if name in known_metrics:
        metric = known_metrics[name]
        return {"kind": "metric"} | {
            key: value for key, value in vars(metric).items() if not callable(value)
        }
    if ":" in name or name in unfold.list_methods():
        return _method(name)
    if name in REAL_PROBLEMS or name in toy.list_problems() or "/v" in name:
        from evaluation.publishing.frontier import FRONTIER

        known = FRONTIER[name].facts() if name in FRONTIER else {}
        return {"kind": "problem"} | _flat(_spec(name)) | known
    from evaluation.reproduce.catalogue import EXPERIMENTS

    experiments = {one.id: one for one in EXPERIMENTS}
    if name in experiments:
        one = experiments[name]
        return {
            "kind": "experiment",
            "title": one.title,
            "published": one.source,
            "setup": one.setup,
            "command": f"unfold reproduce --only {name}",
        }
    names = [
        *experiments,
        *SUITES,
        *known_metrics,
        *unfold.list_methods(),
        *toy.list_problems(),
        *REAL_PROBLEMS,
    ]
    hint = did_you_mean(name, names, "`unfold list` shows what there is.")
    raise ValueError(f"Nothing is called {name!r}: {hint}")


def _spec(name: str) -> Mapping[str, Any]:
    from evaluation.running.problems import find_problems

    return find_problems([name])[0].spec


def _method(name: str) -> dict[str, Any]:
    import inspect

    from evaluation.running.cell_keys import method_source, method_target
    from unfold import get_method

    target = method_target(name)
    method = get_method(name)
    card = getattr(method, "card", None)
    summary = (inspect.getdoc(method) or "").partition("\n")[0]
    return {
        "kind": "method",
        "summary": summary,
        "class": target,
        **(asdict(card) if card is not None else {}),
        "parameters": str(inspect.signature(method)),
        "source": _source(method_source(target)),
    }


def _source(source: Mapping[str, str]) -> str:
    from evaluation.running.cell_keys import content_key

    if any(name.endswith(".py") for name in source):
        return f"{len(source)} files, {content_key(dict(source))[:12]}"
    return ", ".join(f"{name} {version}" for name, version in source.items())


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a tree by their dotted paths."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= _flat(value, f"{prefix}{name}.")
        else:
            leaves[f"{prefix}{name}"] = value
    return leaves
