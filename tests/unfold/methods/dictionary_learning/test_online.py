"""The online dictionary: steps against their closed form, offset, outliers, limits."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from unfold.arrays import unit_rows
from unfold.methods.dictionary_learning.online import OnlineDictionary
from unfold.methods.location import location
from unfold.sparse_coding.kernels.atoms import atom_steps


def world(offset=0.0, n_samples=8000, seed=0):
    rng = np.random.default_rng(seed)
    D = unit_rows(rng.standard_normal((24, 12)))
    codes = (rng.random((n_samples, 24)) < 0.08) * rng.uniform(0.5, 1, (n_samples, 24))
    return codes @ D + offset, D


def recall(found, D):
    return float(((found @ D.T).max(0) > 0.9).mean())


def test_a_step_minimises_over_one_atom_and_residuals_stay_true():
    rng = np.random.default_rng(0)
    D = np.ascontiguousarray(unit_rows(rng.standard_normal((5, 4))))
    Z = sparse.csc_array(rng.random((40, 5)) * (rng.random((40, 5)) < 0.4))
    X = rng.standard_normal((40, 4))
    expected = D.copy()
    for j in range(5):
        others = X - Z @ expected + np.outer(Z.toarray()[:, j], expected[j])
        expected[j] = unit_rows((Z.toarray()[:, j] @ others)[None])[0]
    R = X - Z @ D
    energy = np.asarray(Z.multiply(Z).sum(axis=0)).ravel()
    atom_steps(
        Z.indptr.astype(np.int64), Z.indices.astype(np.int64), Z.data, energy, R, D,
        np.zeros(4), np.zeros(5),
    )  # fmt: skip
    np.testing.assert_allclose(D, expected, atol=1e-12)
    np.testing.assert_allclose(R, X - Z @ D, atol=1e-12)


@pytest.mark.parametrize("offset", [3.0, 500.0 * np.eye(12)[3]])
def test_a_vector_added_to_the_samples_changes_nothing(offset):
    near, D = world()
    plain = OnlineDictionary(24, n_steps=100).fit(near)
    away = OnlineDictionary(24, n_steps=100).fit(near + offset)
    assert recall(plain.components_, D) > 0.9
    assert recall(away.components_, D) >= recall(plain.components_, D) - 0.05
    np.testing.assert_allclose(away.mean_ - plain.mean_, offset + np.zeros(12), atol=0.05)


def test_one_huge_row_costs_next_to_nothing():
    X, D = world()
    huge = np.vstack([X, np.full((1, 12), 1e6)])
    plain, hurt = (OnlineDictionary(24, n_steps=100).fit(Y).components_ for Y in (X, huge))
    assert recall(hurt, D) >= recall(plain, D) - 0.1


def test_codes_of_a_given_number_explain_more_than_the_mean():
    X, _ = world(offset=2.0)
    fitted = OnlineDictionary(24, n_active=3, n_steps=100).fit(X)
    codes = fitted.transform(X[:500])
    assert np.count_nonzero(codes, axis=1).max() <= 3
    left = np.linalg.norm(fitted.inverse_transform(codes) - X[:500])
    assert left < 0.3 * np.linalg.norm(X[:500] - X.mean(axis=0))


def test_a_limit_in_time_ends_the_fit_with_what_it_has():
    X, _ = world(n_samples=500)
    with pytest.warns(ConvergenceWarning):
        fitted = OnlineDictionary(8, time_limit=0.0).fit(X)
    assert fitted.n_iter_ == 1
    assert fitted.components_.shape == (8, 12)


def test_a_number_active_that_is_none_is_refused():
    with pytest.raises(ValueError, match="n_active must be positive"):
        OnlineDictionary(8, n_active=0).fit(world(n_samples=50)[0])


def test_the_centre_moves_with_the_samples():
    X = np.random.default_rng(0).standard_normal((400, 5))
    np.testing.assert_allclose(location(X + 7), location(X) + 7, atol=1e-6)
