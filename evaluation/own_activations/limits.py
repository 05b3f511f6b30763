"""What a fit may take: memory told beforehand, time, and what happens when it is stopped."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

#: Copies of its samples, in double precision, that a method may hold at once: whitened, centred,
#: correlated and coded ones; twelve times the file was measured for the default.
COPIES = 6
#: Share of the memory that is free which a fit may take where nobody says.
SHARE = 0.8
#: Seconds between two signs of life.
HEARTBEAT = 30.0


class Stopped(BaseException):
    """A fit was interrupted or ran out of time; no Exception, which methods may swallow."""


class OutOfTime(Stopped):
    """A fit ran past its time limit."""


def bytes_needed(n: int, d: int) -> int:
    """Return what fitting ``n`` samples of ``d`` dimensions may take, in bytes."""
    return COPIES * 8 * n * d


def check_memory(n: int, d: int, memory: float | None) -> int:
    """Return the bytes that a fit may take, or refuse in words that name a subsample.

    Parameters
    ----------
    n, d : int
        Samples and dimensions to be fitted.
    memory : float, optional
        Gigabytes allowed; by default most of what is free.

    Raises
    ------
    ValueError
        If the fit may take more than that.
    """
    import psutil

    free = psutil.virtual_memory().available
    allowed = int(SHARE * free if memory is None else memory * 1e9)
    needed = bytes_needed(n, d)
    if needed > allowed:
        some = max(2, allowed // bytes_needed(1, d))
        raise ValueError(
            f"Fitting {n:,} samples of {d:,} dimensions may take {needed / 1e9:.1f} GB, and "
            f"{allowed / 1e9:.1f} GB are allowed ({free / 1e9:.1f} GB are free): fit a random "
            f"subsample with --max-samples {some}, or allow more with --mem."
        )
    return needed


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise `OutOfTime` in the block when its time is up; for the main thread.

    Raises
    ------
    ValueError
        If there is a limit and this is not the main thread.
    """
    if seconds is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("A time limit needs the main thread: signals go nowhere else.")

    def ring(*_: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def signs_of_life(say: Callable[[str], None], what: str) -> Iterator[None]:
    """Say what runs, now and then again how long it has."""
    began, over = time.perf_counter(), threading.Event()

    def tick() -> None:
        while not over.wait(HEARTBEAT):
            say(f"  still {what}, {time.perf_counter() - began:.0f} s")

    teller = threading.Thread(target=tick, daemon=True)
    say(f"{what[0].upper()}{what[1:]} ...")
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
