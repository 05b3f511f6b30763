"""The certificate of enumeration: what it says of dictionaries that lack or mix features."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from unfold.arrays import root_mean_square
from unfold.unfolding.certification import certify
from unfold.unfolding.explanations import explain_samples


def world(d=12, k=24, n=600, p=0.06, noise=0.0, seed=0, positive=True):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = rng.random((n, k)) * (rng.random((n, k)) < p)
    if not positive:
        Z *= rng.choice([-1, 1], Z.shape)
    return Z @ D + noise * rng.standard_normal((n, d)), D, Z


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def complete():
    X, D, Z = world()
    return X, D, Z, certify(X, D)


def test_explanations_are_least_squares_on_their_support():
    X, D, _ = world(noise=0.01)
    radius = 0.1 * root_mean_square(X)
    found = explain_samples(X, D, radius=radius)
    Z = found.codes.toarray()
    assert (Z >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(X - Z @ D, axis=1), found.residual, atol=1e-9)
    assert (found.residual[found.explained] <= radius).all()
    for i in np.flatnonzero(found.explained)[:50]:
        support = np.flatnonzero(Z[i])
        if support.size:
            best, *_ = np.linalg.lstsq(D[support].T, X[i], rcond=None)
            np.testing.assert_allclose(Z[i, support], best, atol=1e-8)


def test_the_true_dictionary_explains_with_the_true_codes(complete):
    X, D, Z, certificate = complete
    assert certificate.explained > 0.97
    found = explain_samples(X, D, radius=1e-3 * root_mean_square(X))
    wrong = np.abs(found.codes.toarray() - Z)[found.explained].max(axis=1)
    assert np.mean(wrong < 1e-2) > 0.98


def test_overcomplete_atoms_span_everything_but_explain_nothing():
    X, _, _ = world()
    active = X[np.linalg.norm(X, axis=1) > 0.5]
    other = unit(np.random.default_rng(1).standard_normal((72, 12)))
    fits = [nnls(other.T, x)[1] for x in active[:100]]
    assert np.mean(np.array(fits) < 1e-6) > 0.95
    found = explain_samples(active, other, radius=0.05 * root_mean_square(X))
    assert found.explained.mean() <= 0.05


def test_a_complete_dictionary_gets_a_small_bound(complete):
    _, D, _, certificate = complete
    assert 0 < certificate.unseen_upper < 0.06
    assert certificate.feature_confidence.min() > 0.5
    assert certificate.suspects == ()
    assert certificate.support_counts.shape == (len(D),)
    assert f"{certificate.explained:.1%}" in str(certificate)


@pytest.mark.parametrize("withheld", [1, 4])
def test_the_bound_covers_withheld_features_closely(complete, withheld):
    X, D, Z, _ = complete
    certificate = certify(X, D[withheld:])
    rate = 1 - (1 - 0.06 * (1 - certificate.radius)) ** withheld
    assert rate <= certificate.unseen_upper <= 1.6 * rate + 0.03
    holds = (Z[:, :withheld] > certificate.radius).any(axis=1)
    assert certificate.is_explained[holds].mean() < 0.05


def test_a_random_dictionary_is_certified_to_be_worthless():
    X, D, _ = world()
    X = X[np.linalg.norm(X, axis=1) > 0]
    other = unit(np.random.default_rng(1).standard_normal(D.shape))
    certificate = certify(X, other)
    assert certificate.unseen_upper > 0.9
    assert certificate.feature_confidence.max() < 0.2


def test_false_atoms_have_no_confidence_and_are_suspects():
    X, D, _ = world(n=1500)
    rng = np.random.default_rng(2)
    mixture, copy = unit(D[2] + D[3]), unit(D[4] + 0.002 * rng.standard_normal(12))
    wrong = np.vstack([D[1:], unit(D[0] + D[1]), unit(rng.standard_normal(12)), mixture, copy])
    certificate = certify(X, wrong)
    half_feature, stranger, mixed, double = range(23, 27)
    assert certificate.feature_confidence[[half_feature, stranger, mixed]].max() < 0.2
    assert np.median(certificate.feature_confidence[:23]) > 0.5
    found = {(s.kind, s.atoms) for s in certificate.suspects}
    assert ("duplicate", (double, 3)) in found
    assert any(
        kind == "mixture" and atoms[0] == mixed and set(atoms[1:]) == {1, 2}
        for kind, atoms in found
    )
    assert any(kind == "dead" and atoms == (stranger,) for kind, atoms in found)


def test_company_gives_away_absorbed_and_split_atoms():
    rng = np.random.default_rng(3)
    D = unit(rng.standard_normal((10, 12)))
    D[9] = unit(D[8] + 0.8 * unit(rng.standard_normal(12)))
    Z = (0.3 + rng.random((3000, 10))) * (rng.random((3000, 10)) < 0.1)
    Z[:, 1] *= Z[:, 0] > 0  # a child that comes only with its parent
    choice = rng.random(3000) < 0.5
    either = (0.3 + rng.random(3000)) * (rng.random(3000) < 0.2)
    Z[:, 8], Z[:, 9] = either * choice, either * ~choice  # two halves of one feature
    certificate = certify(Z @ D, D)
    found = {(s.kind, s.atoms) for s in certificate.suspects}
    assert ("absorbed", (1, 0)) in found
    assert ("split", (9, 8)) in found
    assert len(found) == 2


def test_opposite_atoms_are_named_by_the_sign_of_codes():
    X, D, _ = world()
    both = np.vstack([D, -D[:1]])
    assert {s.kind for s in certify(X, both).suspects} >= {"antipodal"}
    assert {s.kind for s in certify(X, both, positive=False).suspects} >= {"duplicate"}


def test_signed_codes_are_explained_with_signs():
    X, D, _ = world(positive=False)
    assert certify(X, D, positive=False).explained > 0.9
    assert certify(X, D).explained < 0.7


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_scale_rotation_and_order_change_nothing(complete, factor):
    X, D, _, before = complete
    rotation = np.linalg.qr(np.random.default_rng(5).standard_normal((12, 12)))[0]
    after = certify(factor * X @ rotation, D @ rotation)
    assert after.explained == pytest.approx(before.explained, abs=0.01)
    assert after.unseen_upper == pytest.approx(before.unseen_upper, abs=0.02)
    np.testing.assert_allclose(after.feature_confidence, before.feature_confidence, atol=0.1)


def test_an_estimator_brings_its_mean_and_tensors_are_welcome(complete):
    X, D, _, before = complete

    class Fitted:
        components_ = 2.0 * D
        mean_ = np.full(12, 3.0)

    again = certify(X + 3.0, Fitted())
    assert again.explained == pytest.approx(before.explained, abs=0.005)
    tensor = certify(torch.tensor(X), torch.tensor(D))
    assert tensor.unseen_upper == before.unseen_upper


def test_more_confidence_and_fewer_samples_loosen_the_bound(complete):
    X, D, _, before = complete
    assert certify(X, D, confidence=0.999).unseen_upper > before.unseen_upper
    assert certify(X[:100], D).unseen_upper > before.unseen_upper


def test_noise_is_covered_by_the_tolerance_it_needs():
    X, D, _ = world(d=20, k=40, p=0.05, noise=0.01)
    assert certify(X, D, 0.2).explained > 0.75
    assert certify(X, D, 0.02).unseen_upper > 0.5


@pytest.mark.parametrize(
    ("X", "D", "options", "message"),
    [
        (np.ones((5, 3)), np.eye(4), {}, "4 dimensions"),
        (np.ones((5, 3)), np.vstack([np.eye(3), np.zeros(3)]), {}, "zeros"),
        (np.full((5, 3), np.nan), np.eye(3), {}, "NaN"),
        (np.ones((5, 3)), np.eye(3), {"tolerance": 0.0}, "tolerance"),
        (np.ones((5, 3)), np.eye(3), {"confidence": 1.0}, "confidence"),
        (np.ones(3), np.eye(3), {}, "2D"),
    ],
)
def test_bad_input_gets_a_clear_error(X, D, options, message):
    with pytest.raises(ValueError, match=message):
        certify(X, D, **options)


def test_degenerate_data_gets_an_honest_answer():
    assert certify(np.zeros((50, 3)), np.eye(3)).unseen_upper == 1.0
    one = certify(np.random.default_rng(0).random((50, 1)) * np.eye(3)[:1], np.eye(3)[:1])
    assert one.explained == 1.0
