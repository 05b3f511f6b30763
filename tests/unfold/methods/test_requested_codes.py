"""Codes on request: pursuit, refitted L1 and down to an error, of any method's dictionary."""

import numpy as np
import pytest
import torch

from unfold import get_method, recover, sparse_encode


@pytest.fixture(scope="module")
def fitted(planted):
    X, _, _ = planted(8, 16, 0.1, 4000, sigma=0.02)
    return recover(X + 1.0), X + 1.0


def residuals(method, X, codes):
    return np.linalg.norm(method.inverse_transform(codes) - X, axis=1)


def test_each_kind_keeps_its_word(fitted):
    method, X = fitted
    X = X[:300]
    few = method.transform(X, code="pursuit", n_nonzero=2)
    assert np.count_nonzero(few, axis=1).max() <= 2
    close = method.transform(X, code="error", error=0.1)
    assert residuals(method, X, close).max() < 0.1 + 1e-6
    assert residuals(method, X, method.transform(X, code="error")).mean() < 0.15
    refitted = method.transform(X, code="l1", alpha=0.05)
    shrunk = sparse_encode(X - method.mean_, method.components_, alpha=0.05).codes
    np.testing.assert_array_equal(refitted[shrunk == 0], 0)
    assert residuals(method, X, refitted).mean() < residuals(method, X, shrunk).mean()
    pruned = method.transform(X, code="l1", alpha=0.05, prune=0.01)
    assert np.count_nonzero(pruned) < np.count_nonzero(refitted)


def test_what_a_fit_knows_need_not_be_said(planted):
    X, _, _ = planted(8, 16, 0.1, 1500)
    method = get_method("online-dictionary")(16, n_steps=40, random_state=0).fit(X)
    own = method.transform(X[:200])
    same = method.transform(X[:200], code="l1")
    np.testing.assert_array_equal(same[own == 0], 0)
    active = np.count_nonzero(method.transform(X[:200], code="pursuit"), axis=1)
    assert active.max() <= np.ceil(np.count_nonzero(own, axis=1).mean()) + 1


def test_signs_and_kind_of_array_are_the_methods_own(planted):
    X, _, _ = planted(6, 6, 0.3, 2000)
    ica = get_method("fastica")(6, random_state=0).fit(X)
    assert (ica.transform(X[:50], code="pursuit", n_nonzero=3) < 0).any()
    tensor = ica.transform(torch.as_tensor(X[:50]), code="pursuit", n_nonzero=3)
    assert isinstance(tensor, torch.Tensor)


def test_what_cannot_be_meant_is_refused(fitted):
    method, X = fitted
    with pytest.raises(ValueError, match="code is one of pursuit, l1, error"):
        method.transform(X[:5], code="lasso")
    with pytest.raises(ValueError, match="takes error, not alpha"):
        method.transform(X[:5], code="error", alpha=0.1)
    with pytest.raises(ValueError, match="go with code"):
        method.transform(X[:5], alpha=0.1)
    with pytest.raises(ValueError, match="fitted without alpha: say it"):
        method.transform(X[:5], code="l1")
