"""The offset is part of every method, and a corrupt sample says next to nothing."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch

from unfold import get_method, list_methods
from unfold.arrays import unit_rows
from unfold.methods.location import location, sound

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:decoder_init_norm:UserWarning"),
]

#: Short runs: what is compared are two fits of one method.
BRIEF: dict[str, dict[str, Any]] = {
    "alternating": {"max_iter": 20},
    "consensus": {"n_runs": 3, "n_active": 2, "positive": True, "max_iter": 10},
    "er-spud": {"max_samples": 60, "n_programs": 12},
    "nmf": {"max_iter": 30},
    "online-dictionary": {"n_steps": 40},
    "reconstruction-ica": {"max_iter": 15},
    "sae-lens": {"n_steps": 100},
    "semi-nmf": {"max_iter": 30},
    "sklearn-dictionary-learning": {"max_iter": 1},
    "subspace-dictionary": {"max_dimension": 1},
    "tree-dictionary": {"rounds": 2},
}
#: Axes that are no direction of the data, a file, and the race, whose time is its own.
FIXED = {"neurons", "fixed-dictionary", "recover"}
METHODS = [name for name in list_methods() if name not in FIXED]


def planted(noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    D = unit_rows(rng.standard_normal((12, 8)))
    Z = rng.uniform(0.5, 1, (2000, 12)) * (rng.random((2000, 12)) < 0.12)
    return Z @ D + noise * rng.standard_normal((2000, 8)), D


def brief(name: str) -> Any:
    if name == "sae-lens":
        pytest.importorskip("sae_lens")
    given = {"n_steps": 30} if name.endswith("-sae") else BRIEF.get(name, {})
    return get_method(name)(**given, random_state=0)


def found(name: str, X: np.ndarray, D: np.ndarray) -> float:
    """Mean cosine of the best match of each planted direction."""
    return float((D @ brief(name).fit(X).components_.T).max(axis=1).mean())


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("name", METHODS)
def test_any_vector_may_be_added(name: str, noise: float) -> None:
    X, D = planted(noise)
    plain = found(name, X, D)
    for vector in (np.full(8, 3.0), 500 * np.eye(8)[3]):
        assert found(name, X + vector, D) == pytest.approx(plain, abs=0.02)


@pytest.mark.parametrize("name", METHODS)
def test_corrupt_samples_cost_next_to_nothing(name: str) -> None:
    X, D = planted(0.02)
    for corrupt in (np.full((1, 8), 1e6), -1e3 * np.eye(8)[:3]):
        assert found(name, np.concatenate([X, corrupt]), D) > found(name, X, D) - 0.05


def dense(law: str) -> tuple[np.ndarray, np.ndarray]:
    """Eight sources in eight dimensions, all of them active in every sample."""
    rng = np.random.default_rng(0)
    D = unit_rows(rng.standard_normal((8, 8)))
    S = rng.laplace(size=(2000, 8)) if law == "laplace" else rng.uniform(-1, 1, (2000, 8))
    return S @ D, D


def left(method: Any, X: np.ndarray) -> float:
    """Return the residual of codes over that of the mean."""
    rebuilt = method.inverse_transform(method.transform(X))
    return float(np.linalg.norm(rebuilt - X) / np.linalg.norm(X - X.mean(axis=0)))


@pytest.mark.parametrize("law", ["sparse", "laplace", "uniform"])
@pytest.mark.parametrize("name", METHODS)
def test_codes_rebuild_no_worse_than_the_mean(name: str, law: str) -> None:
    X, _ = planted(0.02) if law == "sparse" else dense(law)
    for offset in (0.0, 3.0):
        assert left(brief(name).fit(X + offset), X[:300] + offset) <= 1


@pytest.mark.parametrize("law", ["laplace", "uniform"])
@pytest.mark.parametrize("name", ["cumulants", "fastica", "picard", "l4", "er-spud"])
def test_complete_dictionaries_explain_all_of_every_sample(name: str, law: str) -> None:
    X, _ = dense(law)
    params = {"n_components": 8} | ({"max_iter": 20} if name == "l4" else {})
    method = get_method(name)(**params | BRIEF.get(name, {})).fit(X + 3)
    assert left(method, X[:300] + 3) < 0.02


@pytest.mark.parametrize("name", ["cumulants", "generalised-covariance", "subspace-power"])
def test_skewness_tells_the_signs_of_codes(name: str) -> None:
    rng = np.random.default_rng(0)
    D = unit_rows(rng.standard_normal((9, 6)))
    Z = rng.random((6000, 9)) * (rng.random((6000, 9)) < 0.2)
    for signs, positive in ((1, True), (rng.choice([-1, 1], Z.shape), False)):
        method = get_method(name)(9).fit((signs * Z) @ D)
        assert method.positive_ is positive
        assert bool((method.transform((signs * Z)[:50] @ D) >= 0).all()) is positive


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
def test_the_location_of_sparse_codes_is_their_offset(noise: float) -> None:
    X, _ = planted(noise)
    vector = np.linspace(-40, 70, 8)
    assert np.linalg.norm(location(X)) < 0.3 * noise + 1e-12
    np.testing.assert_allclose(location(X + vector), location(X) + vector, atol=1e-6)


def test_padding_and_drawn_lists_are_no_offset() -> None:
    """A row that comes again and again is the offset only in the middle of the others."""
    X, _ = planted()
    padding = np.full((900, 8), 2.0)
    np.testing.assert_array_equal(location(np.concatenate([X, padding])), np.zeros(8))
    few = X[X.any(axis=1)][:50]
    drawn = few[np.random.default_rng(1).integers(50, size=2000)]
    assert not (np.abs(few - location(drawn)).max(axis=1) < 1e-9).any()


def test_samples_of_one_feature_each_tell_no_offset_by_their_density() -> None:
    rng = np.random.default_rng(0)
    D = unit_rows(rng.standard_normal((8, 8)))
    X = D[rng.integers(8, size=4000)] * rng.uniform(0.5, 1, (4000, 1))
    for noise in (0.01, 0.1):
        blurred = X + noise * rng.standard_normal(X.shape)
        assert np.linalg.norm(location(blurred)) < 0.5


def test_heavy_tails_are_no_corruption() -> None:
    X = np.random.default_rng(0).standard_cauchy((5000, 1)) * np.ones((1, 3))
    assert sound(X).mean() > 0.995
    assert sound(np.concatenate([np.zeros((990, 3)), np.ones((10, 3))])).all()


@pytest.mark.parametrize("name", ["topk-sae", "online-dictionary"])
def test_streams_know_their_offset(name: str, tmp_path: Any) -> None:
    X, D = planted(0.02)
    method = brief(name).set_params(n_steps=30)
    far = 500 * np.eye(8)[3]
    near = pickle.loads(pickle.dumps(method)).fit_stream(lambda step: X)
    away = method.fit_stream(lambda step: X + far, checkpoint=tmp_path / "run", every=10)
    again = brief(name).set_params(n_steps=30)
    again.fit_stream(lambda step: X + far, checkpoint=tmp_path / "run")
    np.testing.assert_allclose(again.transform(X + far), away.transform(X + far), atol=1e-6)
    assert (D @ away.components_.T).max(axis=1).mean() == pytest.approx(
        (D @ near.components_.T).max(axis=1).mean(), abs=0.02
    )
    assert np.linalg.norm(away.mean_ - near.mean_ - far) < 0.1


def test_tensors_keep_their_offset() -> None:
    X, _ = planted()
    fitted = brief("cumulants").fit(torch.tensor(X + 7, dtype=torch.float32))
    assert torch.allclose(fitted.mean_, torch.full((8,), 7.0), atol=1e-4)
