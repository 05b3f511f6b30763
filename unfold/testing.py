"""Does a method conform? A conformance kit for plug-ins, in seconds.

`check_method` runs all checks and returns a report; `parametrize_methods` makes each check a
pytest case of its own. Any scikit-learn-compatible estimator can be checked.
"""

import random
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone

from unfold.arrays import dictionary_of, is_tensor, to_numpy, unit_rows
from unfold.methods.base import Recovery
from unfold.registry import get_method

N_SAMPLES, DIMENSION, DENSITY = 1200, 8, 0.15

#: Mean cosine that a method should reach on the easy problem of the kit: below it a warning.
RECOVERED = 0.9

#: What methods call the length of a run, and a length at which shapes and types show.
BRIEF = {"max_iter": 5, "n_steps": 20}


class Skipped(Exception):
    """Raised by a check that does not apply to the method at hand."""


class Unwise(UserWarning):
    """Something that is allowed, and that a method's author should know of."""


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

    def __str__(self) -> str:
        verdict = "conforms" if self.ok else f"fails {len(self.failures)}"
        lines = [
            f"{self.method} {verdict}: {self.n_run} checks run, {self.n_skipped} skipped, "
            f"{self.seconds:.1f} s"
        ]
        lines += [f"  FAILED {name}: {message}" for name, message in self.failures.items()]
        lines += [f"  skipped {name}: {reason}" for name, reason in self.skipped.items()]
        lines += [f"  warning: {message}" for message in self.warnings]
        return "\n".join(lines)


def check_method(method: Any) -> CheckReport:
    """Check that a method does what benchmarks and users rely on.

    Parameters
    ----------
    method : str, class or estimator
        A name or path for `unfold.get_method`, a class, or an unfitted estimator.

    Returns
    -------
    CheckReport
        Failures are in the report, not raised.
    """
    start = time.perf_counter()
    case = Case(method)
    report = CheckReport(case.name)
    for name, check in CHECKS.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                check(case)
                report.n_run += 1
            except Skipped as reason:
                report.skipped[name] = str(reason)
            except Exception as error:
                report.n_run += 1
                report.failures[name] = f"{type(error).__name__}: {error}"
        report.warnings += [str(w.message) for w in caught if issubclass(w.category, Unwise)]
    report.seconds = time.perf_counter() - start
    return report


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


def _as_test(check: "Callable[[Case], None]") -> Callable[[Any], None]:
    def run(method: Any) -> None:
        import pytest

        try:
            check(Case(method))
        except Skipped as reason:
            pytest.skip(str(reason))

    return run


class Case:
    """A method under test: fresh estimators, planted data, and one fit that checks share."""

    def __init__(self, method: Any) -> None:
        found = get_method(method) if isinstance(method, str) else method
        self.prototype = found() if isinstance(found, type) else found
        self.name = method if isinstance(method, str) else type(self.prototype).__name__
        rng = np.random.default_rng(0)
        self.truth = random_rows(rng, (DIMENSION, DIMENSION))
        codes = rng.random((N_SAMPLES, DIMENSION)) + 0.2
        codes *= rng.random((N_SAMPLES, DIMENSION)) < DENSITY
        self.X = codes @ self.truth
        self.X.setflags(write=False)
        self.few = self.X[:240]

    def estimator(self, **params: Any) -> Any:
        """Return an unfitted copy, its ``random_state`` set to 0 where it has one."""
        fresh = clone(self.prototype)
        if "random_state" in fresh.get_params():
            params = {"random_state": 0, **params}
        return fresh.set_params(**params)

    def brief(self, **params: Any) -> Any:
        """Return an unfitted copy cut to a few iterations, for checks that need no quality."""
        given = self.prototype.get_params()
        return self.estimator(**{n: v for n, v in BRIEF.items() if n in given} | params)

    @cached_property
    def fitted(self) -> Any:
        """The one fit at full length, with as many directions as were planted."""
        wanted = "n_components" in self.prototype.get_params()
        return self.estimator(**{"n_components": DIMENSION} if wanted else {}).fit(self.X)

    @cached_property
    def short(self) -> Any:
        """A short fit on few samples."""
        return self.brief().fit(self.few)


def _expect(holds: Any, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def _clone(case: Case) -> None:
    params = case.prototype.get_params()
    copy = clone(case.prototype).get_params()
    _expect(params.keys() == copy.keys(), f"clone has parameters {sorted(copy)}")
    _expect(case.short is not None, "fit must return the estimator")
    _expect(hasattr(case.short, "fit"), f"fit returned {case.short!r}, expected the estimator")


def _shape(case: Case) -> None:
    D = dictionary_of(case.fitted)
    _expect(D.shape[1] == DIMENSION, f"dictionary of shape {D.shape}, expected (k, {DIMENSION})")
    _expect(D.shape[0] >= 1, "the dictionary has no atom")
    _expect(np.isfinite(to_numpy(D)).all(), "the dictionary holds NaN or infinity")
    zero = int((np.abs(to_numpy(D)).sum(axis=1) == 0).sum())
    _expect(zero == 0, f"{zero} of {len(D)} atoms are zero: leave dead atoms out")


def _unmixing_trap(case: Case) -> None:
    has = [n for n in ("dictionary_", "mixing_", "components_") if hasattr(case.fitted, n)]
    if has[0] == "mixing_" and "components_" in has:
        warnings.warn(
            f"{case.name} has both mixing_ and components_: directions are read from mixing_.T; "
            f"components_ is taken for the unmixing matrix. Set dictionary_ to say otherwise.",
            Unwise,
            stacklevel=2,
        )


def _codes(case: Case) -> None:
    if not hasattr(case.fitted, "transform"):
        raise Skipped("no transform: scores of codes will be empty")
    codes = to_numpy(case.fitted.transform(case.X[:50]))
    expected = (50, len(dictionary_of(case.fitted)))
    _expect(codes.shape == expected, f"codes of shape {codes.shape}, expected {expected}")
    _expect(np.isfinite(codes).all(), "codes hold NaN or infinity")


def _dtype(case: Case) -> None:
    D = dictionary_of(case.brief().fit(case.few.astype(np.float32)))
    _expect(np.isfinite(to_numpy(D)).all(), "float32 data give NaN or infinity")
    if isinstance(case.prototype, Recovery):
        _expect(to_numpy(D).dtype == np.float32, f"float32 data give {D.dtype} directions")


def _tensors(case: Case) -> None:
    if not isinstance(case.prototype, Recovery):
        raise Skipped("tensors are promised by unfold's own methods only")
    import torch

    X = torch.tensor(case.few)
    fitted = case.brief().fit(X)
    codes = fitted.transform(X[:5])
    _expect(is_tensor(fitted.components_) and is_tensor(codes), "tensors in, arrays out")
    _expect(codes.dtype == X.dtype, f"{X.dtype} in, {codes.dtype} out")


def _determinism(case: Case) -> None:
    first, second = dictionary_of(case.short), dictionary_of(case.brief().fit(case.few))
    _expect(
        np.array_equal(to_numpy(first), to_numpy(second)),
        "two fits with the same random_state differ",
    )


def _global_state() -> list[Any]:
    keys = np.random.get_state(legacy=False)  # noqa: NPY002
    state: list[Any] = [random.getstate(), repr(keys)]
    if torch := sys.modules.get("torch"):
        state += [torch.get_rng_state().numpy().tobytes(), torch.get_default_dtype()]
    return state


def _no_global_state(case: Case) -> None:
    _ = case.short  # what imports do is not the matter here
    numpy_state = np.random.get_state()  # noqa: NPY002
    try:
        # A state that no fit has left behind, so that reseeding shows as well as drawing.
        np.random.seed(987654321)  # noqa: NPY002
        before = _global_state()
        case.brief().fit(case.few)
        _expect(
            before == _global_state(),
            "fit moved a global random generator or torch's default dtype: use random_state",
        )
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002


def _no_mutation(case: Case) -> None:
    X = case.few.copy()
    estimator = case.brief()
    params = estimator.get_params()
    estimator.fit(X)
    _expect((case.few == X).all(), "fit changed X")
    _expect(repr(estimator.get_params()) == repr(params), "fit changed its parameters")


def _n_components(case: Case) -> None:
    if "n_components" not in case.prototype.get_params():
        raise Skipped("no parameter n_components")
    found = len(dictionary_of(case.brief(n_components=5).fit(case.few)))
    _expect(found <= 5, f"n_components=5 gives {found} atoms")
    if found < 5:
        warnings.warn(f"n_components=5 gives {found} atoms", Unwise, stacklevel=2)


def _enumerates(case: Case) -> None:
    if "n_components" not in case.prototype.get_params():
        raise Skipped("no parameter n_components")
    fitted = case.brief(n_components=None).fit(case.few)
    _expect(len(dictionary_of(fitted)) >= 1, "n_components=None finds nothing")


def _recovery(case: Case) -> None:
    if getattr(getattr(case.prototype, "card", None), "family", "") == "baselines":
        raise Skipped("a control")
    found = to_numpy(dictionary_of(case.fitted))
    score = matched_cosine(case.truth, found)
    rng = np.random.default_rng(1)
    chance = [matched_cosine(case.truth, random_rows(rng, found.shape)) for _ in range(50)]
    level = float(np.mean(chance) + 3 * np.std(chance))
    _expect(
        score > level,
        f"mean cosine {score:.2f} with {DIMENSION} planted directions is no better than chance, "
        f"{level:.2f}",
    )
    if score < RECOVERED:
        warnings.warn(
            f"mean cosine {score:.2f} (chance {np.mean(chance):.2f}) on an easy planted problem",
            Unwise,
            stacklevel=2,
        )


def _rejects_nan(case: Case) -> None:
    X = case.X.copy()
    X[3, 1] = np.nan
    try:
        case.brief().fit(X)
    except ValueError:
        return
    raise AssertionError("NaN in X must raise ValueError")


def random_rows(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return directions drawn uniformly from the sphere."""
    return to_numpy(unit_rows(rng.standard_normal(shape)))


def matched_cosine(truth: np.ndarray, found: np.ndarray) -> float:
    """Return the mean absolute cosine of the best one-to-one matching of two sets of unit rows."""
    cosine = np.abs(truth @ found.T)
    return float(cosine[linear_sum_assignment(-cosine)].sum() / len(truth))


CHECKS: dict[str, Callable[[Case], None]] = {
    "clone": _clone,
    "dictionary": _shape,
    "unmixing_trap": _unmixing_trap,
    "codes": _codes,
    "float32": _dtype,
    "tensors": _tensors,
    "determinism": _determinism,
    "global_state": _no_global_state,
    "no_mutation": _no_mutation,
    "n_components": _n_components,
    "enumerates": _enumerates,
    "recovery": _recovery,
    "rejects_nan": _rejects_nan,
}
