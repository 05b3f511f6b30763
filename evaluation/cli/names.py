"""All that is known of one name: method, problem, metric, suite or experiment."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import toy
from evaluation.real.metrics import REAL_METRICS
from evaluation.real.problem import REAL_PROBLEMS
from evaluation.running.suites import SUITES
from evaluation.scoring.metrics import METRICS
from toy.zoo.lookup import versioned
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
    if ":" in name or name.partition("[")[0] in unfold.list_methods():
        return _method(name)
    name = versioned(name)
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
    from evaluation.running.cell_keys import method_source, method_target
    from evaluation.running.selectors import parse_methods
    from unfold import declarations, get_method

    choice, *more = parse_methods([name])
    target = method_target(choice.path)
    method = get_method(choice.path)
    card = getattr(method, "card", None)
    declarations.check_parameters(method, choice.params)
    parameters = declarations.constructor_parameters(method) | dict({} if more else choice.params)
    hints = declarations.declared_hints(method)
    return {
        "kind": "method",
        # a docstring of its own: that of a base class says nothing of this one
        "summary": inspect.cleandoc(method.__doc__ or "").partition("\n")[0],
        "class": target,
        **({n: v for n, v in asdict(card).items() if n != "hints"} if card is not None else {}),
        "parameters": ", ".join(f"{name}={value!r}" for name, value in parameters.items()),
        "told when informed": ", ".join(f"{p} = {f}" for p, f in hints.items()) or "nothing",
        "tuned over": declarations.declared_search_space(method) or "nothing",
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
