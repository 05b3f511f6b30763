"""What a method's class says of itself in plain attributes, checked: nothing of ours is imported.

``hints``, constructor parameter -> fact that the informed track tells; ``search_space``, parameter
-> values that tuning tries.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from unfold.registry import did_you_mean

#: Facts of a problem that the informed track tells, and what each is.
FACTS = {
    "n_features": "number of features",
    "mean_active": "mean number of features that are active in a sample",
    "density": "mean probability that a feature is active",
    "noise": "standard deviation of the noise in each dimension",
    "positive": "whether no code is negative",
}
#: The parameter that is told the number of features where a class declares nothing.
SIZE = "n_components"


def constructor_parameters(method: type) -> dict[str, Any]:
    """Return the parameters of a class's constructor with their defaults; None where none is."""
    return {
        name: None if parameter.default is parameter.empty else parameter.default
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def check_parameters(method: type, given: Iterable[str]) -> None:
    """Check that a class's constructor takes parameters of these names.

    Raises
    ------
    ValueError
        If it does not take one; the message says what it takes.
    """
    takes = inspect.signature(method).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values()):
        return
    if unknown := [name for name in given if name not in takes]:
        near = did_you_mean(unknown[0], takes)
        raise ValueError(
            f"{method.__name__} takes no parameter {unknown[0]!r}: {near or 'it takes'} "
            f"({', '.join(takes)})"
        )


def declared_hints(method: type) -> dict[str, str]:
    """Return which parameter is told which fact on the informed track.

    Parameters
    ----------
    method : type
        Its attribute ``hints``, or that of its ``card``; else ``n_components`` is told the number
        of features, where the constructor takes it.

    Raises
    ------
    ValueError
        If ``hints`` is no dict, or names a parameter or fact that does not exist.
    """
    hints = getattr(method, "hints", None)
    if hints is None:
        hints = getattr(getattr(method, "card", None), "hints", None)
    if hints is None:
        return {SIZE: "n_features"} if SIZE in constructor_parameters(method) else {}
    _check_names(method, "hints", hints, "{'n_components': 'n_features'}")
    for parameter, fact in hints.items():
        if fact not in FACTS:
            near = did_you_mean(str(fact), FACTS)
            raise ValueError(
                f"{method.__name__}.hints tells {parameter!r} the fact {fact!r}, which is none: "
                f"{near or 'expected one of'} ({', '.join(FACTS)})"
            )
    return dict(hints)


def is_told_nothing(method: type) -> bool:
    """Tell whether the informed track has nothing to tell a class, which may not have been meant.

    True where the class declares no hints, not even empty ones, and takes no ``n_components``.
    """
    declares = getattr(method, "hints", None) is not None or hasattr(method, "card")
    return not declares and SIZE not in constructor_parameters(method)


def declared_search_space(method: type) -> dict[str, list[Any]]:
    """Return which values of which parameters tuning tries; empty where a class declares none.

    Raises
    ------
    ValueError
        If ``search_space`` is no dict of lists, or names a parameter that does not exist.
    """
    space = getattr(method, "search_space", None)
    if space is None:
        return {}
    _check_names(method, "search_space", space, "{'alpha': [0.1, 0.3, 1.0]}")
    for parameter, values in space.items():
        if not isinstance(values, list | tuple) or not len(values):
            raise ValueError(
                f"{method.__name__}.search_space has {values!r} for {parameter!r}: expected a "
                f"list of values to try"
            )
    return {parameter: list(values) for parameter, values in space.items()}


def _check_names(method: type, what: str, given: Any, example: str) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"{method.__name__}.{what} is {given!r}: expected a dict, as {example}")
    try:
        check_parameters(method, map(str, given))
    except ValueError as error:
        raise ValueError(f"{method.__name__}.{what}: {error}") from error
