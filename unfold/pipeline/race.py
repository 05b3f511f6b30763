"""The race: candidates in the order of their cost, one judge, the best so far always at hand."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unfold.deadline import OutOfTime, deadline
from unfold.pipeline.judge import Candidate, Judgement, weigh
from unfold.pipeline.split import Split

Run = Callable[[], Candidate | None]


@dataclass(eq=False)
class Race:
    """What has run so far, and the best of it.

    Attributes
    ----------
    split : Split
    end : float
        Moment of `time.monotonic` at which no candidate starts or goes on.
    progress : bool
        Whether to say on standard error what runs.
    rows : list of dict
        A row a candidate: name, seconds, evidence, kept, why.
    best : Candidate or None
    judgement : Judgement or None
        Of the best.
    stopped : str
        Why the race ended early; empty where it did not.
    """

    split: Split
    end: float
    progress: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: Candidate | None = None
    judgement: Judgement | None = None
    stopped: str = ""

    def run(self, name: str, candidate: Run, share: float = 1.0) -> Candidate | None:
        """Run a candidate within a share of the time left, and keep it if the judge does.

        A candidate that fails is a row, not the end of the race.
        """
        if self.stopped:
            return None
        self._say(f"{name} ...")
        start = time.monotonic()
        found: Candidate | None = None
        try:
            with deadline(start + share * (self.end - start)):
                found = candidate()
            why = "" if found is not None else "not for these data"
        except OutOfTime:
            why = "out of time"
        except KeyboardInterrupt:
            why = self.stopped = "interrupted"
            if self.best is None:
                raise
        except (ValueError, ArithmeticError, np.linalg.LinAlgError, RuntimeError) as error:
            why = f"{type(error).__name__}: {error}"
        row: dict[str, Any] = {"name": name, "seconds": time.monotonic() - start}
        self.rows.append(row)
        if found is not None:
            row["name"] = found.road
            judgement = weigh(self.split, found)
            row |= {"n_components": len(found.dictionary), **judgement.row()}
            why = self._decide(found, judgement)
        row |= {"kept": found is not None and self.best is found, "why": why}
        if row["kept"]:
            for other in self.rows[:-1]:
                other["kept"] = False
        if time.monotonic() > self.end:
            self.stopped = self.stopped or "out of time"
        self._say(f"{row['name']}: {why}")
        return found

    def late(self, name: str, candidate: Run) -> None:
        """Run a candidate although the time is over, for one that takes next to none.

        Raises
        ------
        RuntimeError
            If it fails, with what every candidate met.
        """
        stopped, self.stopped, self.end = self.stopped, "", float("inf")
        self.run(name, candidate)
        self.stopped = stopped or "out of time"
        if self.best is None:
            raise RuntimeError(f"No candidate was done: {self.rows}.")

    @property
    def settled(self) -> bool:
        """Whether the best is sure of itself, and structure beyond covariance speaks for it."""
        if self.best is None or self.judgement is None:
            return False
        return self.best.sure and self.judgement.saved > 0

    def _decide(self, found: Candidate, judgement: Judgement) -> str:
        if self.judgement is None or judgement.beats(self.judgement):
            first = self.best is None
            self.best, self.judgement = found, judgement
            return "first" if first else "describes held-out samples shorter"
        return "describes held-out samples longer"

    def _say(self, message: str) -> None:
        if self.progress:
            sys.stderr.write(f"recover: {message}\n")
