"""Autoencoders keep scikit-learn's contract and pass the conformance kit."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from unfold.registry import describe_methods, get_method
from unfold.testing import check_method

NAMES = [m.name for m in describe_methods() if "autoencoders.estimators" in m.target]


@parametrize_with_checks([get_method(name)(n_steps=4, batch_size=16) for name in NAMES])
def test_scikit_learn_contract(estimator, check):
    state = np.random.get_state()  # noqa: NPY002
    try:
        check(estimator)
    finally:  # some of scikit-learn's checks draw from the global generator themselves
        np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("name", NAMES)
def test_conformance(name):
    report = check_method(get_method(name)(n_steps=200, batch_size=128))
    assert report.ok, report
