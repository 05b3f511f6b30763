"""Unfold toy models whose circuits are known, and score what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

from unfold.same_direction import APART
from unfold.unfolding.circuits import Circuit, read_circuit
from unfold.unfolding.unfolded import UnfoldedModel, Unfolding, compare_unfolded, unfold_model

#: Share of the longest ray from which a feature counts as represented.
SHARE_OF_LONGEST = 0.3
#: Cosine from which an atom counts as having found a ray.
FOUND = APART


class Fits(Protocol):
    """A method that is yet to be fitted."""

    def fit(self, X: np.ndarray) -> Any:
        """Find directions in activations (n, d) and return itself."""


@dataclass(frozen=True, eq=False)
class Toy:
    """A trained toy model of one hidden layer, read out of its parameters.

    Attributes
    ----------
    W_in : ndarray of shape (n, m)
    W_out : ndarray of shape (m, n)
    b : ndarray of shape (n,)
    rectified : bool
        Whether the hidden layer ends in a ReLU.
    signed : bool
        Whether features take both signs; the task is then their absolute value.
    """

    W_in: np.ndarray
    W_out: np.ndarray
    b: np.ndarray
    rectified: bool
    signed: bool

    @classmethod
    def from_params(
        cls, params: Mapping[str, np.ndarray], *, rectified: bool, signed: bool
    ) -> "Toy":
        """Read ``W``, ``b`` and, if weights are not tied, ``V``."""
        W = np.asarray(params["W"], float)
        V = np.asarray(params.get("V", W.T), float)
        return cls(W, V, np.asarray(params["b"], float), rectified, signed)

    def hidden(self, x: np.ndarray) -> np.ndarray:
        """Return hidden activations (N, m) of features (N, n)."""
        before = np.asarray(x, float) @ self.W_in
        return np.maximum(before, 0.0) if self.rectified else before

    def outputs(self, hidden: np.ndarray) -> np.ndarray:
        """Return outputs (N, n) of hidden activations."""
        return np.maximum(hidden @ self.W_out + self.b, 0.0)

    def ideal(self, x: np.ndarray) -> np.ndarray:
        """Return what the outputs should be."""
        return np.abs(x) if self.signed else np.asarray(x, float)

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the hidden activations that represented features cause alone, and whose they are.

        Returns
        -------
        rays : ndarray of shape (k, m)
            Two of a signed feature behind a ReLU, one of each sign.
        owner : ndarray of shape (k,), int
        """
        n = len(self.W_in)
        rays, owner = self.hidden(np.eye(n)), np.arange(n)
        if self.signed:
            rays, owner = np.vstack([rays, self.hidden(-np.eye(n))]), np.tile(owner, 2)
        norms = np.linalg.norm(rays, axis=1)
        kept = norms >= SHARE_OF_LONGEST * norms.max()
        return rays[kept], owner[kept]


@dataclass(frozen=True, eq=False)
class UnfoldingStudy:
    """A toy model unfolded by a method that saw nothing but its hidden activations.

    Attributes
    ----------
    model : UnfoldedModel
    circuit : Circuit
    report, report_clean : Unfolding
        Of the unfolded model, and of the one with interference taken out, over the outputs of
        represented features.
    n_rays, n_found : int
        Represented rays, and how many of them an atom matches.
    n_right : int
        Matched rays whose atom drives the right output.
    drives_recall, drives_precision : float
        ``n_right`` over rays and over atoms.
    atom_of_ray : ndarray of shape (n_rays,), int
        -1 where no atom matches.
    """

    model: UnfoldedModel
    circuit: Circuit
    report: Unfolding
    report_clean: Unfolding
    n_rays: int
    n_found: int
    n_right: int
    drives_recall: float
    drives_precision: float
    atom_of_ray: np.ndarray


def study_unfolding(toy: Toy, method: Fits, train: np.ndarray, test: np.ndarray) -> UnfoldingStudy:
    """Fit a method to a toy's hidden activations, unfold the toy, and score the result.

    Parameters
    ----------
    toy : Toy
    method : estimator
        Sees hidden activations alone.
    train, test : ndarray of shape (N, n)
        Feature vectors: for fitting, and for everything that is measured.

    Returns
    -------
    UnfoldingStudy
    """
    fitted = method.fit(toy.hidden(train))
    rays, owner = toy.rays()
    outputs_kept = np.unique(owner)
    kept = Toy(toy.W_in, toy.W_out[:, outputs_kept], toy.b[outputs_kept], toy.rectified, toy.signed)
    hidden = kept.hidden(test)
    outputs, ideal = kept.outputs(hidden), toy.ideal(test)[:, outputs_kept]
    model = unfold_model(
        fitted, kept.W_out, kept.b, hidden=toy.hidden, n_in=len(toy.W_in), signed_inputs=toy.signed
    )
    clean = model.cleaned(hidden, outputs)
    circuit = read_circuit(model, hidden, outputs)
    atom_of_ray = match_rays(rays, np.asarray(fitted.components_, float))
    found = atom_of_ray >= 0
    right = found & (outputs_kept[circuit.drives[atom_of_ray]] == owner)
    return UnfoldingStudy(
        model=model,
        circuit=circuit,
        report=compare_unfolded(model, hidden, outputs, ideal),
        report_clean=compare_unfolded(clean, hidden, outputs, ideal),
        n_rays=len(rays),
        n_found=int(found.sum()),
        n_right=int(right.sum()),
        drives_recall=float(right.sum() / len(rays)),
        drives_precision=float(right.sum() / model.n_features),
        atom_of_ray=atom_of_ray,
    )


def match_rays(rays: np.ndarray, atoms: np.ndarray, found: float = FOUND) -> np.ndarray:
    """Return which atom (m, d) stands for each ray (k, d), one to one; -1 for none.

    Parameters
    ----------
    rays : ndarray of shape (k, d)
    atoms : ndarray of shape (m, d)
        Unit rows.
    found : float
        Smallest cosine that is a match.
    """
    cosine = rays @ atoms.T / np.linalg.norm(rays, axis=1, keepdims=True)
    i, j = linear_sum_assignment(-cosine)
    matched = np.full(len(rays), -1)
    good = cosine[i, j] >= found
    matched[i[good]] = j[good]
    return matched
