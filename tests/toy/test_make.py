"""Problems: what is observed follows from the truth; ids and seeds determine every bit."""

import re

import numpy as np
import pytest
from scipy.sparse import csr_array

import toy
from toy.make import resolve

REQUIRED = [
    "relu-5in2-p0.05/v1",
    "relu-20in5-p0.05/v1",
    "relu-20in5-p0.1/v1",
    "relu-80in20-p0.05/v1",
    "relu-80in20-p0.1/v1",
    "planted-40in20-p0.05/v1",
    "planted-80in20-p0.1/v1",
    "planted-80in20-p0.05-noise0.02/v1",
    "tree-256in64/v1",
    "tree-16384in768/v1",
]
QUICK_TOY = {
    "id": "relu-5in2-p0.1/v1",
    "source": {"training": {"steps": 40, "restarts": 2}},
    "n_train": 500,
    "n_test": 100,
}


def test_promised_ids_exist():
    assert set(REQUIRED) <= set(toy.list_problems())


@pytest.mark.parametrize("name", toy.list_problems())
def test_every_problem_of_the_zoo_can_be_made(name, tmp_path, monkeypatch):
    monkeypatch.setenv("UNFOLD_CACHE", str(tmp_path))
    spec = {"id": name, "n_train": 40, "n_test": 20}
    if resolve(name)[1].source.kind == "trained":
        spec["source"] = {"training": {"steps": 2, "restarts": 1, "batch": 16}}
    problem = toy.make_problem(spec)
    truth, k = problem.truth, len(problem.truth.directions)
    assert problem.spec["about"]
    assert truth.codes_train.shape == (40, k) and truth.codes_test.shape == (20, k)
    assert truth.density.shape == truth.norms.shape == truth.represented.shape == (k,)
    assert (truth.density >= 0).all() and (truth.density <= 1 + 1e-12).all()
    assert (truth.density[truth.represented] > 0).all()
    assert np.isfinite(problem.observed.train).all()


def test_observed_is_codes_times_scaled_directions():
    problem = toy.make_problem({"id": "planted-40in20-p0.05/v1", "n_train": 300, "n_test": 200})
    truth = problem.truth
    vectors = truth.norms[:, None] * truth.directions
    np.testing.assert_allclose(problem.observed.train, truth.codes_train @ vectors, atol=1e-6)
    np.testing.assert_allclose(problem.observed.test, truth.codes_test @ vectors, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(truth.directions, axis=1), 1, rtol=1e-6)
    assert problem.observed.train.dtype == problem.observed.test.dtype == np.float32
    assert truth.positive and truth.codes_train.min() >= 0


def test_noise_has_the_declared_size():
    problem = toy.make_problem({"id": "planted-80in20-p0.05-noise0.02/v1", "n_train": 20_000})
    truth = problem.truth
    residual = problem.observed.train - truth.codes_train @ truth.directions
    assert abs(residual.std() / 0.02 - 1) < 0.01


def test_same_id_and_seed_same_bits_other_seed_other_bits():
    spec = {"id": "planted-80in20-p0.1/v1", "n_train": 100}
    first, again, other = (toy.make_problem(spec, seed=seed) for seed in (3, 3, 4))
    assert first.digest == again.digest != other.digest
    np.testing.assert_array_equal(first.observed.train, again.observed.train)


def test_longer_training_set_keeps_the_world_and_the_test_set():
    short, long = (
        toy.make_problem({"id": "planted-40in20-p0.05/v1", "n_train": n}) for n in (50, 5000)
    )
    np.testing.assert_array_equal(short.truth.directions, long.truth.directions)
    np.testing.assert_array_equal(short.observed.test, long.observed.test)


def test_signed_codes_take_both_signs():
    truth = toy.make_problem({"id": "planted-40in20-p0.05-signed/v1", "n_train": 5000}).truth
    assert not truth.positive
    values = truth.codes_train[truth.codes_train != 0]
    assert abs((values > 0).mean() - 0.5) < 0.03


def test_free_planted_sizes_can_be_asked_for_by_id():
    problem = toy.make_problem("planted-7in3-p0.5-noise0.1-signed/v1")
    assert problem.truth.directions.shape == (7, 3)
    assert problem.spec["noise"] == 0.1
    assert not problem.truth.positive


def test_sampler_gives_fresh_data_of_the_same_world():
    problem = toy.make_problem({"id": "planted-40in20-p0.05/v1", "n_train": 100})
    sampler = toy.make_sampler("planted-40in20-p0.05/v1")
    X, Z = sampler.sample(100)
    np.testing.assert_allclose(X, Z @ problem.truth.directions, atol=1e-6)
    assert not np.array_equal(X, sampler.sample(100)[0])
    assert not np.array_equal(X, problem.observed.train)


def test_many_features_have_sparse_codes():
    spec = {"id": "planted-1100in30-p0.01/v1", "n_train": 20_000, "n_test": 5}
    truth = toy.make_problem(spec).truth
    assert isinstance(truth.codes_train, csr_array)
    assert truth.codes_train.shape == (20_000, 1100)
    assert abs(truth.codes_train.nnz / 20_000 - 11) < 0.2


def test_trained_toy_names_represented_features(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFOLD_CACHE", str(tmp_path))
    problem = toy.make_problem(QUICK_TOY)
    truth = problem.truth
    np.testing.assert_array_equal(truth.represented, truth.norms > 0.5)
    vectors = truth.norms[:, None] * truth.directions
    np.testing.assert_allclose(problem.observed.train, truth.codes_train @ vectors, atol=1e-5)
    assert problem.id.startswith("relu-5in2-p0.1/v1+")
    assert toy.make_problem(QUICK_TOY, cache=False).digest == problem.digest


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("relu-20in5-0.05/v1", "Did you mean relu-20in5-p0.05/v1"),
        ("planted-4in3-p0.0/v1", "above 0 and at most 1"),
        ({"id": "relu-5in2-p0.1/v1", "source": {"importance": -0.5}}, "must not be negative"),
        ({"id": "relu-5in2-p0.1/v1", "source": {"importance": [0.0] * 5}}, "nor all zero"),
        ({"id": "relu-5in2-p0.1/v1", "n_train": 0}, "n_train"),
        ({"id": "relu-5in2-p0.1/v1", "n_trian": 10}, "n_trian"),
        ({"id": "relu-5in2-p0.1/v1", "source": {"importance": [1.0, 2.0]}}, "for 5 features"),
        ({"id": "relu-5in2-p0.1/v1", "features": {"gate": {"p": 1.5}}}, "at most 1, got 1.5"),
        ({"id": "relu-5in2-p0.1/v1", "features": {"gate": {"p": [0.1, 0.2]}}}, "expected 5"),
        ({"id": "relu-5in2-p0.1/v1", "features": {"gate": {"p": float("nan")}}}, "finite number"),
        ({"id": "relu-5in2-p0.1/v1", "source": {"importance": "high"}}, "a valid number"),
        ("relu-5in2-p1.5/v1", "at most 1, got 1.5"),
        ("planted-4in3-p0/v1", "at most 1, got 0.0"),
        ({"id": 7}, "is a string, got 7"),
        ({"id": "planted-4in3-p0.1/v1", "features": {"n": 0}}, "features.n"),
        ({"id": "relu-5in2-p0.1/v1", "source": {"training": "fast"}}, "there are notebook"),
        ({"features": {"n": 3, "gate": {"kind": "independent", "p": 0.5}}}, "source"),
        (3, "not a int"),
    ],
)
def test_bad_specs_give_one_clear_error(spec, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)) as caught:
        toy.make_problem(spec)
    assert str(caught.value).count("\n") <= 1  # one fault, one line


def test_negative_seed_is_refused():
    with pytest.raises(ValueError, match="non-negative"):
        toy.make_problem("planted-4in3-p0.1/v1", seed=-1)


def test_learning_curves_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFOLD_CACHE", str(tmp_path))
    spec = {"id": "relu-4in2-p0.1/v1", "source": {"training": {"steps": 300, "restarts": 2}}}
    curves = [toy.make_sampler(spec).world.learning_curve for _ in range(2)]
    np.testing.assert_array_equal(*curves)  # the second from the cache
    steps, loss = curves[0].T
    assert steps[-1] == 300
    assert (np.diff(steps) > 0).all()
    assert loss[-10:].mean() < loss[:10].mean()
    assert toy.make_sampler("planted-4in3-p0.1/v1").world.learning_curve is None


def test_models_of_any_size_go_by_their_id():
    problem = toy.make_problem({"id": "relu-4in2-p0.1/v1", "n_train": 50})
    assert problem.observed.train.shape == (50, 2)
    assert problem.truth.directions.shape == (4, 2)


def test_densities_of_a_law_do_not_rise():
    law = {"exponent": 0.5, "high": 0.01, "low": 0.2}
    with pytest.raises(ValueError, match="low must not be above high"):
        toy.make_problem({"id": "relu-40in10-zipf/v1", "features": {"gate": {"p": law}}})


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
def test_seeds_are_non_negative_integers(seed):
    with pytest.raises(ValueError, match="seed must be a non-negative integer"):
        toy.make_problem("planted-4in3-p0.1/v1", seed=seed)
