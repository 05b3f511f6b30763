"""Blocks of samples: every sample once, and the same answer however they are shared out."""

import numpy as np
import pytest

from unfold.encode import sparse_encode
from unfold.solvers.blocks import BLOCK_CELLS, block_size, blocks_of


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 2, 63, 500, 5000, 20_001])
@pytest.mark.parametrize("n_atoms", [1, 512, 4096, 100_000])
def test_every_sample_is_in_one_block(n, n_atoms, n_threads):
    block = block_size(n, n_atoms, n_threads)
    rows = blocks_of(n, block, n_threads)
    np.testing.assert_array_equal(np.concatenate([np.arange(n)[r] for r in rows]), np.arange(n))
    assert max(r.stop - r.start for r in rows) <= block
    assert block * n_atoms <= max(BLOCK_CELLS, 128 * n_atoms)  # memory is that of a block


def test_threads_end_together_if_all_samples_cost_the_same():
    rows = blocks_of(5000, block_size(5000, 512, 2), 2)
    ends = [0, 0]
    for r in rows:  # each block goes to whoever is free first
        ends[ends.index(min(ends))] += r.stop - r.start
    assert max(ends) - min(ends) <= 256


@pytest.mark.parametrize("penalty", [{"alpha": 0.02}, {"penalty": "l0", "n_nonzero": 5}])
@pytest.mark.parametrize("n", [1, 7, 2500])
def test_threads_change_nothing(penalty, n):
    rng = np.random.default_rng(1)
    D = rng.normal(size=(100, 30))
    X = ((rng.random((n, 100)) < 0.05) * rng.random((n, 100))) @ D
    one, three = (sparse_encode(X, D, n_threads=t, **penalty) for t in (1, 3))
    np.testing.assert_allclose(one.codes, three.codes, atol=1e-12)
    np.testing.assert_array_equal(one.status, three.status)
