"""The search for violators over all atoms, against what NumPy finds by brute force."""

import numpy as np
import pytest

from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.kernels import scan as scan_kernel
from unfold.sparse_coding.kernels.active_set import workspace
from unfold.sparse_coding.kernels.compiled import kernel

SIZES = [1, 2, 15, 16, 17, 80, 500, 512]


@kernel
def scan(c, a, w, positive, uniform, work):
    return scan_kernel.scan(c, a, w, positive, uniform, work.scores, work.peaks)


@kernel
def collect(v, signed, bound, weight, worst, share, work):
    return scan_kernel.collect(v, signed, bound, weight, worst, share, work)


@kernel
def refresh(c, b, G, S, z, s, l2):
    scan_kernel.refresh(c, b, G, S, z, s, l2)


def scanned(k, dtype, uniform, positive, seed=0):
    """Return correlations, weights, their scores by NumPy, the workspace, and the worst score."""
    rng = np.random.default_rng(seed)
    work = workspace((k, 8), min(k, 8), np.dtype(dtype))
    a = np.full(k, 0.5) if uniform else rng.uniform(0.1, 1, k)
    w = np.full(k, 2.0) if uniform else rng.uniform(0.5, 2, k)
    a, w = a.astype(dtype), w.astype(dtype)
    work.c[:k] = 3 * rng.normal(size=k)
    work.c[k // 2] = 4  # something violates
    c = work.c[:k].astype(float)
    scores = ((c if positive else abs(c)) - a.astype(float)) * w
    return work, a, w, scores, scan(work.c, a, w, positive, uniform, work)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", SIZES)
def test_the_worst_score_is_that_of_all_atoms(k, dtype, uniform, positive):
    _, _, _, scores, worst = scanned(k, dtype, uniform, positive)
    assert max(worst, 0) == pytest.approx(max(scores.max(), 0), rel=1e-5)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("k", SIZES)
def test_the_short_list_holds_the_worst_outside_the_support(k, uniform, positive):
    work, a, w, scores, worst = scanned(k, np.float64, uniform, positive)
    inside = np.argsort(scores)[-3:-1]
    work.where[inside] = 1
    given = (work.c, not positive, a[0], w[0]) if uniform else (work.scores, False, 0.0, 1.0)
    listed = work.cand[: collect(*given, worst, 0.35, work)]
    assert len(set(listed)) == len(listed) <= 16
    assert not set(listed) & set(inside)
    assert scores.argmax() in listed
    # a cut, not a sample: nothing outside is worse than what is listed
    left_out = np.setdiff1d(np.arange(k), np.concatenate([listed, inside]))
    assert scores[listed].min() >= scores[left_out].max(initial=-np.inf)


def test_a_tie_of_many_atoms_lists_some_of_them():
    work = workspace((200, 8), 8, np.dtype(float))
    work.c[:200] = 1.0
    a, w = np.full(200, 0.5), np.full(200, 2.0)
    worst = scan(work.c, a, w, True, True, work)
    found = collect(work.c, False, 0.5, 2.0, worst, 0.35, work)
    assert found == 16
    assert len(set(work.cand[:found])) == 16


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("s", range(11))
def test_refreshed_correlations_are_those_of_the_residual(s, l2):
    rng = np.random.default_rng(s)
    G, b, z = rng.normal(size=(37, 37)), rng.normal(size=37), rng.normal(size=s)
    S = rng.permutation(37)[:s]
    c = np.zeros(48)
    refresh(c, b, G, S, z, s, l2)
    expected = b - z @ G[S]
    expected[S] -= l2 * z
    np.testing.assert_allclose(c[:37], expected, atol=1e-12)
    assert not c[37:].any()


@pytest.mark.parametrize("n", [3000, 20], ids=["with-gram", "without-gram"])
@pytest.mark.parametrize("positive", [True, False])
def test_single_precision_meets_the_tolerance_in_double(positive, n):
    """Correlations in float32 alone leave a gap of 2e-6 here; the data take it below 1e-6."""
    rng = np.random.default_rng(0)
    D = rng.normal(size=(512, 128))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((n, 512)) < 0.01) * rng.random((n, 512))
    Z *= 1 if positive else rng.choice([-1, 1], Z.shape)
    X, D = (Z @ D).astype(np.float32), D.astype(np.float32)
    codes = sparse_encode(X, D, alpha=0.02, positive=positive).codes
    X, D, Z = X.astype(float), D.astype(float), codes.astype(float)
    R = X - Z @ D
    C = R @ D.T
    scale = np.minimum(1, 0.02 / (C if positive else abs(C)).max(1).clip(1e-300))[:, None]
    primal = 0.5 * (R**2).sum(1) + 0.02 * abs(Z).sum(1)
    dual = 0.5 * (X**2).sum(1) - 0.5 * ((X - scale * R) ** 2).sum(1)
    assert (primal - dual).max() >= -1e-12
    assert ((primal - dual) <= 1e-6 * 0.5 * (X**2).sum(1) + 1e-15).all()
