"""Cumulants against brute force; the subspace power method against planted directions."""

import numpy as np
import pytest
import torch

from unfold.methods.ica.cumulants import cumulants, pair_coordinates, pair_matrices
from unfold.methods.ica.subspace_power import SubspacePower, fourth_order_span, rank_one_points
from unfold.methods.ica.whitening import whitening
from unfold.testing import check_method


def test_cumulants_match_one_dimensional_formulas(planted):
    """Along any direction, tensors of all orders give the classical scalar cumulants."""
    X, _, _ = planted(4, 6, 0.3, 4000)
    moments = cumulants(torch.tensor(X), top=6)
    z = moments.white.apply(torch.tensor(X)).double()
    for seed in range(3):
        a = torch.randn(4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        y, s, f = z @ a, float(a @ a), pair_coordinates(a[None])[0]
        m = {r: float((y**r).mean()) for r in range(3, 7)}
        k4 = m[4] - 3 * s**2
        expected = {
            3: m[3],
            4: k4,
            5: m[5] - 10 * s * m[3],
            6: m[6] - 15 * s * k4 - 10 * m[3] ** 2 - 15 * s**3,
        }
        T = moments.tensors
        got = {
            3: f @ T[3] @ a,
            4: f @ T[4] @ f,
            5: torch.einsum("p,q,l,pql->", f, f, a, T[5]),
            6: torch.einsum("p,q,r,pqr->", f, f, f, T[6]),
        }
        for r, value in expected.items():
            assert float(got[r]) == pytest.approx(value, rel=1e-4, abs=1e-3)


def test_gaussian_data_have_no_cumulants_and_weights_tell_the_noise():
    """For Gaussian data the weight of order r is near N / r!, and tensors are noise."""
    n = 40_000
    X = torch.randn(n, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moments = cumulants(X, top=5)
    for r, factorial in ((3, 6), (4, 24), (5, 120)):
        assert moments.weights[r] == pytest.approx(n / factorial, rel=0.35)
        assert float(moments.tensors[r].square().sum()) * moments.weights[r] < 2.5 * 252


def test_pair_basis_is_an_isometry():
    """Inner products of pair coordinates are squared inner products, and matrices come back."""
    A = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    F = pair_coordinates(A)
    torch.testing.assert_close(F @ F.T, (A @ A.T) ** 2)
    torch.testing.assert_close(pair_matrices(F, 4), A[:, :, None] * A[:, None, :])


def test_whitening_is_white_in_the_row_space(planted):
    """Rank-deficient data are whitened in the space that they span."""
    X, _, _ = planted(4, 8, 0.3, 2000)
    wide = torch.tensor(X @ np.random.default_rng(1).standard_normal((4, 7)))
    white = whitening(wide)
    z = white.apply(wide).double()
    assert white.rank == 4
    torch.testing.assert_close(z.T @ z / len(z), torch.eye(4).double(), atol=1e-4, rtol=0)


def test_whitening_of_constant_data_says_so():
    with pytest.raises(ValueError, match="constant data"):
        whitening(torch.ones(10, 3))


def test_population_span_holds_exactly_the_planted_points():
    """On the exact order-4 tensor every start ends at a planted direction."""
    A = torch.nn.functional.normalize(
        torch.randn(15, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64), dim=1
    )
    F = pair_coordinates(A)
    span = fourth_order_span(F.T @ F, 15)
    points, values = rank_one_points(span, 8, 100, torch.Generator().manual_seed(0))
    good = values > 1 - 1e-6
    assert int(good.sum()) > 50
    assert float((points[good] @ A.T).abs().amax(1).min()) > 1 - 1e-5


def test_finds_forty_directions_in_sixteen_dimensions_and_their_number(planted, worst_cosine):
    X, D, _ = planted(16, 40, 0.1, 40_000)
    assert worst_cosine(D, SubspacePower(40).fit(X).components_) > 0.98
    blind = SubspacePower(n_starts=4).fit(X)
    assert abs(blind.n_components_ - 40) <= 1
    assert np.median((D @ blind.components_.T).max(axis=1)) > 0.99


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_rotation_order_and_scale_do_not_matter(scale, planted, worst_cosine):
    """Rotated, reordered and rescaled data give the same directions, rotated."""
    X, D, _ = planted(8, 14, 0.15, 20_000)
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    moved = scale * X[rng.permutation(len(X))] @ Q
    found = SubspacePower(14).fit(moved).components_
    assert worst_cosine(D @ Q, found) > 0.97
    assert worst_cosine(SubspacePower(14).fit(X).components_ @ Q, found) > 0.999


def test_conforms():
    report = check_method(SubspacePower(n_starts=4))
    assert report.ok, str(report)


def test_too_many_dimensions_name_the_remedy():
    with pytest.raises(ValueError, match="TailPower"):
        SubspacePower().fit(np.random.default_rng(0).random((100, 90)))
