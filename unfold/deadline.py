"""A time limit that long computations look at between their steps."""

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar

_END: ContextVar[float] = ContextVar("end", default=float("inf"))


class OutOfTime(Exception):
    """The time that a computation was given is over."""


@contextlib.contextmanager
def deadline(end: float) -> Iterator[None]:
    """Let computations inside run until a moment of `time.monotonic`, or an earlier one outside.

    Parameters
    ----------
    end : float
        In seconds; `check_time` raises from then on.
    """
    token = _END.set(min(end, _END.get()))
    try:
        yield
    finally:
        _END.reset(token)


def check_time() -> None:
    """Raise if the time is over; cheap enough for every step that takes a millisecond.

    Raises
    ------
    OutOfTime
    """
    if time.monotonic() > _END.get():
        raise OutOfTime


def time_left() -> float:
    """Return the seconds left, infinite without a deadline: for a step that can be made to fit."""
    return _END.get() - time.monotonic()
