"""Training: closed-form optima are reached; nobody's result depends on company."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

import toy
from toy.build import build_features, build_model
from toy.features.spec import FeaturesSpec
from toy.models.networks import AbsoluteValueModel, TiedModel
from toy.spec import TRAININGS, ExactSpec, TrainedSpec, TrainingSpec
from toy.training import compiled_engine
from toy.training.instance import Instance
from toy.training.train import train_many

QUICK = TrainingSpec(steps=1500, batch=256, lr=0.01, schedule="cosine", weight_decay=0.0)


def features(n, p, **rest):
    gate = {"kind": "independent", "p": p}
    return build_features(FeaturesSpec(n=n, gate=gate, **rest), seed=0)


def instances(n, p, restarts=1, importance=None, seed=0, **rest):
    weights = np.ones(n) if importance is None else importance
    return [Instance(features(n, p, **rest), weights, seed, restart) for restart in range(restarts)]


def test_linear_model_is_pca():
    importance = 0.7 ** np.arange(8)
    trained = train_many(TiedModel(8, 3, relu=False), instances(8, 0.3, 1, importance), QUICK)
    norms = trained.params["W"][0].norm(dim=1)
    torch.testing.assert_close(norms[:3], torch.ones(3), atol=0.03, rtol=0)
    assert norms[3:].max() < 0.05
    variance = 0.3 / 3 - 0.3**2 / 4
    assert trained.loss[0].item() == pytest.approx(variance * importance[3:].sum(), rel=0.03)
    ignored = trained.params["b"][0, 3:]
    torch.testing.assert_close(ignored, torch.full((5,), 0.15), atol=0.02, rtol=0)


def test_two_sparse_features_in_one_dimension_are_antipodal():
    # Both weights of one sign are a poor local optimum that never lets go.
    trained = train_many(TiedModel(2, 1), instances(2, 0.1, restarts=16), QUICK)
    best = int(trained.loss.argmin())
    first, second = trained.params["W"][best, :, 0]
    assert first * second < -0.8
    assert trained.loss[best].item() <= 1.05 * 2 * 0.1**2 / 6


def test_enough_dimensions_make_an_orthonormal_basis():
    trained = train_many(TiedModel(4, 4), instances(4, 0.4), QUICK)
    W = trained.params["W"][0]
    torch.testing.assert_close(W @ W.T, torch.eye(4), atol=0.03, rtol=0)
    assert trained.loss[0] < 1e-3


@pytest.mark.parametrize("p", [0.05, [0.05, 0.1, 0.2, 0.4, 1.0]])
def test_result_is_the_same_alone_and_in_company(p):
    short = QUICK.model_copy(update={"steps": 60})
    together = train_many(TiedModel(5, 2), instances(5, p, restarts=3), short)
    alone = train_many(TiedModel(5, 2), instances(5, p, restarts=3)[1:2], short)
    for name in ("W", "b"):
        assert torch.equal(together.params[name][1], alone.params[name][0])
    assert torch.equal(together.loss[1], alone.loss[0])
    assert torch.equal(together.curve[:, 1], alone.curve[:, 0])


def test_seeds_and_restarts_differ():
    short = QUICK.model_copy(update={"steps": 5})
    group = instances(5, 0.2, restarts=2) + instances(5, 0.2, seed=1)
    W = train_many(TiedModel(5, 2), group, short).params["W"]
    assert not torch.equal(W[0], W[1]) and not torch.equal(W[0], W[2])


def test_kernels_and_tensors_reach_the_same_optimum(monkeypatch):
    group = instances(5, 1.0, importance=0.9 ** np.arange(5))
    compiled = train_many(TiedModel(5, 2), group, QUICK)
    monkeypatch.setattr(compiled_engine, "handles", lambda *_: False)
    tensors = train_many(TiedModel(5, 2), group, QUICK)
    assert tensors.loss[0].item() == pytest.approx(compiled.loss[0].item(), rel=0.01)
    norms = [one.params["W"][0].norm(dim=1) for one in (compiled, tensors)]
    torch.testing.assert_close(norms[0], norms[1], atol=0.05, rtol=0)


def test_curve_and_history():
    short = QUICK.model_copy(update={"steps": 50})
    trained = train_many(
        TiedModel(5, 2), instances(5, 0.5, restarts=2), short, points=10, keep_history=True
    )
    assert trained.curve.shape == (10, 2)
    assert trained.steps == tuple(range(5, 51, 5))
    assert trained.history["W"].shape == (10, 2, 5, 2)
    assert torch.equal(trained.history["W"][-1], trained.params["W"])
    assert (trained.curve[-1] < trained.curve[0]).all()


def test_price_on_hidden_activations_removes_superposition():
    costs = [QUICK.model_copy(update={"steps": 600, "l1": l1}) for l1 in (0.0, 0.2)]
    free, priced = (
        train_many(TiedModel(6, 2), instances(6, 0.1, restarts=2), one).params["W"] for one in costs
    )
    assert (priced.norm(dim=(1, 2)) < free.norm(dim=(1, 2))).all()


def test_adversarial_training_resists_attacks():
    hard = QUICK.model_copy(update={"steps": 600, "attack": 0.8})
    plain = QUICK.model_copy(update={"steps": 600})
    group = instances(6, 0.1, restarts=2)
    hardened, free = (train_many(TiedModel(6, 2), group, one) for one in (hard, plain))
    assert (hardened.loss > free.loss).all()
    gram = [one.params["W"] @ one.params["W"].transpose(1, 2) for one in (hardened, free)]
    off = [(one - torch.diag_embed(one.diagonal(dim1=1, dim2=2))).norm() for one in gram]
    assert off[0] < off[1]


def test_absolute_value_is_computed_exactly_by_two_neurons_a_feature():
    magnitude = {"kind": "uniform", "low": -1, "high": 1}
    training = QUICK.model_copy(update={"steps": 1200, "lr": 0.02})
    group = instances(2, 1.0, restarts=6, magnitude=magnitude)
    trained = train_many(AbsoluteValueModel(2, 4), group, training)
    best = int(trained.loss.argmin())
    assert trained.loss[best] < 1e-3
    W = trained.params["W"][best]
    assert ((W.abs() > 0.2).sum(dim=0) == 1).all()
    assert ((W > 0.2).sum(dim=1) == 1).all() and ((W < -0.2).sum(dim=1) == 1).all()


@pytest.mark.parametrize("name", TRAININGS)
def test_named_trainings_are_valid(name):
    spec = TrainedSpec.model_validate({"model": {"kind": "relu-output"}, "d": 2, "training": name})
    kind = ExactSpec if name == "exact" else TrainingSpec
    assert spec.training == kind.model_validate(TRAININGS[name])


@pytest.mark.parametrize(
    "kind", ["linear", "relu-output", "hidden-relu", "relu-output-identity", "absolute-value"]
)
def test_models_are_built_by_kind(kind):
    spec = TrainedSpec.model_validate({"model": {"kind": kind}, "d": 2})
    model = build_model(spec, 5)
    assert (model.n_features, model.n_hidden) == (5, 2)
    assert model.rectified == (kind in ("hidden-relu", "absolute-value"))


def test_wrong_lengths_are_refused():
    with pytest.raises(ValueError, match="at least one instance"):
        train_many(TiedModel(5, 2), [], QUICK)
    with pytest.raises(ValueError, match="4 importance weights"):
        train_many(TiedModel(5, 2), instances(5, 0.1, importance=np.ones(4)), QUICK)
    with pytest.raises(ValueError, match="The model has 5 features"):
        train_many(TiedModel(5, 2), instances(4, 0.1), QUICK)


@pytest.mark.parametrize("name", ["absolute-20in8-p0.03/v1", "compressed-100in50-none/v1"])
def test_rays_of_rectified_layers(name, tmp_path, monkeypatch):
    monkeypatch.setenv("UNFOLD_CACHE", str(tmp_path))
    training = {"steps": 20, "restarts": 1}
    spec = {"id": name, "source": {"training": training}, "n_train": 3000, "n_test": 10}
    problem = toy.make_problem(spec)
    truth, n = problem.truth, problem.spec["features"]["n"]
    assert truth.positive and truth.directions.shape[0] == 2 * n
    assert csr_array(truth.codes_train).data.min() >= 0 and problem.observed.train.min() >= 0
    codes = csr_array(truth.codes_train).toarray()
    alone = np.flatnonzero((codes != 0).sum(axis=1) == 1)
    assert len(alone) > 50
    rays = truth.norms[:, None] * truth.directions
    np.testing.assert_allclose(problem.observed.train[alone], codes[alone] @ rays, atol=1e-5)
