"""The larger model without superposition: its hidden layer is the codes of another's."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np

from unfold.arrays import check_activations, to_numpy


class FittedMethod(Protocol):
    """What unfolding needs of a method: unit directions, and codes of activations."""

    components_: Any
    mean_: Any

    def transform(self, X: Any) -> Any:
        """Return codes (n, k) of activations (n, d)."""


@dataclass(frozen=True, eq=False)
class UnfoldedModel:
    """A model read in the basis of its features: inputs -> features -> outputs.

    The features are neurons of their own, one each, instead of directions that share dimensions.

    Attributes
    ----------
    method : fitted method
        Turns hidden activations into codes.
    read_in : ndarray of shape (n_in, k) or None
        What a unit of each input adds to each feature.
    read_out : ndarray of shape (k, n_out)
        What a unit of each feature adds to each output, before its nonlinearity.
    bias : ndarray of shape (n_out,)
    rectified : bool
        Whether outputs pass a ReLU.

    See Also
    --------
    unfold_model : makes one from the weights of a trained model.
    """

    method: FittedMethod
    read_in: np.ndarray | None
    read_out: np.ndarray
    bias: np.ndarray
    rectified: bool

    def __repr__(self) -> str:
        """Return widths, and whose features they are."""
        n_in = "unknown" if self.read_in is None else len(self.read_in)
        return (
            f"UnfoldedModel(n_features={self.n_features}, n_in={n_in}, "
            f"n_out={self.read_out.shape[1]}, method={type(self.method).__name__})"
        )

    @property
    def n_features(self) -> int:
        """Width of the unfolded hidden layer."""
        return int(self.read_out.shape[0])

    def codes(self, hidden: Any) -> np.ndarray:
        """Return codes (n, k) of hidden activations (n, d) of the original."""
        return np.asarray(to_numpy(self.method.transform(hidden)), float)

    def outputs(self, codes: np.ndarray) -> np.ndarray:
        """Return outputs (n, n_out) of codes (n, k)."""
        before = codes @ self.read_out + self.bias
        return np.maximum(before, 0.0) if self.rectified else before

    def predict(self, hidden: Any) -> np.ndarray:
        """Return outputs (n, n_out) of hidden activations, by way of sparse inference."""
        return self.outputs(self.codes(hidden))

    def forward(self, inputs: Any) -> np.ndarray:
        """Return outputs (n, n_out) of inputs (n, n_in), without the original model at all.

        One ReLU layer: each feature takes its weights from ``read_in``.
        """
        if self.read_in is None:
            raise ValueError("This model was unfolded without inputs: give unfold_model hidden=.")
        return self.outputs(np.maximum(np.asarray(inputs, float) @ self.read_in, 0.0))

    def cleaned(self, hidden: Any, outputs: Any, threshold: float = 0.5) -> "UnfoldedModel":
        """Return the model with the interference between features taken out.

        Of each feature's effects on the outputs, those at least ``threshold`` times its largest
        are kept and refitted, by least squares, to what the original model puts out; the bias,
        whose job was to suppress interference, goes.

        Parameters
        ----------
        hidden : array-like of shape (n, d)
        outputs : array-like of shape (n, n_out)
            Of the original model on the same samples.
        threshold : float

        Returns
        -------
        UnfoldedModel
        """
        codes, outputs = self.codes(hidden), np.asarray(to_numpy(outputs), float)
        effects = read_effects(codes, outputs)
        size = np.abs(effects)
        kept = (size >= threshold * size.max(axis=1, keepdims=True)) & (size > 0)
        read_out = np.zeros_like(self.read_out)
        for i in range(outputs.shape[1]):
            on = np.flatnonzero(kept[:, i])
            if on.size:
                read_out[on, i] = np.linalg.lstsq(codes[:, on], outputs[:, i], rcond=None)[0]
        return replace(self, read_out=read_out, bias=np.zeros_like(self.bias))


def unfold_model(
    method: FittedMethod,
    W_out: Any,
    b_out: Any = 0.0,
    *,
    rectified: bool = True,
    hidden: Callable[[np.ndarray], Any] | None = None,
    n_in: int | None = None,
    signed_inputs: bool = False,
) -> UnfoldedModel:
    """Read a trained model in the basis of its features.

    Parameters
    ----------
    method : fitted method
        Fitted to the hidden activations.
    W_out : array-like or tensor of shape (d, n_out)
        Weights from the hidden layer to the outputs.
    b_out : array-like or tensor of shape (n_out,)
    rectified : bool
        Whether outputs pass a ReLU.
    hidden : callable, optional
        Maps inputs (n, n_in) to hidden activations (n, d); each input is switched on alone to
        read which features it feeds.
    n_in : int, optional
        Number of inputs; needed with ``hidden``.
    signed_inputs : bool
        Whether inputs may be negative, so that each is also switched on at -1.

    Returns
    -------
    UnfoldedModel

    Raises
    ------
    ValueError
        If the weights do not fit the directions, or ``n_in`` is missing.
    """
    D = np.asarray(to_numpy(method.components_), float)
    W = np.asarray(to_numpy(check_activations(W_out, name="W_out")), float)
    if W.shape[0] != D.shape[1]:
        raise ValueError(
            f"W_out has {W.shape[0]} rows, but the directions have {D.shape[1]} dimensions."
        )
    bias = np.asarray(to_numpy(b_out), float) + np.asarray(to_numpy(method.mean_), float) @ W
    read_in = None
    if hidden is not None:
        if n_in is None:
            raise ValueError("Reading the inputs needs n_in, the number of them.")
        alone = np.eye(n_in)
        read_in = np.asarray(to_numpy(method.transform(to_numpy(hidden(alone)))), float)
        if signed_inputs:
            read_in = read_in - to_numpy(method.transform(to_numpy(hidden(-alone))))
    return UnfoldedModel(method, read_in, D @ W, np.broadcast_to(bias, W.shape[1]), rectified)


def read_effects(codes: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return the effect (k, n_out) of each feature on each output, all else equal.

    Least squares of the outputs, less their values where no feature is active, on the codes.
    """
    codes, outputs = np.asarray(codes, float), np.asarray(outputs, float)
    if codes.shape[0] != outputs.shape[0]:
        raise ValueError(f"codes have {codes.shape[0]} samples, outputs {outputs.shape[0]}.")
    with_one = np.column_stack([codes, np.ones(len(codes))])
    effects: np.ndarray = np.linalg.lstsq(with_one, outputs, rcond=None)[0][:-1]
    return effects


@dataclass(frozen=True)
class Unfolding:
    """How an unfolded model compares with the original.

    Attributes
    ----------
    fidelity : float
        Share of the variance of the original's outputs that the unfolded model reproduces.
    error_original, error_unfolded : float
        Mean squared error of each against the ideal outputs, summed over outputs; NaN without
        them.
    interference_folded, interference_unfolded : float
        Energy that a unit of one feature alone leaks to all others, a mean over features: read
        by inner products with the directions (off-diagonal Gram energy), and by codes.
    active_folded, active_unfolded : float
        Mean number of non-zero hidden units in a sample.
    expansion : float
        How many times wider the unfolded hidden layer is.
    """

    fidelity: float
    error_original: float
    error_unfolded: float
    interference_folded: float
    interference_unfolded: float
    active_folded: float
    active_unfolded: float
    expansion: float

    def __str__(self) -> str:
        """Return the comparison as lines of text."""
        return "\n".join(f"{name:<22} {value:.4g}" for name, value in asdict(self).items())


def compare_unfolded(
    model: UnfoldedModel, hidden: Any, outputs: Any, ideal: Any | None = None
) -> Unfolding:
    """Measure an unfolded model against the one it was read from.

    Parameters
    ----------
    model : UnfoldedModel
    hidden : array-like or tensor of shape (n, d)
        Hidden activations of the original.
    outputs : array-like or tensor of shape (n, n_out)
        Outputs of the original on the same samples.
    ideal : array-like or tensor of shape (n, n_out), optional
        What the outputs should be.

    Returns
    -------
    Unfolding
    """
    hidden = np.asarray(to_numpy(check_activations(hidden, name="hidden")), float)
    outputs = np.asarray(to_numpy(check_activations(outputs, name="outputs")), float)
    codes = model.codes(hidden)
    predicted = model.outputs(codes)
    D = np.asarray(to_numpy(model.method.components_), float)
    alone = model.codes(D + to_numpy(model.method.mean_))
    spread = np.sum((outputs - outputs.mean(axis=0)) ** 2)
    return Unfolding(
        fidelity=float(1 - np.sum((outputs - predicted) ** 2) / spread),
        error_original=_error(outputs, ideal),
        error_unfolded=_error(predicted, ideal),
        interference_folded=leakage(D @ D.T),
        interference_unfolded=leakage(alone),
        active_folded=float(np.mean(np.count_nonzero(hidden, axis=1))),
        active_unfolded=float(np.mean(np.count_nonzero(codes, axis=1))),
        expansion=model.n_features / hidden.shape[1],
    )


def leakage(response: np.ndarray) -> float:
    """Return the energy off the diagonal of a response (k, k), a mean over its rows."""
    squares = np.square(np.asarray(response, float))
    return float(np.mean(squares.sum(axis=1) - np.diag(squares)))


def _error(outputs: np.ndarray, ideal: Any | None) -> float:
    if ideal is None:
        return float("nan")
    return float(np.mean(np.sum((outputs - np.asarray(to_numpy(ideal), float)) ** 2, axis=1)))
