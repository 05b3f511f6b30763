"""Training on the expected loss itself: published optima, and what has no exact loss."""

import re

import numpy as np
import pytest

import toy
from toy.geometry.polytopes import recognise


def exact(name, **changes):
    spec = {"id": name, "source": {"training": "exact"}, "n_train": 20, "n_test": 10}
    for key, value in changes.items():
        spec[key] = spec.get(key, {}) | value
    return toy.make_sampler(spec, cache=False).world


def test_five_sparse_features_in_two_dimensions_form_a_pentagon():
    world = exact("relu-5in2-p0.05/v1")
    assert recognise(world.weights, tolerance=0.1).name == "pentagon"
    assert world.represented.all()
    assert world.learning_curve is None  # there are no steps on samples


def test_linear_models_keep_the_most_important_features():
    norms = exact("linear-20in5-p0.1/v1").norms
    np.testing.assert_allclose(norms[:5], 1, atol=1e-3)
    np.testing.assert_allclose(norms[5:], 0, atol=1e-3)


def test_partners_of_a_correlated_set_are_orthogonal():
    gate = {"kind": "correlated", "size": 2, "p": 0.05}
    W = exact("relu-4in2-p0.1/v1", features={"gate": gate}).directions
    np.testing.assert_allclose((W[[0, 2]] * W[[1, 3]]).sum(1), 0, atol=0.05)
    assert (W[:2] @ W[2:].T).min(axis=1).max() < -0.98


def test_one_of_five_features_at_a_time_makes_the_pentagon_of_the_published_size():
    world = exact("one-hot-8in2/v1", features={"n": 5})
    assert recognise(world.weights, tolerance=0.01).name == "pentagon"
    np.testing.assert_allclose(world.norms, 1.1705, atol=1e-3)


def test_the_exact_minimum_is_not_above_that_of_training_on_samples(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFOLD_CACHE", str(tmp_path))
    worlds = [exact("relu-5in2-p0.1/v1"), toy.make_sampler("relu-5in2-p0.1/v1").world]
    names = [recognise(world.weights, tolerance=0.1).name for world in worlds]
    assert names == ["pentagon", "pentagon"]


@pytest.mark.parametrize(
    ("name", "features", "reason"),
    [
        ("relu-20in5-p0.1/v1", {}, "20 features behind a ReLU"),
        ("hidden-relu-10in5-p0.06/v1", {}, "the hidden-relu model"),
        ("absolute-3in6/v1", {}, "the absolute-value model"),
        ("anticorrelated-20in5-p0.4/v1", {}, "a relu-output model of anticorrelated features"),
        ("correlated-20in10-p0.05/v1", {}, "20 features behind a ReLU"),
        ("one-hot-8in2/v1", {"gate": {"count": 2}}, "exactly 2 active features"),
        ("relu-5in2-p0.1/v1", {"repeat": 5}, "features whose values are not independent"),
        ("relu-5in2-p0.1/v1", {"magnitude": {"high": 2.0}}, "not independent and uniform"),
    ],
)
def test_what_has_no_exact_loss_is_refused(name, features, reason):
    with pytest.raises(ValueError, match=re.escape("no exact loss is known for")) as caught:
        exact(name, features=features)
    assert reason in str(caught.value)
    assert str(caught.value).count("\n") == 1
