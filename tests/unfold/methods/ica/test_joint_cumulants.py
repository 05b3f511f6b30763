"""The joint cumulant fit: gradients by finite differences, dense planted codes, counts."""

import numpy as np
import pytest
import torch

from unfold.methods.ica.cumulants import cumulants
from unfold.methods.ica.joint_cumulants import JointCumulants, fit_dense, swapped
from unfold.methods.ica.tensor_fit import (
    _gradients,
    _normal_matrix,
    contributions,
    fit_cumulants,
    shared_coefficients,
)
from unfold.testing import check_method


@pytest.fixture(scope="module")
def small(planted):
    X, D, _ = planted(4, 6, 0.3, 20_000)
    return cumulants(torch.tensor(X), top=6), D


def start(moments, n=6, seed=0):
    d = moments.white.rank
    A = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    A = A * (1 / n) ** 0.5
    return A, shared_coefficients(moments, A) + 0.1


def test_gradients_match_finite_differences(small):
    moments, _ = small
    A, C = start(moments)
    _, down_a, down_c = _gradients(moments, A, C)
    step = 1e-6
    for i, j in ((0, 0), (3, 2), (5, 3)):
        moved = A.clone()
        moved[i, j] += step
        back = A.clone()
        back[i, j] -= step
        slope = (_gradients(moments, moved, C)[0] - _gradients(moments, back, C)[0]) / (2 * step)
        assert float(slope) == pytest.approx(-2 * float(down_a[i, j]), rel=1e-4, abs=1e-2)
    for i, j in ((1, 0), (2, 1), (4, 3)):
        moved = C.clone()
        moved[i, j] += step
        back = C.clone()
        back[i, j] -= step
        slope = (_gradients(moments, A, moved)[0] - _gradients(moments, A, back)[0]) / (2 * step)
        assert float(slope) == pytest.approx(-2 * float(down_c[i, j]), rel=1e-4, abs=1e-2)


def test_normal_matrix_is_that_of_the_model(small):
    """J'J equals the quadratic growth of the loss where the residual is zero by construction."""
    moments, _ = small
    A, C = start(moments)
    H = _normal_matrix(moments, A, C)
    assert torch.allclose(H, H.T)
    assert float(torch.linalg.eigvalsh(H).min()) > -1e-8 * float(H.diagonal().max())


def test_loss_is_near_its_freedom_at_the_truth_and_larger_elsewhere(small):
    moments, D = small
    truth = torch.linalg.lstsq(moments.white.backward.T, torch.tensor(D).T).solution.T
    fit = fit_cumulants(moments, truth)
    assert 0.3 < fit.loss / fit.freedom < 1.5
    assert float(contributions(moments, fit).min()) > 100
    without = fit_cumulants(moments, truth[1:])
    assert without.loss > fit.loss + 500


@pytest.mark.slow
def test_terms_between_two_directions_are_swapped_for_both(planted):
    """Without swaps this fit ends with a worst cosine of .69: exchanges see no weak term."""
    X, D, _ = planted(20, 80, 0.3, 100_000)
    moments = cumulants(torch.tensor(X, dtype=torch.float32))
    rng = torch.Generator().manual_seed(0)
    fit = fit_dense(moments, 80, rng)
    found = moments.white.directions(fit.atoms).numpy()
    assert np.abs(D @ found.T).max(axis=1).min() > 0.96
    again = swapped(moments, fit, rng, 2)
    assert len(again.atoms) == 80
    assert again.loss <= fit.loss


@pytest.mark.parametrize("density", [0.1, 0.3, 0.5])
def test_dense_codes_are_recovered(density, planted):
    """Densities where no sparse method works; order 4 alone vanishes near .4."""
    X, D, _ = planted(8, 14, density, 60_000)
    found = JointCumulants(14).fit(X)
    assert (D @ found.components_.T).max(axis=1).min() > 0.99
    assert found.misfit_ < 1.3


def test_number_of_directions_is_found(planted):
    X, D, _ = planted(8, 14, 0.3, 60_000)
    found = JointCumulants().fit(X)
    assert found.n_components_ == 14
    assert (D @ found.components_.T).max(axis=1).min() > 0.99


def test_rotation_and_scale_do_not_matter(planted):
    X, D, _ = planted(6, 9, 0.3, 40_000)
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    found = JointCumulants(9).fit(1e3 * X[rng.permutation(len(X))] @ Q).components_
    assert (D @ Q @ found.T).max(axis=1).min() > 0.99


def test_conforms():
    report = check_method(JointCumulants())
    assert report.ok, str(report)
