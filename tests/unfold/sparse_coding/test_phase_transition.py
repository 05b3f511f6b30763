"""Phase diagrams: theory against published numbers, experiment against theory."""

import numpy as np
import pytest

from unfold.sparse_coding.phase_transition import (
    donoho_tanner,
    draw_phase,
    phase_report,
    recovery_probability,
)


def test_weak_thresholds_equal_published_values():
    delta = np.array([0.1, 0.25, 0.5, 0.9])
    signed = donoho_tanner(delta, positive=False)
    np.testing.assert_allclose(signed, [0.1894, 0.2674, 0.3857, 0.6782], atol=2e-4)
    np.testing.assert_allclose(donoho_tanner(delta), [0.2410, 0.3651, 0.5582, 0.9027], atol=2e-4)


def test_thresholds_rise_with_delta_and_with_knowledge_of_the_sign():
    delta = np.linspace(0.02, 1, 30)
    for positive in (True, False):
        assert (np.diff(donoho_tanner(delta, positive=positive)) > 0).all()
    assert (donoho_tanner(delta) >= donoho_tanner(delta, positive=False)).all()
    assert donoho_tanner(1.0) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("delta", [0.0, -0.5, 1.5, np.nan])
def test_thresholds_of_no_such_shape_are_refused(delta):
    with pytest.raises(ValueError, match="delta"):
        donoho_tanner(delta)


def test_recovery_is_sure_below_the_curve_and_hopeless_above():
    D = np.random.default_rng(0).normal(size=(120, 40))
    threshold = donoho_tanner(40 / 120) * 40
    below = recovery_probability(D, int(0.5 * threshold), n_trials=20)
    above = recovery_probability(D, int(1.6 * threshold), n_trials=20)
    assert below >= 0.95
    assert above <= 0.05


def test_orthonormal_atoms_recover_everything():
    assert recovery_probability(np.eye(6), 6, n_trials=10) == 1
    assert recovery_probability(np.eye(6), 3, positive=False, n_trials=10) == 1


def test_report_compares_with_random_atoms_and_draws():
    rng = np.random.default_rng(1)
    bad = rng.normal(size=(24, 8))
    bad[12:] = bad[:12]  # every atom has a twin, so that no code is unique
    report = phase_report(np.vstack([bad, np.zeros((1, 8))]), resolution=4, n_trials=12)
    assert report.success.shape == (len(report.delta), len(report.rho))
    assert report.success_random.shape == report.success.shape
    assert np.isnan(report.success).sum() == 0
    assert report.advantage < 0
    assert report.coherence == pytest.approx(1)
    again = phase_report(np.vstack([bad, np.zeros((1, 8))]), resolution=4, n_trials=12)
    np.testing.assert_array_equal(again.success, report.success)
    figure = draw_phase(report)
    assert len(figure.axes) == 3


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="no atom"):
        phase_report(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="resolution"):
        phase_report(np.eye(3), resolution=1)
    with pytest.raises(ValueError, match="n_active"):
        recovery_probability(np.eye(3), 4)
