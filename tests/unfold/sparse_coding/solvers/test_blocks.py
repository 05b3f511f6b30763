"""Blocks of samples: bounded, even, and the same answer however they are shared out."""

import numpy as np
import pytest

from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.kernels import active_set, omp, rows
from unfold.sparse_coding.solvers.blocks import BLOCK_CELLS, block_size


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 2, 63, 500, 5000, 20_001])
@pytest.mark.parametrize("n_atoms", [1, 512, 4096, 100_000])
def test_blocks_are_bounded_and_even(n, n_atoms, n_threads):
    block = block_size(n, n_atoms, n_threads)
    assert 1 <= block <= n
    assert block * n_atoms <= max(BLOCK_CELLS, 128 * n_atoms)  # memory is that of a block
    shares = [0] * n_threads
    for start in range(0, n, block):  # each block goes to whoever has had the least
        shares[shares.index(min(shares))] += min(block, n - start)
    rounds = -(-n // (block * n_threads))
    assert max(shares) <= n / n_threads + rounds


@pytest.mark.parametrize("penalty", [{"alpha": 0.02}, {"penalty": "l0", "n_nonzero": 5}])
@pytest.mark.parametrize("n", [1, 7, 2500])
def test_threads_change_nothing(penalty, n):
    rng = np.random.default_rng(1)
    D = rng.normal(size=(100, 30))
    X = ((rng.random((n, 100)) < 0.05) * rng.random((n, 100))) @ D
    one, three = (sparse_encode(X, D, n_threads=t, **penalty) for t in (1, 3))
    np.testing.assert_allclose(one.codes, three.codes, atol=1e-12)
    np.testing.assert_array_equal(one.status, three.status)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("penalty", [{"alpha": 0.02}, {"penalty": "l0", "n_nonzero": 2}])
def test_read_only_arrays_compile_nothing_anew(penalty, dtype):
    """As they come from memory maps and worker processes; compiling takes 20 s."""
    rng = np.random.default_rng(2)
    given = [rng.normal(size=shape).astype(dtype) for shape in [(40, 6), (12, 6), (12, 12)]]
    given[2] = given[1] @ given[1].T
    kernels = (active_set.solve_gram, omp.pursue, rows.square_rows)

    def codes():
        X, D, gram = given
        return sparse_encode(X, D, gram=gram, **penalty).codes

    expected, before = codes(), [len(kernel.signatures) for kernel in kernels]
    for array in given:
        array.flags.writeable = False
    np.testing.assert_array_equal(codes(), expected)
    assert [len(kernel.signatures) for kernel in kernels] == before
