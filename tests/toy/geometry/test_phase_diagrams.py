"""Phase diagrams: closed forms against one another, and against exact fits."""

import numpy as np
import pytest
import torch

from toy.geometry import phase_diagrams as phases
from toy.models.exact_loss import relu_loss
from toy.training.exact import fit_relu


@pytest.mark.parametrize(("r", "p"), [(0.3, 0.1), (1.0, 0.5), (5.0, 0.9)])
def test_closed_forms_are_the_losses_of_the_solutions_they_stand_for(r, p):
    solutions = [([1, 0], [0, p / 2]), ([1, -1], [0, 0]), ([0, 1], [p / 2, 0])]
    W = torch.tensor([w for w, _ in solutions], dtype=torch.float64)[:, :, None]
    b = torch.tensor([b for _, b in solutions], dtype=torch.float64)
    losses = relu_loss(W, b, p, torch.tensor([1.0, r]))
    expected = torch.tensor([float(v) for v in phases.two_in_one(r, p).values()]).double()
    torch.testing.assert_close(losses, expected, atol=1e-7, rtol=0)


def test_boundary_is_where_the_candidates_tie():
    r = np.logspace(-1, 1, 21)
    p = phases.superposition_boundary(r)
    losses = phases.two_in_one(r, p)
    rest = np.minimum(losses[phases.IGNORED], losses[phases.DEDICATED])
    np.testing.assert_allclose(losses[phases.SUPERPOSED], rest, rtol=1e-12)
    np.testing.assert_allclose(p[[0, 10, 20]], [0.16, 4 / 7, 0.16])


def test_the_transition_is_of_first_order():
    p, h = 4 / 7, 1e-6

    def slope(side: int) -> float:
        best = [
            min(float(v) for v in phases.two_in_one(1.0, q).values()) for q in (p, p + side * h)
        ]
        return (best[1] - best[0]) / (side * h)

    assert slope(-1) - slope(1) == pytest.approx(0.3333, abs=1e-3)


@pytest.mark.parametrize(
    ("n", "m", "size", "most_misses", "closed"),
    [
        (2, 1, 7, 5, phases.two_in_one),
        pytest.param(3, 2, 5, 3, phases.three_in_two, marks=pytest.mark.slow),
    ],
)
def test_fits_agree_with_the_closed_forms(n, m, size, most_misses, closed):
    r, p = (a.ravel() for a in np.meshgrid(np.logspace(-1, 1, size), np.logspace(-2, 0, size)))
    importance = np.ones((len(r), n))
    importance[:, -1] = r
    fit = fit_relu(n, m, torch.from_numpy(p)[:, None], torch.from_numpy(importance), n_starts=8)
    losses = closed(r, p)
    theory = np.stack(list(losses.values())).min(0)
    assert (fit.loss.numpy() <= theory * (1 + 1e-6)).all()
    assert (fit.loss.numpy() >= 0.8 * theory).all()
    found = classify(fit.W.numpy())
    tied = np.sort(np.stack(list(losses.values())), 0)
    decided = tied[1] > tied[0] * (1 + 1e-9)
    assert (found != phases.winner(losses))[decided].sum() <= most_misses


def classify(W: np.ndarray) -> np.ndarray:
    """What became of the last feature: 0 ignored, 1 in superposition, 2 dedicated."""
    last = W[:, -1]
    norm = np.linalg.norm(last, axis=1)
    overlap = ((W[:, :-1] @ last[:, :, None])[..., 0] ** 2).sum(1) / np.maximum(norm, 1e-9) ** 2
    return np.where(norm < 0.5, 0, np.where(overlap > 0.25, 1, 2))
