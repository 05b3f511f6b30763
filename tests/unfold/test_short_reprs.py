"""What a notebook shows of a result is one line, the number of interest first."""

import numpy as np
import pytest
import torch

import toy
import unfold

problem = toy.make_problem("planted-8in6-p0.1/v1", seed=0)
X, D = problem.observed.test, problem.truth.directions
known = unfold.KnownDirections(D)

RESULTS = {
    "Problem": lambda: problem,
    "Observed": lambda: problem.observed,
    "Truth": lambda: problem.truth,
    "Certificate": lambda: unfold.certify(X[:300], D),
    "Solution": lambda: unfold.sparse_encode(X[:50], D, alpha=0.1),
    "UnfoldedModel": lambda: unfold.unfold_model(known, D.T, np.zeros(8)),
    "Splice": lambda: unfold.splice(
        torch.nn.Sequential(torch.nn.Identity()), "0", known, torch.as_tensor(X[:20])
    ),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_repr_is_one_short_line(name: str) -> None:
    shown = repr(RESULTS[name]())
    assert shown.startswith(f"{name}(")
    assert "\n" not in shown
    assert len(shown) < 150


def test_a_status_is_shown_by_name() -> None:
    assert str(unfold.Status.STALLED) == f"{unfold.Status.STALLED}" == "STALLED"
    fitted = unfold.get_method("pca")().fit(X)
    assert str(fitted.status_) == "CONVERGED"
    assert int(fitted.status_) == 0


def test_many_features_are_shown_as_the_strongest_dozen() -> None:
    rng = np.random.default_rng(0)
    many = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    [found] = unfold.explain((many * np.arange(1, 41)[:, None]).sum(0), many)
    assert len(found.features) > 15
    text = str(found)
    assert f"and {len(found.features) - 12} more" in text
    assert len(text.splitlines()) == 15
    left = found.draw().axes[0]
    assert len(left.patches) == 12
    assert "not shown" in left.get_xlabel()
