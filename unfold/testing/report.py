"""Run the checks on a method and say what came of it."""

import contextlib
import inspect
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from unfold.testing.case import BRIEF, Case, Skipped, Unwise
from unfold.testing.checks import CHECKS, REMEDIES


class _TimeIsUp(BaseException):
    """Raised in the middle of a check; no Exception, so that no method takes it for one of its."""


@dataclass
class CheckReport:
    """The outcome of `check_method`.

    Attributes
    ----------
    method : str
    n_run, n_skipped : int
    failures : dict of str to str
        Check -> what was wrong.
    skipped : dict of str to str
        Check -> why it did not apply.
    warnings : list of str
    seconds : float
    """

    method: str
    n_run: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def n_skipped(self) -> int:
        """Number of checks that did not apply."""
        return len(self.skipped)

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failures

    @property
    def faults(self) -> dict[str, list[str]]:
        """What was wrong -> the checks that met it; one fault of ``fit`` fails most of them."""
        faults: dict[str, list[str]] = {}
        for name, message in self.failures.items():
            faults.setdefault(message, []).append(name)
        return faults

    def __str__(self) -> str:
        faults = self.faults
        count = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
        lines = [
            f"{self.method} {'conforms' if self.ok else f'has {count}'}: {self.n_run} checks run, "
            f"{len(self.failures)} failed, {self.n_skipped} skipped, {self.seconds:.1f} s"
        ]
        for message, names in faults.items():
            lines.append(f"  FAILED {', '.join(names)}: {message}")
            if len(names) == 1 and (remedy := REMEDIES.get(names[0])):
                lines.append(f"    remedy: {remedy}")
        lines += [f"  skipped {name}: {reason}" for name, reason in self.skipped.items()]
        lines += [f"  warning: {message}" for message in self.warnings]
        return "\n".join(lines)


def check_method(method: Any, *, name: str = "", time_limit: float | None = None) -> CheckReport:
    """Check that a method does what benchmarks and users rely on.

    Parameters
    ----------
    method : str, class or estimator
        A name or path for `unfold.get_method`, a class, or an unfitted estimator.
    name : str
        What to call it in the report.
    time_limit : float, optional
        Seconds for all checks. It interrupts Python code of the main thread; a single call of
        compiled code ends first.

    Returns
    -------
    CheckReport
        Failures are in the report, not raised.
    """
    start = time.perf_counter()
    case = Case(method, name)
    report = CheckReport(case.name)
    at = ""
    try:
        with _time_limit(time_limit):
            for at, check in CHECKS.items():
                _run(at, check, case, report)
    except _TimeIsUp:
        report.n_run += 1
        left = len(CHECKS) - report.n_run - report.n_skipped
        report.failures["time limit"] = (
            f"{at!r} was not finished after {time_limit:g} s in all, with {left} checks to come: "
            f"give a parameter that makes fits short, as in '{_shorter(case)}', or more time"
        )
    report.seconds = time.perf_counter() - start
    return report


def _run(name: str, check: Callable[[Case], None], case: Case, report: CheckReport) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check(case)
            report.n_run += 1
        except Skipped as reason:
            report.skipped[name] = str(reason)
        except AssertionError as error:
            report.n_run += 1
            report.failures[name] = str(error) or f"AssertionError{_place(error, case)}"
        except Exception as error:
            report.n_run += 1
            report.failures[name] = f"{type(error).__name__}: {error}{_place(error, case)}"
    report.warnings += [str(w.message) for w in caught if issubclass(w.category, Unwise)]


def _shorter(case: Case) -> str:
    length = next((n for n in case.prototype.get_params() if n in BRIEF), "max_iter")
    return f"{case.name.partition('[')[0]}[{length}=2]"


def _place(error: Exception, case: Case) -> str:
    """Return the line of the method's own file that an error came from."""
    try:
        own = inspect.getfile(type(case.prototype))
    except (TypeError, OSError):  # a class that was typed, not read from a file
        return ""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == own]
    return f" ({Path(own).name}, line {frames[-1].lineno})" if frames else ""


@contextlib.contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    """Raise in this thread when the time is up; signals reach the main thread of Unix alone."""
    able = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if seconds is None or not able:
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise _TimeIsUp

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def parametrize_methods(methods: Iterable[Any]) -> Any:
    """Decorate a pytest function ``test(method, check)`` with every check of every method.

    Parameters
    ----------
    methods : iterable of str, class or estimator

    Returns
    -------
    pytest decorator
        The test calls ``check(method)``, which raises on failure; a check that does not apply
        skips the case.

    Examples
    --------
    >>> @parametrize_methods([MyMethod(max_iter=10)])
    ... def test_conforms(method, check):
    ...     check(method)
    """
    import pytest

    cases = [
        pytest.param(method, _as_test(check), id=f"{Case(method).name}-{name}")
        for method in methods
        for name, check in CHECKS.items()
    ]
    return pytest.mark.parametrize(("method", "check"), cases)


def _as_test(check: Callable[[Case], None]) -> Callable[[Any], None]:
    def run(method: Any) -> None:
        import pytest

        try:
            check(Case(method))
        except Skipped as reason:
            pytest.skip(str(reason))

    return run
