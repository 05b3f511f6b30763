"""What an experiment is, and what it hands back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Verdict = Literal["holds", "differs"]


@dataclass(frozen=True)
class Fact:
    """A published fact beside what was measured here.

    Attributes
    ----------
    id : str
        "experiment/fact".
    fact, published, ours : str
        What is claimed, the published figure or statement, and what was measured.
    verdict : {"holds", "differs"}
    why : str
        The test that decided; for facts that differ, the explanation there is.
    seconds : float
        Time that the whole experiment took.
    """

    id: str
    fact: str
    published: str
    ours: str
    verdict: Verdict
    why: str
    seconds: float = 0.0


def check(id: str, fact: str, *, published: str, ours: str, holds: bool, why: str) -> Fact:
    """Return a fact with the verdict of a numeric test."""
    return Fact(id, fact, published, ours, "holds" if holds else "differs", why)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one run of an experiment found.

    Attributes
    ----------
    facts : list of Fact
        Their ids without the experiment's, their times still zero.
    figure : Figure
    numbers : mapping
        What the figure shows, JSON-ready, for whoever wants to look closer.
    """

    facts: list[Fact]
    figure: "Figure"
    numbers: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A published experiment that can be run again.

    Attributes
    ----------
    id : str
        As in "phase-2-1".
    title : str
    source : str
        Where it was published.
    setup : str
        What is trained or computed, in a sentence or two.
    run : callable
        Maps whether to use the published sizes to an Outcome.
    """

    id: str
    title: str
    source: str
    setup: str
    run: Callable[[bool], Outcome]
