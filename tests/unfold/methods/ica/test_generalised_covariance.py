"""Hessians of the log-characteristic function against closed forms; planted directions."""

import numpy as np
import pytest
import torch

from unfold.methods.ica.cumulants import pair_coordinates
from unfold.methods.ica.generalised_covariance import (
    GeneralisedCovariance,
    frequencies,
    generalised_covariances,
    spanned,
)
from unfold.testing import check_method


def generator():
    return torch.Generator().manual_seed(0)


def test_gaussian_data_have_their_covariance_at_every_point():
    root = torch.tensor([[1.0, 0.0], [0.4, 0.7]], dtype=torch.float64)
    Z = torch.randn(200_000, 2, generator=generator(), dtype=torch.float64) @ root
    t = frequencies(2, 5, 0.5, generator())
    found = generalised_covariances(Z, t)
    truth = pair_coordinates(root).sum(0)  # sum of r r' over the rows of the root
    torch.testing.assert_close(found[:5], truth.expand(5, -1), atol=0.02, rtol=0)
    torch.testing.assert_close(found[5:], torch.zeros(5, 3).double(), atol=0.02, rtol=0)


def test_one_source_has_the_closed_form_of_a_coin():
    """A coin of probability p: minus (log(1 - p + p e^{it}))''."""
    p, n = 0.3, 100_000
    Z = torch.zeros(n, 1, dtype=torch.float64)
    Z[: int(p * n)] = 1
    t = torch.tensor([[0.0], [0.7], [2.0]], dtype=torch.float64)
    phase = p * torch.exp(1j * t[:, 0])
    closed = phase * (1 - p) / (1 - p + phase) ** 2
    found = generalised_covariances(Z, t)[:, 0]
    torch.testing.assert_close(found, torch.cat([closed.real, closed.imag]), atol=1e-9, rtol=0)


def test_matrices_lie_in_the_span_of_squares(planted):
    """Up to sampling noise, whatever the density; and the number of sources is told."""
    X, D, _ = planted(5, 8, 0.3, 200_000)
    t = frequencies(5, 40, 2.0, generator())
    halves = [generalised_covariances(torch.as_tensor(part), t) for part in (X[::2], X[1::2])]
    basis = spanned(*halves, None)
    assert basis.shape == (15, 8)
    squares = pair_coordinates(torch.as_tensor(D))
    assert float((squares @ basis).norm(dim=1).min()) > 0.99


@pytest.mark.parametrize("told", [True, False])
def test_finds_more_directions_than_dimensions(told, planted, worst_cosine):
    X, D, _ = planted(10, 25, 0.1, 100_000)
    found = GeneralisedCovariance(25 if told else None).fit(X)
    assert found.n_components_ == 25
    assert worst_cosine(D, found.components_) > 0.99


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_rotation_order_and_scale_do_not_matter(scale, planted, worst_cosine):
    X, D, _ = planted(8, 14, 0.15, 40_000)
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    moved = scale * X[rng.permutation(len(X))] @ Q
    assert worst_cosine(D @ Q, GeneralisedCovariance(14).fit(moved).components_) > 0.97
    assert worst_cosine(D, GeneralisedCovariance(14).fit(X).components_) > 0.97


def test_conforms():
    report = check_method(GeneralisedCovariance(n_starts=4))
    assert report.ok, str(report)


def test_too_many_dimensions_name_the_remedy():
    with pytest.raises(ValueError, match="TailPower"):
        GeneralisedCovariance().fit(np.random.default_rng(0).random((100, 90)))
