"""No finite samples crash a method: it fits, with finite results, or says why not."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from unfold import get_method, list_methods

#: Short runs; what is asked is whether they end well, not what they find.
BRIEF: dict[str, dict[str, Any]] = {
    "alternating": {"max_iter": 3},
    "consensus": {"n_runs": 2, "max_iter": 3},
    "er-spud": {"max_samples": 20, "n_programs": 4},
    "nmf": {"max_iter": 5},
    "semi-nmf": {"max_iter": 5},
    "online-dictionary": {"n_steps": 5},
    "reconstruction-ica": {"max_iter": 5},
    "recover": {"time_limit": 3.0},
    "sae-lens": {"n_steps": 3},
    "sklearn-dictionary-learning": {"max_iter": 1},
    "tree-dictionary": {"rounds": 1},
}
#: A file, not samples; a library of others.
ELSEWHERE = {"fixed-dictionary", "sae-lens"}
#: Fast examples of a method, and slow ones.
FEW, MANY = 4, 60


@st.composite
def samples(draw: st.DrawFn) -> np.ndarray:
    """Samples of any shape, law, scale and offset, with copies, silence and constant columns."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    n, d = draw(st.integers(2, 60)), draw(st.integers(1, 8))
    law = draw(st.sampled_from(["normal", "sparse", "heavy", "few values", "one direction"]))
    X = {
        "normal": lambda: rng.standard_normal((n, d)),
        "sparse": lambda: rng.random((n, d)) * (rng.random((n, d)) < 0.2),
        "heavy": lambda: rng.standard_cauchy((n, d)),
        "few values": lambda: rng.integers(-1, 2, (n, d)).astype(float),
        "one direction": lambda: np.outer(rng.standard_normal(n), rng.standard_normal(d)),
    }[law]()
    if draw(st.booleans()):
        X = X[rng.integers(n, size=n)]
    if draw(st.booleans()):
        X[rng.random(n) < 0.5] = 0
    if draw(st.booleans()):
        X[:, 0] = draw(st.sampled_from([0.0, 1.0]))
    X = X + draw(st.sampled_from([0.0, 1.0, 1e4]))
    X *= 10.0 ** draw(st.sampled_from([0, 0, -20, 15]))
    return X.astype(draw(st.sampled_from([np.float32, np.float64])))


def ends_well(name: str, X: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="X varies in")
        try:
            method = get_method(name)(**BRIEF.get(name, {"n_steps": 3} if "-sae" in name else {}))
            codes = method.fit(X).transform(X)
        except ValueError as refusal:
            assert len(str(refusal)) > 20
            return
    assert np.isfinite(np.asarray(method.components_)).all()
    values = codes.data if hasattr(codes, "indptr") else np.asarray(codes)
    assert np.isfinite(values).all()


def tried(name: str, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(samples())
    def run(X: np.ndarray) -> None:
        ends_well(name, X)

    run()


@pytest.mark.parametrize("name", [m for m in list_methods() if m not in ELSEWHERE])
def test_finite_samples_are_fitted_or_refused(name: str) -> None:
    tried(name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", [m for m in list_methods() if m not in ELSEWHERE])
def test_many_finite_samples_are_fitted_or_refused(name: str) -> None:
    tried(name, MANY)
