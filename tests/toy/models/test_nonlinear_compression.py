"""Nonlinear compression against its closed forms and against the best linear one."""

import numpy as np
import pytest

from toy.models.nonlinear_compression import compress, expand, stairs
from toy.randomness import stream


def errors(levels, width):
    x, y = stream(0).random((2, 400_000))
    x_found, y_found = expand(compress(x, y, levels, width), levels, width)
    return ((x - x_found) ** 2).mean(), ((y - y_found) ** 2).mean()


@pytest.mark.parametrize("levels", [2, 3, 10])
def test_sharp_stairs_keep_one_feature_exactly_and_the_other_to_a_level(levels):
    x_error, y_error = errors(levels, 0.0)
    assert x_error == pytest.approx(1 / (12 * levels**2), rel=0.01)
    assert y_error < 1e-20


def test_sloping_stairs_still_beat_the_best_linear_compression():
    # One dimension holds one feature linearly; the other costs its variance, 1 / 12.
    assert sum(errors(3, 0.1)) < 1 / 12
    assert sum(errors(3, 0.1)) > sum(errors(3, 0.0))


def test_stairs_are_continuous_and_meet_the_floor():
    u = np.linspace(0, 3, 3001)[:-1]
    assert np.abs(np.diff(stairs(u, 0.2))).max() < 0.006
    flat = u % 1 < 0.8
    np.testing.assert_array_equal(stairs(u, 0.2)[flat], np.floor(u)[flat])


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="width"):
        stairs(np.zeros(1), 1.0)
    with pytest.raises(ValueError, match="levels"):
        compress(np.zeros(1), np.zeros(1), 0)
