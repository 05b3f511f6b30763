"""Every solver on every problem it takes: optimality recomputed, and agreement with a reference."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from unfold.sparse_coding.certificates import bounded_gap, duality_gap, kkt_residual
from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.forms import AtMost, ElasticNet, Lasso, LogSum
from unfold.sparse_coding.problem import SparseProblem
from unfold.sparse_coding.solution import Status
from unfold.sparse_coding.solvers.active_set import ActiveSet
from unfold.sparse_coding.solvers.block_pursuit import BlockPursuit
from unfold.sparse_coding.solvers.choice import SOLVERS, automatic, solver_class
from unfold.sparse_coding.solvers.gram import wants_mixed
from unfold.sparse_coding.solvers.reweighted import Reweighted

LASSO = ["active_set", "fista", "admm", "lca", "coordinate_descent", "reference"]
ELASTIC = [name for name in LASSO if name != "lca"]
GREEDY = ["omp", "block_pursuit", "batched_omp", "matching_pursuit", "iht"]


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(3)
    D = rng.normal(size=(24, 12))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((25, 24)) < 0.1) * (0.2 + rng.random((25, 24)))
    Z[0] = 0
    return Z @ D, D, Z


def cost(X, D, Z, alpha):
    return 0.5 * ((X - Z @ D) ** 2).sum(1) + alpha * abs(Z).sum(1)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("name", LASSO)
def test_lasso_solvers_meet_their_certificate(planted, name, positive):
    X, D, _ = planted
    found = sparse_encode(X, D, alpha=0.1, positive=positive, solver=name, tol=1e-5)
    again = duality_gap(X, D, found.codes, 0.1, positive=positive)
    best = sparse_encode(X, D, alpha=0.1, positive=positive).codes
    assert found.converged
    assert (again <= 1e-5).all()
    np.testing.assert_allclose(found.certificate, again, atol=1e-9)
    excess = cost(X, D, found.codes, 0.1) - cost(X, D, best, 0.1)
    # The gap bounds how far above the minimum a solution is.
    assert (excess <= again * 0.5 * (X**2).sum(1) + 1e-12).all()
    assert (excess >= -1e-9).all()


@pytest.mark.parametrize("name", ELASTIC)
def test_elastic_net_solvers_meet_their_certificate(planted, name):
    X, D, _ = planted
    found = sparse_encode(X, D, alpha=0.1, penalty=ElasticNet(0.5), solver=name, tol=1e-5)
    assert found.converged
    assert (duality_gap(X, D, found.codes, 0.1, l2=0.05) <= 1e-5).all()


@pytest.mark.parametrize("name", ["active_set", "fista", "coordinate_descent"])
def test_weights_per_atom_are_a_change_of_variables(planted, name):
    X, D, _ = planted
    w = np.random.default_rng(0).uniform(0.5, 2, 24)
    found = sparse_encode(X, D, alpha=0.05 * w, solver=name, tol=1e-9)
    scaled = sparse_encode(X, D / w[:, None], alpha=0.05)
    np.testing.assert_allclose(
        (found.codes * w * 0.05).sum(1), (0.05 * scaled.codes).sum(1), atol=1e-5
    )
    assert (duality_gap(X, D, found.codes, 0.05 * w) <= 1e-9).all()


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("error", [0.0, 0.1])
def test_bounded_problems_match_the_reference(planted, error, positive):
    X, D, _ = planted
    found = sparse_encode(X, D, error=error, positive=positive)
    reference = sparse_encode(X, D, error=error, positive=positive, solver="reference", tol=1e-5)
    assert found.converged
    assert reference.converged
    size = abs(found.codes).sum(1)
    np.testing.assert_allclose(size, abs(reference.codes).sum(1), atol=1e-5)
    residual = np.linalg.norm(X - found.codes @ D, axis=1)
    assert (residual <= error + 1e-6 * np.linalg.norm(X, axis=1)).all()
    if positive:
        assert found.codes.min() >= 0


def test_basis_pursuit_recovers_what_it_must(planted):
    X, D, Z = planted
    found = sparse_encode(X, D, error=0.0)
    # One or two active of 24 in 12 dimensions lie inside the region of exact recovery.
    easy = (Z != 0).sum(1) <= 2
    assert easy.sum() >= 8
    np.testing.assert_allclose(found.codes[easy], Z[easy], atol=1e-7)


def test_a_bound_out_of_reach_is_called_infeasible():
    D = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    X = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
    found = sparse_encode(X, D, error=0.0)
    assert [Status(s) for s in found.status] == [
        Status.CONVERGED,
        Status.INFEASIBLE,
        Status.INFEASIBLE,
    ]
    assert np.isinf(found.certificate[1:]).all()
    np.testing.assert_allclose(found.codes[0], [1, 2], atol=1e-9)


@pytest.mark.parametrize("positive", [True, False])
def test_log_sum_is_stationary_and_no_worse_than_l1(planted, positive):
    X, D, _ = planted
    penalty = LogSum(0.1)
    found = sparse_encode(X, D, alpha=0.02, penalty=penalty, positive=positive)
    slopes = 0.02 * penalty.weights(found.codes)
    assert found.converged
    assert found.certificate_kind == "kkt_residual"
    assert (kkt_residual(X, D, found.codes, slopes, positive=positive) <= 1e-6).all()
    lasso = sparse_encode(X, D, alpha=0.02, positive=positive).codes

    def value(Z):
        return penalty.weighted(0.02).value(X, D, Z)

    assert (value(found.codes) <= value(lasso) + 1e-12).all()


def test_log_sum_by_the_reference_agrees(planted):
    X, D, _ = planted
    X = X[:4]
    ours = sparse_encode(X, D, alpha=0.02, penalty="log_sum").codes
    conic = Reweighted(inner=solver_class("reference")())
    theirs = sparse_encode(X, D, alpha=0.02, penalty="log_sum", solver=conic, tol=1e-4).codes
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("name", GREEDY)
def test_pursuits_keep_to_their_budget_and_report_their_residual(planted, name, positive):
    X, D, _ = planted
    found = sparse_encode(X, D, penalty="l0", n_nonzero=2, positive=positive, solver=name)
    assert (found.codes != 0).sum(1).max() <= 2
    assert not positive or found.codes.min() >= 0
    norms = np.linalg.norm(X, axis=1)
    residual = np.linalg.norm(X - found.codes @ D, axis=1) / np.where(norms > 0, norms, 1)
    np.testing.assert_allclose(found.certificate, residual, atol=1e-7)
    best = sparse_encode(X, D, penalty="l0", n_nonzero=2, positive=positive, solver="best_subset")
    assert (best.certificate <= found.certificate + 1e-7).all()


@pytest.mark.parametrize("name", ["omp", "block_pursuit", "batched_omp", "matching_pursuit"])
def test_pursuits_stop_at_the_error_bound(planted, name):
    X, D, _ = planted
    found = sparse_encode(X, D, penalty="l0", error=0.1, positive=False, solver=name)
    assert found.converged
    assert (np.linalg.norm(X - found.codes @ D, axis=1) <= 0.1 + 1e-9).all()


def test_omp_takes_the_atoms_scikit_learn_takes(planted):
    from sklearn.linear_model import orthogonal_mp

    _, D, _ = planted
    X = np.random.default_rng(5).normal(size=(20, 12))
    theirs = orthogonal_mp(D.T, X.T, n_nonzero_coefs=3).T
    ours = sparse_encode(X, D, penalty="l0", n_nonzero=3, positive=False).codes
    np.testing.assert_allclose(ours, theirs, atol=1e-8)


def test_batched_omp_equals_omp(planted):
    X, D, _ = planted
    ours = sparse_encode(X, D, penalty="l0", n_nonzero=2, positive=False)
    batched = sparse_encode(X, D, penalty="l0", n_nonzero=2, positive=False, solver="batched_omp")
    np.testing.assert_allclose(batched.codes, ours.codes, atol=1e-7)


def test_best_subset_reaches_the_error_with_the_fewest_atoms(planted):
    X, D, Z = planted
    few = (Z != 0).sum(1) <= 2
    found = sparse_encode(X[few], D, penalty="l0", error=1e-9, solver="best_subset")
    np.testing.assert_allclose(found.codes, Z[few], atol=1e-9)


@pytest.mark.parametrize("name", sorted(SOLVERS))
def test_a_mismatch_names_solver_and_problem(planted, name):
    X, D, _ = planted
    taken = solver_class(name).takes
    if Lasso in taken:
        wrong, kind = {"penalty": "l0", "n_nonzero": 2}, "l0_sparsity"
    else:
        wrong, kind = {"alpha": 0.1}, "lasso"
    with pytest.raises(ValueError, match=f"{solver_class(name).__name__} does not solve {kind}"):
        sparse_encode(X, D, solver=name, **wrong)


@pytest.mark.parametrize("name", ["active_set", "fista", "omp", "batched_omp"])
def test_tensors_come_back_as_tensors(planted, name):
    X, D, _ = planted
    what = (
        {"alpha": 0.1} if Lasso in solver_class(name).takes else {"penalty": "l0", "n_nonzero": 2}
    )
    given = torch.tensor(X, dtype=torch.float32)
    found = sparse_encode(given, torch.tensor(D), solver=name, tol=1e-5, **what)
    assert isinstance(found.codes, torch.Tensor)
    assert found.codes.dtype == torch.float32
    same = sparse_encode(X, D, solver=name, tol=1e-7, **what).codes
    np.testing.assert_allclose(found.codes.numpy(), same, atol=2e-2)


def test_without_a_gram_matrix_the_answer_is_the_same(planted, monkeypatch):
    X, D, _ = planted
    for positive in (True, False):
        direct = sparse_encode(X, D, alpha=0.05, positive=positive)
        with monkeypatch.context() as patch:
            patch.setattr(
                "unfold.sparse_coding.solvers.active_set.wants_gram", lambda problem: False
            )
            screened = sparse_encode(X, D, alpha=0.05, positive=positive)
        assert screened.converged
        np.testing.assert_allclose(screened.codes, direct.codes, atol=1e-9)


def test_gap_of_bounded_problems_is_a_bound_for_any_dual_point(planted):
    X, D, _ = planted
    best = abs(sparse_encode(X, D, error=0.1).codes).sum(1)
    feasible = sparse_encode(X, D, error=0.05).codes
    Y = np.random.default_rng(1).normal(size=X.shape)
    gap = bounded_gap(X, D, feasible, Y, 0.1)
    size = abs(feasible).sum(1)
    assert (gap * size >= size - best - 1e-7).all()


def test_a_batch_equals_batches_of_one(planted):
    X, D, _ = planted
    together = sparse_encode(X, D, alpha=0.05).codes
    alone = np.vstack([sparse_encode(x[None], D, alpha=0.05, solver=ActiveSet()).codes for x in X])
    np.testing.assert_allclose(together, alone, atol=1e-10)


@pytest.fixture(scope="module")
def large():
    """Large enough to be searched in single precision; atoms of many norms, some near twins."""
    rng = np.random.default_rng(5)
    D = rng.normal(size=(300, 128))
    D[1::7] = D[::7] + 1e-5 * rng.normal(size=D[::7].shape)
    D *= rng.uniform(0.5, 2.0, (300, 1)) / np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((300, 300)) < 0.02) * rng.normal(size=(300, 300))
    Z[0] = 0
    return Z @ D, D


@pytest.mark.parametrize("scale", [1e-42, 1e-8, 1.0, 1e12])
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_searching_in_single_precision_loses_none_of_the_double(large, scale, positive, l2):
    X, D = large[0] * scale, large[1]
    alpha = 0.05 * scale
    form = ElasticNet(l2 / alpha, alpha) if l2 else Lasso(alpha)
    problem = SparseProblem(form, X, D, positive=positive)
    assert wants_mixed(problem) == (scale > 1e-30)
    mixed = ActiveSet().solve(problem)
    gap = duality_gap(X / scale, D, mixed.codes / scale, 0.05, positive=positive, l2=l2)
    assert mixed.converged
    assert gap.max() <= 1e-6
    np.testing.assert_allclose(mixed.certificate, gap, atol=1e-10)


@pytest.mark.parametrize("positive", [True, False])
def test_weights_per_sample_are_kept_where_samples_are_solved_again(large, positive):
    X, D = large
    alpha = np.random.default_rng(0).uniform(0.02, 0.2, (len(X), len(D)))
    mixed = ActiveSet().solve(SparseProblem(Lasso(alpha), X, D, positive=positive))
    assert duality_gap(X, D, mixed.codes, alpha, positive=positive).max() <= 1e-6


@pytest.mark.parametrize("positive", [True, False])
def test_pursuit_in_single_precision_sees_atoms_below_its_rounding(positive):
    rng = np.random.default_rng(2)
    D = rng.normal(size=(300, 128))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = D[:100] + 1e-6 * D[100:200]
    found = sparse_encode(X, D, penalty="l0", n_nonzero=2, positive=positive)
    assert found.certificate.max() < 1e-7
    expected = np.eye(100, 300) + 1e-6 * np.eye(100, 300, k=100)
    np.testing.assert_allclose(found.codes, expected, atol=1e-12)


@pytest.mark.parametrize("positive", [True, False])
def test_block_pursuit_of_one_atom_a_step_is_omp(planted, positive):
    _, D, _ = planted
    X = np.random.default_rng(5).normal(size=(40, 12))
    one = BlockPursuit(at_once=1)
    form = {"penalty": "l0", "n_nonzero": 3, "positive": positive}
    ours, theirs = (sparse_encode(X, D, solver=s, **form).codes for s in (one, "omp"))
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_atoms_too_many_for_a_gram_matrix_are_pursued_in_blocks(planted, monkeypatch):
    X, D, _ = planted
    problem = SparseProblem(AtMost(2), X, D)
    assert automatic(problem) == "omp"
    monkeypatch.setattr("unfold.sparse_coding.solvers.gram.GRAM_BYTES", D.nbytes)
    assert automatic(problem) == "block_pursuit"
    found = sparse_encode(X, D, penalty="l0", error=1e-6)
    assert found.converged
    np.testing.assert_allclose(X, found.codes @ D, atol=1e-6)


def test_a_step_of_no_atoms_is_refused(planted):
    X, D, _ = planted
    with pytest.raises(ValueError, match="at_once must be at least 1, got 0"):
        sparse_encode(X, D, penalty="l0", n_nonzero=2, solver=BlockPursuit(at_once=0))


def test_a_solver_is_loaded_when_it_is_used() -> None:
    code = (
        "import sys, numpy as np, unfold; "
        "unfold.sparse_encode(np.eye(3), np.eye(3), alpha=0.1); "
        "print(*sorted(m for m in sys.modules if m.startswith('unfold.sparse_coding.solvers.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.rsplit(".", 1)[-1] for name in done.stdout.split()}
    assert "active_set" in loaded
    assert not loaded & {"omp", "greedy", "proximal", "reference", "reweighted"}
