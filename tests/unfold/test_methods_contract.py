"""Every registered method keeps scikit-learn's contract and passes the conformance kit."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from unfold.registry import describe_methods, get_method
from unfold.testing import check_method

#: The contract is about shapes and types, so a few iterations will do.
BRIEF = {
    "alternating": {"max_iter": 6},
    "ksvd": {"max_iter": 3},
    "mod": {"max_iter": 3},
    "nmf": {"max_iter": 20},
    "sklearn-dictionary-learning": {"max_iter": 2},
}
OURS = [
    m.name
    for m in describe_methods()
    if m.target.split(":")[0]
    in {
        "unfold.methods.controls",
        "unfold.methods.ica",
        "unfold.methods.nmf",
        "unfold.methods.online",
        "unfold.methods.ksvd",
        "unfold.methods.alternating",
    }
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X varies in:UserWarning")
@parametrize_with_checks([get_method(name)(**BRIEF.get(name, {})) for name in OURS])
def test_scikit_learn_contract(estimator, check):
    state = np.random.get_state()  # noqa: NPY002
    try:
        check(estimator)
    finally:  # some of scikit-learn's checks draw from the global generator themselves
        np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("name", OURS)
def test_conformance(name):
    report = check_method(name)
    assert report.ok, report
