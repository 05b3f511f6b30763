"""The boundary between NumPy and torch."""

import numpy as np
import pytest
import torch

from unfold.arrays import check_activations, is_tensor, like, to_numpy, to_tensor, unit_rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floating_types_are_kept(dtype):
    X = torch.ones(3, 2, dtype=dtype)
    assert check_activations(X).dtype == dtype
    assert check_activations(X.numpy()).dtype == X.numpy().dtype


def test_integers_and_halves_are_promoted():
    assert check_activations(torch.ones(3, 2, dtype=torch.int64)).dtype == torch.float32
    assert check_activations(torch.ones(3, 2, dtype=torch.float16)).dtype == torch.float32
    assert check_activations(np.ones((3, 2), dtype=int)).dtype == np.float64


def test_a_graph_is_cut():
    X = torch.ones(3, 2, requires_grad=True) * 2
    assert not check_activations(X).requires_grad


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.ones(3), "2D tensor"),
        (torch.ones(0, 2), "at least 1 sample"),
        (torch.ones(2, 0), "at least 1 dimension"),
        (torch.full((2, 2), float("nan")), "NaN"),
        (torch.ones(2, 2, dtype=torch.complex64), "Complex"),
        (np.ones((2, 2), dtype=complex), "Complex"),
        (np.full((2, 2), np.nan), "NaN"),
    ],
)
def test_bad_input_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        check_activations(bad, name="activations")


def test_like_follows_the_reference():
    reference = np.ones(1, dtype=np.float32)
    assert like(torch.ones(2, dtype=torch.float64), reference).dtype == np.float32
    out = like(np.ones(2), torch.ones(1))
    assert is_tensor(out) and out.dtype == torch.float32


def test_read_only_arrays_become_tensors_of_their_own():
    X = np.ones((2, 2))
    X.setflags(write=False)
    T = to_tensor(X)
    T[0, 0] = 5
    assert X[0, 0] == 1
    assert np.array_equal(to_numpy(to_tensor(X)), X)


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_unit_rows_leaves_zero_rows(kind):
    D = unit_rows(kind(np.array([[3.0, 4.0], [0.0, 0.0]])))
    assert np.allclose(to_numpy(D), [[0.6, 0.8], [0, 0]])


def test_finite_numbers_whose_sum_overflows_are_accepted():
    X = np.full((4, 2), 3e38, np.float32)
    assert check_activations(X) is not None
    with pytest.raises(ValueError, match="infinity"):
        check_activations(np.array([[np.inf], [-np.inf]]))
