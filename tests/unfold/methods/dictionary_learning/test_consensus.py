"""Agreement of runs: the election itself, and the worlds that no single run gets right."""

import numpy as np
import pytest

import toy
from unfold import recover
from unfold.methods.dictionary_learning.consensus import Consensus, elected
from unfold.methods.dictionary_learning.ksvd import KSVD
from unfold.sparse_coding.description_length import description_length


def _found(D, T):
    return int((abs(D @ T.T).max(axis=0) > 0.99).sum())


def test_an_election_counts_each_run_once_and_lists_each_atom_once():
    axes = np.eye(4)
    runs = [axes[[0, 1, 2]], axes[[0, 1, 1]], np.concatenate([axes[[0]], -axes[[1, 3]]])]
    atoms, votes = elected(runs, positive=True)
    expected = {
        (1, 0, 0, 0): 1,
        (0, 1, 0, 0): 2 / 3,
        (0, 0, 1, 0): 1 / 3,
        (0, -1, 0, 0): 1 / 3,
        (0, 0, 0, -1): 1 / 3,
    }
    assert {tuple(a.astype(int)): v for a, v in zip(atoms, votes, strict=True)} == expected
    assert (np.diff(votes) <= 0).all()
    atoms, votes = elected(runs, positive=False)
    assert len(atoms) == 4 and votes[:2].tolist() == [1, 1]


def test_description_length_prefers_the_true_sparsity_sign_and_dictionary():
    problem = toy.make_problem("ksvd-50in20-snr20/v1", 0)
    X, D = problem.observed.train.astype(float), problem.truth.directions
    rng = np.random.default_rng(0)
    noisy = D + 0.1 * rng.standard_normal(D.shape)
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    extra = rng.standard_normal((200, 20))
    extra /= np.linalg.norm(extra, axis=1, keepdims=True)

    def nats(dictionary, n_active=3, positive=False):
        return description_length(X, dictionary, n_active, positive=positive)

    best = nats(D)
    others = [nats(D, 1), nats(D, 5), nats(D, 3, True), nats(noisy), nats(np.vstack([D, extra]))]
    assert best < min(others)
    scaled = description_length(1e3 * X, D, 3, positive=False)
    assert scaled == pytest.approx(best + 20 * np.log(1e3))


@pytest.mark.parametrize("snr", ["-snr10", "-snr20", "-snr30", ""])
def test_ksvd_benchmark_where_single_runs_fail(snr):
    # Aharon, Elad and Bruckstein (2006): 1,500 samples, 3 of 50 atoms active in 20 dimensions
    problem = toy.make_problem(f"ksvd-50in20{snr}/v1", 1)
    X, T = problem.observed.train, problem.truth.directions
    how = {"n_active": 3, "positive": False, "random_state": 0}
    assert _found(KSVD(50, **how).fit(X).components_, T) < 49
    found = Consensus(50, **how).fit(X)
    assert _found(found.components_, T) >= 49
    assert found.components_.shape == (50, 20) and found.votes_.min() > 0


def test_number_sparsity_and_sign_are_found():
    problem = toy.make_problem("ksvd-50in20-snr30/v1", 0)
    found = recover(problem.observed.train, random_state=0)
    assert not found.positive_
    assert _found(found.components_, problem.truth.directions) >= 49
    assert 49 <= found.n_components_ <= 52
    codes = found.transform(problem.observed.test)
    assert (codes < 0).any() and (codes > 0).any()


def test_rays_in_opposite_pairs_are_signed_codes():
    problem = toy.make_problem("planted-40in20-p0.05-signed/v1", 0)
    found = recover(problem.observed.train[:40_000], random_state=0)
    assert found.n_components_ == 40 and not found.positive_
    assert _found(found.components_, problem.truth.directions) == 40
    codes, X = found.transform(problem.observed.test[:500]), problem.observed.test[:500]
    error = np.linalg.norm(X - codes @ found.components_, axis=1) / np.linalg.norm(X, axis=1).max()
    assert np.median(error) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("pid", ["exactly-100in47-k10/v1", "composed-16in6/v1"])
def test_recover_votes_where_features_depend_on_each_other(pid):
    problem = toy.make_problem(pid, 0)
    T = problem.truth.directions[problem.truth.represented]
    found = recover(problem.observed.train, random_state=0)
    assert _found(found.components_, T) == len(T) == found.n_components_
