"""Inputs are used as meant or refused in words, in whatever state a notebook left torch."""

import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import unfold
from unfold.arrays import check_activations, plain_torch, to_numpy

rng = np.random.default_rng(0)
D = rng.normal(size=(12, 6))
X = ((rng.random((300, 12)) < 0.2) * rng.random((300, 12))) @ D

STATES = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "enable_grad": torch.enable_grad,
}


@pytest.fixture(params=[torch.bfloat16, torch.float16, torch.float64], ids=str)
def default_dtype(request: pytest.FixtureRequest) -> Iterator[Any]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("form", [{"alpha": 0.05}, {"penalty": "l0", "n_nonzero": 3}])
def test_half_precision_is_computed_in_single_or_better(
    default_dtype: Any, dtype: torch.dtype, form: dict[str, Any]
) -> None:
    half, atoms = torch.as_tensor(X).to(dtype), torch.as_tensor(D).float()
    got = unfold.sparse_encode(half, atoms, **form).codes
    want = unfold.sparse_encode(half.float(), atoms, **form).codes
    assert got.dtype in (torch.float32, torch.float64)
    torch.testing.assert_close(got.float(), want, atol=1e-3, rtol=1e-3)


#: One of each kind of trainer.
TRAINED = ["l1-sae", "topk-sae", "reconstruction-ica", "sae-lens"]


def _made(name: str) -> Any:
    if name == "sae-lens":
        pytest.importorskip("sae_lens")
    kind = unfold.get_method(name)
    takes = kind().get_params()
    short = {"n_components": 8, "n_steps": 15, "max_iter": 15, "random_state": 0}
    return kind(**{key: value for key, value in short.items() if key in takes})


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.filterwarnings("ignore")
def test_fits_do_not_depend_on_the_state_of_torch(name: str, state: str) -> None:
    plain = _made(name).fit(torch.as_tensor(X).float())
    with STATES[state]():
        inside = torch.as_tensor(X).float()
        fitted = _made(name).fit(inside)
        codes = fitted.transform(inside)
    torch.testing.assert_close(fitted.components_, plain.components_)
    torch.testing.assert_close(codes, plain.transform(torch.as_tensor(X).float()))


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.filterwarnings("ignore")
def test_fits_do_not_depend_on_the_default_type(name: str, default_dtype: Any) -> None:
    fitted = _made(name).fit(torch.as_tensor(X).float())
    assert torch.get_default_dtype() is default_dtype
    assert fitted.components_.dtype == torch.float32
    assert torch.isfinite(fitted.transform(torch.as_tensor(X).float())).all()


def test_the_state_of_torch_comes_back_after_a_failure() -> None:
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.inference_mode(), pytest.raises(KeyError), plain_torch():
            assert torch.get_default_dtype() is torch.float32
            assert not torch.is_inference_mode_enabled()
            assert torch.is_grad_enabled()
            raise KeyError
        assert torch.get_default_dtype() is torch.bfloat16
    finally:
        torch.set_default_dtype(torch.float32)


def test_parameters_with_gradients_are_data() -> None:
    given = torch.nn.Parameter(torch.as_tensor(X).float())
    codes = unfold.sparse_encode(given, torch.nn.Parameter(torch.as_tensor(D).float()), alpha=0.05)
    assert not codes.codes.requires_grad
    assert not unfold.get_method("pca")().fit(given).components_.requires_grad


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("layout", ["to_sparse", "to_sparse_csr"])
def test_sparse_tensors_are_their_dense_selves(layout: str) -> None:
    given = torch.as_tensor(np.where(X > 0.5, X, 0))
    sparse = getattr(given, layout)()
    torch.testing.assert_close(check_activations(sparse), given)
    np.testing.assert_array_equal(to_numpy(sparse), given.numpy())
    atoms = torch.as_tensor(D)
    torch.testing.assert_close(
        unfold.sparse_encode(sparse, atoms, alpha=0.05).codes,
        unfold.sparse_encode(given, atoms, alpha=0.05).codes,
    )


CALLS = {
    "sparse_encode": lambda given: unfold.sparse_encode(given, D, alpha=0.05).codes,
    "pca": lambda given: unfold.get_method("pca")().fit(given).components_,
    "transform": lambda given: unfold.KnownDirections(D).transform(given),
    "certify": lambda given: unfold.certify(given, D).explained,
}


@pytest.mark.parametrize("call", CALLS)
def test_what_is_under_a_mask_is_no_measurement(call: str) -> None:
    values, mask = X.copy(), np.zeros_like(X, bool)
    values[3, 2], mask[3, 2] = 999.0, True
    with pytest.raises(ValueError, match=r"1 masked entries, the first in row 3"):
        CALLS[call](np.ma.array(values, mask=mask))
    np.testing.assert_array_equal(CALLS[call](np.ma.array(X, mask=False)), CALLS[call](X))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", [">f8", ">f4", np.longdouble, "<f2"])
def test_other_number_types_are_used_as_meant(call: str, dtype: Any) -> None:
    given = X.astype(dtype)
    np.testing.assert_allclose(
        CALLS[call](given), CALLS[call](given.astype(np.float64)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_complex_numbers_are_refused(call: str, kind: Any) -> None:
    with pytest.raises(ValueError, match=r"[Cc]omplex"):
        CALLS[call](kind(X + 1j))


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_complex_directions_and_offsets_are_refused(kind: Any) -> None:
    for call in (
        lambda: unfold.sparse_encode(X, kind(D + 1j), alpha=0.1),
        lambda: unfold.sparse_encode(X, D, alpha=0.1, mean=kind(X[0] + 1j)),
        lambda: unfold.KnownDirections(kind(D + 1j)),
        lambda: unfold.KnownDirections(D, mean=kind(X[0] + 1j)),
    ):
        with pytest.raises(ValueError, match=r"[Cc]omplex"):
            call()


@pytest.mark.parametrize("name", ["sae-lens", "l1-sae", "topk-sae", "ksvd", "recover"])
@pytest.mark.filterwarnings("ignore")
def test_fitted_methods_can_be_pickled(name: str) -> None:
    fitted = _made(name).fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X[:20]), fitted.transform(X[:20]))
    assert repr(again) == repr(fitted)


def test_an_autoencoder_of_one_column_is_refused_in_words() -> None:
    pytest.importorskip("sae_lens")
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        _made("sae-lens").fit(X[:, :1])


@pytest.mark.parametrize("shape", [(3, 10), (5, 6), (4, 20)])
@pytest.mark.parametrize("k", [None, 15])
def test_nmf_of_few_samples_codes_what_it_has_fitted(shape: tuple[int, int], k: int | None) -> None:
    few = np.abs(np.random.default_rng(1).normal(size=shape)) * (np.arange(shape[1]) % 2)
    fitted = unfold.get_method("nmf")(n_components=k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted.fit(few)
    np.testing.assert_allclose(np.linalg.norm(fitted.components_, axis=1), 1)
    assert np.isfinite(fitted.transform(few)).all()


@pytest.mark.filterwarnings("ignore")
def test_recover_ends_on_data_without_moments() -> None:
    heavy = np.random.default_rng(0).standard_cauchy((1500, 4))
    found = unfold.get_method("recover")().fit(heavy)
    assert np.isfinite(found.components_).all()


class TestKnownDirections:
    """A row of another size, or a wrong offset, is no reason for wrong codes in silence."""

    @pytest.mark.parametrize("size", [1e3, 1e6, 1e12])
    def test_a_huge_row_leaves_the_codes_of_the_others(self, size: float) -> None:
        both = np.vstack([X, np.full((1, 6), size)])
        known = unfold.KnownDirections(D)
        np.testing.assert_allclose(known.transform(both)[:-1], known.transform(X), atol=0.1)
        np.testing.assert_allclose(
            unfold.read_features(both, D)[:-1], unfold.read_features(X, D), atol=0.1
        )

    @pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
    def test_wrong_offsets_are_named(self, kind: Any) -> None:
        with pytest.raises(ValueError, match=r"mean has shape \(5,\), expected \(6,\)"):
            unfold.KnownDirections(D, mean=kind(np.zeros(5)))
        with pytest.raises(ValueError, match=r"mean contains NaN"):
            unfold.KnownDirections(D, mean=kind(np.full(6, np.nan)))

    def test_wrong_widths_are_named(self) -> None:
        with pytest.raises(ValueError, match="X has 5 dimensions, the directions have 6"):
            unfold.KnownDirections(D).transform(X[:, :5])
