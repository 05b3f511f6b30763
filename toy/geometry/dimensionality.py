"""Geometry of feature vectors: how much room each one takes, and which ones share it.

Everywhere ``W`` holds one feature a row, ``(n_features, n_hidden)``: the transpose of the paper's
matrix, the orientation of ``Truth.directions``. Measures accept leading batch dimensions and
return the kind of array they were given.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

Array = TypeVar("Array", np.ndarray, torch.Tensor)

#: Rows shorter than this have no direction worth the name: k-gons have norms above 1,
#: collapsed pairs .71, imperfect fits .5 to .97.
REPRESENTED = 0.5
#: Two unit vectors interfere when the absolute cosine between them exceeds this.
INTERFERENCE = 0.1


def feature_dimensionality(W: Array) -> Array:
    """Share of a hidden dimension that each feature has for itself.

    ``D_i = |w_i|^2 / sum_j (w_i / |w_i| . w_j)^2``, with j running over i too: 1 for a feature
    alone on its axis, 1/2 in an antipodal pair, 2/5 in a regular pentagon, 0 for a zero row.

    Parameters
    ----------
    W : array of shape (..., n_features, n_hidden)

    Returns
    -------
    D : array of shape (..., n_features)
        Between 0 and 1. A row that is tiny but not zero may still score up to about
        n_hidden / n_features, being a ratio of small numbers: filter by `represented` first.

    References
    ----------
    Elhage et al., "Toy Models of Superposition", 2022; Scherlis et al., "Polysemanticity and
    Capacity in Neural Networks", 2022, where it is called capacity.
    """
    _check(W)
    gram = W @ W.swapaxes(-1, -2)
    own = gram.diagonal(0, -2, -1) ** 2
    everyone = (gram**2).sum(-1)
    share: Array = own / (everyone + (everyone == 0))
    return share


def dimensions_per_feature(W: Array) -> Array:
    """Hidden dimensions per learned feature, ``D* = n_hidden / |W|_F^2``.

    Parameters
    ----------
    W : array of shape (..., n_features, n_hidden)

    Returns
    -------
    D_star : array of shape (...)
        1 without superposition, 1/2 when everything is antipodal pairs; inf for a zero matrix.
    """
    _check(W)
    with np.errstate(divide="ignore"):
        D_star: Array = W.shape[-1] / (W**2).sum((-2, -1))
    return D_star


def superposition(W: Array) -> Array:
    """Return how strongly all other features activate each one.

    It is ``sum_{j != i} (w_i / |w_i| . w_j)^2``.

    Parameters
    ----------
    W : array of shape (..., n_features, n_hidden)

    Returns
    -------
    s : array of shape (..., n_features)
        0 for an orthogonal feature; at least 1 when others together can activate the feature as
        strongly as it does itself; 0 for a zero row.
    """
    _check(W)
    gram = W @ W.swapaxes(-1, -2)
    squared_norm = gram.diagonal(0, -2, -1)
    others = (gram**2).sum(-1) - squared_norm**2
    interference: Array = (others / (squared_norm + (squared_norm == 0))).clip(0.0)
    return interference


def represented(W: Array, threshold: float = REPRESENTED) -> Array:
    """Which features have a row longer than `threshold`: boolean of shape (..., n_features)."""
    _check(W)
    learned: Array = (W**2).sum(-1) > threshold**2
    return learned


def interference_graph(
    W: np.ndarray, tolerance: float = INTERFERENCE, threshold: float = REPRESENTED
) -> np.ndarray:
    """Which represented features are not orthogonal to one another.

    Parameters
    ----------
    W : array of shape (n_features, n_hidden)
    tolerance : float
        Largest absolute cosine that counts as orthogonal.
    threshold : float
        Rows that are not longer than this have no edge.

    Returns
    -------
    edges : boolean array of shape (n_features, n_features)
        Symmetric, with a False diagonal.
    """
    _check(W, batched=False)
    norms = np.linalg.norm(W, axis=1)
    unit = np.where(norms > threshold, 1 / np.where(norms > 0, norms, 1), 0)[:, None] * W
    edges: np.ndarray = np.abs(unit @ unit.T) > tolerance
    np.fill_diagonal(edges, False)
    return edges


def connected_blocks(
    W: np.ndarray, tolerance: float = INTERFERENCE, threshold: float = REPRESENTED
) -> list[np.ndarray]:
    """Group the represented features so that no two groups share a dimension.

    The groups are the connected components of `interference_graph`: the factors of the tegum
    product that the whole arrangement is.

    Returns
    -------
    blocks : list of int arrays
        Largest first, then by first member; features without a direction are in none.
    """
    edges = interference_graph(W, tolerance, threshold)
    _, label = connected_components(csr_array(edges), directed=False)
    alive = np.flatnonzero(np.linalg.norm(W, axis=1) > threshold)
    blocks = [alive[label[alive] == k] for k in np.unique(label[alive])]
    return sorted(blocks, key=lambda block: (-len(block), block[0]))


@dataclass(frozen=True)
class Capacity:
    """What the features use of the dimensions there are.

    Attributes
    ----------
    used : float
        Sum of all feature dimensionalities.
    rank : int
        Rank of W: the budget that `used` never exceeds.
    frame_error : float
        Largest relative distance of a row from being an eigenvector of the frame operator
        ``W^T W``; zero exactly when the budget is spent in full, that is, when W is a direct sum
        of tight frames.
    """

    used: float
    rank: int
    frame_error: float

    @property
    def efficiency(self) -> float:
        """Part of the budget that is used, between 0 and 1."""
        return self.used / self.rank if self.rank else 0.0


def capacity(W: np.ndarray) -> Capacity:
    """Capacity budget of an arrangement: ``sum_i D_i <= rank W``.

    With ``M = W^T W``, Cauchy-Schwarz gives ``D_i <= w_i M^+ w_i^T``, whose sum over i is the
    rank; equality holds exactly when every row is an eigenvector of M.

    Parameters
    ----------
    W : array of shape (n_features, n_hidden)

    References
    ----------
    Scherlis et al., "Polysemanticity and Capacity in Neural Networks", 2022.
    """
    _check(W, batched=False)
    W = W.astype(np.float64)
    norms = np.linalg.norm(W, axis=1)
    unit = W[norms > 0] / norms[norms > 0, None]
    image = unit @ (W.T @ W)
    along = (image * unit).sum(1, keepdims=True)
    error = np.linalg.norm(image - along * unit, axis=1) / np.linalg.norm(image, axis=1)
    return Capacity(
        used=float(feature_dimensionality(W).sum()),
        rank=int(np.linalg.matrix_rank(W)),
        frame_error=float(error.max(initial=0.0)),
    )


def _check(W: np.ndarray | torch.Tensor, *, batched: bool = True) -> None:
    """Refuse what is not a finite matrix with one feature a row."""
    if W.ndim < 2 or (W.ndim > 2 and not batched):
        wanted = "(..., n_features, n_hidden)" if batched else "(n_features, n_hidden)"
        raise ValueError(f"W has shape {tuple(W.shape)}; expected {wanted}, one feature a row.")
    if 0 in W.shape:
        raise ValueError(
            f"W has shape {tuple(W.shape)}; expected at least one feature and one dim."
        )
    finite = torch.isfinite(W) if isinstance(W, torch.Tensor) else np.isfinite(W)
    if not bool(finite.all()):
        raise ValueError("W holds NaN or inf; expected finite numbers. Did training diverge?")
