"""Every classical method keeps scikit-learn's contract and passes the conformance kit."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from unfold.registry import get_method
from unfold.testing import check_method

#: The contract is about shapes and types, so a few iterations will do.
BRIEF = {
    "random": {},
    "data-points": {},
    "neurons": {},
    "pca": {},
    "fastica": {},
    "picard": {},
    "l4": {},
    "er-spud": {"max_samples": 30, "n_programs": 3},
    "reconstruction-ica": {"max_iter": 5},
    "nmf": {"max_iter": 20},
    "semi-nmf": {"max_iter": 20},
    "spherical-k-means": {"max_iter": 5},
    "ksvd": {"max_iter": 3},
    "mod": {"max_iter": 3},
    "itkrm": {"max_iter": 3},
    "refinement": {"max_iter": 3},
    "generalised-covariance": {"n_starts": 2},
    "subspace-power": {"n_starts": 2},
    "one-sparse": {},
    "mean-shift": {},
    "subspace-intersection": {},
    "tail-power": {"max_rounds": 1},
    "tree-dictionary": {"rounds": 2},
    "alternating": {"max_iter": 3},
    "online-dictionary": {"n_steps": 3},
    "sklearn-dictionary-learning": {"max_iter": 2},
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X varies in:UserWarning")
@parametrize_with_checks([get_method(name)(**params) for name, params in BRIEF.items()])
def test_scikit_learn_contract(estimator, check):
    state = np.random.get_state()  # noqa: NPY002
    try:
        check(estimator)
    finally:  # some of scikit-learn's checks draw from the global generator themselves
        np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("name", BRIEF)
def test_conformance(name):
    report = check_method(name)
    assert report.ok, report
