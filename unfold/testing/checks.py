"""The checks: each raises what is wrong with a method, and has a remedy."""

import contextlib
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.base import clone

from unfold.arrays import dictionary_of, is_tensor, to_numpy
from unfold.declarations import declared_hints, declared_search_space, is_told_nothing
from unfold.methods.base import Recovery
from unfold.testing.case import (
    DIMENSION,
    Case,
    Skipped,
    Unwise,
    matched_cosine,
    random_rows,
)

#: Mean cosine that a method should reach on the easy problem of the kit: below it a warning.
RECOVERED = 0.9
#: A seed that no method is likely to set itself.
FOREIGN_SEED = 987654321


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
    if has[:1] == ["mixing_"] and "components_" in has:
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


@contextlib.contextmanager
def _foreign_state() -> Iterator[None]:
    """Put every global generator where no fit has left it, so that reseeding shows, too."""
    own = random.getstate(), np.random.get_state()  # noqa: NPY002
    torch = sys.modules.get("torch")
    own_torch = torch.get_rng_state() if torch else None
    random.seed(FOREIGN_SEED)
    np.random.seed(FOREIGN_SEED)  # noqa: NPY002
    if torch:
        torch.manual_seed(FOREIGN_SEED)
    try:
        yield
    finally:
        random.setstate(own[0])
        np.random.set_state(own[1])  # noqa: NPY002
        if torch:
            torch.set_rng_state(own_torch)


def _no_global_state(case: Case) -> None:
    _ = case.short  # what imports do is not the matter here
    with _foreign_state():
        before = _global_state()
        case.brief().fit(case.few)
        _expect(
            before == _global_state(),
            "fit moved a global random generator or torch's default dtype",
        )


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


def _declarations(case: Case) -> None:
    method = type(case.prototype)
    declared_hints(method)
    declared_search_space(method)
    if is_told_nothing(method):
        warnings.warn(
            f"the informed track has nothing to tell {case.name}: if a parameter is its size, say "
            f"hints = {{'that parameter': 'n_features'}} in the class; if none is, hints = {{}}",
            Unwise,
            stacklevel=2,
        )


CHECKS: dict[str, Callable[[Case], None]] = {
    "declarations": _declarations,
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

#: What to do about a failure.
REMEDIES = {
    "declarations": "correct the attribute of the class",
    "clone": "store every parameter of the constructor as it was given, and `return self` from fit",
    "dictionary": "set dictionary_, or components_, to an array (k, d) with one direction a row",
    "codes": "transform(X) returns an array (n, k), a column a row of the dictionary",
    "float32": "compute in float64 inside of fit, or take the dtype of X everywhere",
    "tensors": "fit and encode by the hooks _fit and _encode only",
    "determinism": "draw from sklearn.utils.check_random_state(self.random_state), or from "
    "torch.Generator().manual_seed(...), and from nothing else",
    "global_state": "in place of np.random.seed and torch.manual_seed use generators of yours: "
    "sklearn.utils.check_random_state(self.random_state), torch.Generator().manual_seed(...)",
    "no_mutation": "work on a copy of X, and put results in attributes that end in _",
    "n_components": "n_components is the most directions that may be returned",
    "enumerates": "n_components=None means that nobody knows: choose, as in "
    "`k = self.n_components or 2 * X.shape[1]`",
    "recovery": "see whether directions are rows, and whether fit finds them in data of its own",
    "rejects_nan": "begin fit with `X = sklearn.utils.check_array(X)`",
}
