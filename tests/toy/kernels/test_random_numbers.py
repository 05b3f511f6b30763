"""The ziggurat: its geometry, and that what it draws is normal to the far tail."""

import math

import numpy as np
import pytest
from scipy import stats

from toy.kernels.random_numbers import AREA, EDGES, LAYERS, fill_normal


def _draw(n, seed):
    state = np.random.default_rng(seed).integers(0, 2**64, 4, dtype=np.uint64)
    out = np.empty(n, np.float32)
    fill_normal(out, EDGES, state)
    return out.astype(float)


def test_layers_have_equal_areas_and_close_at_the_top():
    height = np.exp(-0.5 * EDGES[1:] ** 2)
    areas = EDGES[1:-1] * np.diff(height)
    np.testing.assert_allclose(areas, AREA, rtol=1e-6)
    tail = math.sqrt(2 * math.pi) * stats.norm.sf(EDGES[1])
    assert EDGES[1] * height[0] + tail == pytest.approx(AREA, rel=1e-9)
    assert len(EDGES) == LAYERS + 1 and EDGES[-1] == 0


def test_numbers_are_normal():
    x = _draw(4_000_000, 0)
    assert stats.kstest(x[:1_000_000], "norm").pvalue > 1e-3
    n = len(x)
    for power, value, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10_170)):
        assert abs((x**power).mean() - value) < 4.5 * math.sqrt(spread / n), power
    for edge in (3.0, 3.7, 4.5):
        expected = n * stats.norm.sf(edge)
        for count in ((x > edge).sum(), (x < -edge).sum()):
            assert abs(count - expected) < 4.5 * math.sqrt(expected) + 1, edge


def test_neighbours_are_independent_and_seeds_decide():
    x = _draw(1_000_000, 1)
    for lag in (1, 2, 25):
        for f in (np.array, np.square):
            assert abs(np.corrcoef(f(x[:-lag]), f(x[lag:]))[0, 1]) < 5e-3
    np.testing.assert_array_equal(x, _draw(1_000_000, 1))
    assert (x != _draw(1_000_000, 2)).mean() > 0.99
