"""Encoders in one normal form: what is done to a sample, and which latents stay active.

All of it is NumPy, so that a file is read without the library that wrote it.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

import numpy as np

from unfold.io.formats.solved import (
    AtMost,
    Lasso,
    Solved,
    Sparsest,
    SubspacePursuit,
    TreePursuit,
)

#: Added to the standard deviation that samples are divided by: SAELens' and OpenAI's number.
LAYER_NORM_EPSILON = 1e-5
Normalisation = Literal["none", "layer_norm", "constant_norm_rescale"]


@dataclass(frozen=True, eq=False)
class Activation:
    """What becomes of pre-activations ``H`` (n, m)."""

    def __call__(self, H: np.ndarray) -> np.ndarray:
        """Return codes (n, m)."""
        raise NotImplementedError

    def scaled(self, scale: Any) -> Self:
        """Return the same for pre-activations ``scale`` times as large, or scales (m,) of each."""
        return self


@dataclass(frozen=True, eq=False)
class Relu(Activation):
    """Rectified."""

    def __call__(self, H: np.ndarray) -> np.ndarray:
        """Return the positive part."""
        return np.maximum(H, 0)


@dataclass(frozen=True, eq=False)
class Identity(Activation):
    """Nothing: linear codes, of either sign."""

    def __call__(self, H: np.ndarray) -> np.ndarray:
        """Return what is given."""
        return H


@dataclass(frozen=True, eq=False)
class JumpRelu(Activation):
    """Rectified, and zero up to a threshold (m,) that belongs to each latent."""

    threshold: np.ndarray

    def __call__(self, H: np.ndarray) -> np.ndarray:
        """Return what exceeds the thresholds."""
        return np.maximum(H, 0) * (self.threshold.astype(H.dtype) < H)

    def scaled(self, scale: Any) -> Self:
        """Return the same for pre-activations ``scale`` times as large, or scales (m,) of each."""
        return replace(self, threshold=self.threshold * scale)


@dataclass(frozen=True, eq=False)
class TopK(Activation):
    """The ``k`` largest of each sample, rectified."""

    k: int

    def __call__(self, H: np.ndarray) -> np.ndarray:
        """Return all but the largest set to zero."""
        k = min(self.k, H.shape[1])
        places = np.argpartition(-H, k - 1, axis=1)[:, :k]
        Z = np.zeros_like(H)
        np.put_along_axis(Z, places, np.maximum(np.take_along_axis(H, places, 1), 0), 1)
        return Z


@dataclass(frozen=True, eq=False)
class GroupMax(Activation):
    """The largest of each of ``k`` groups of consecutive latents, rectified."""

    k: int

    def __call__(self, H: np.ndarray) -> np.ndarray:
        """Return all but one of each group set to zero."""
        groups = np.maximum(H, 0).reshape(len(H), self.k, -1)
        best = groups.argmax(axis=2)[..., None]
        Z = np.zeros_like(groups)
        np.put_along_axis(Z, best, np.take_along_axis(groups, best, 2), 2)
        return Z.reshape(H.shape)


@dataclass(frozen=True, eq=False)
class Gated(Activation):
    """Active where ``H + gate_bias > 0``, by as much as ``relu(H * scale + magnitude_bias)``."""

    gate_bias: np.ndarray
    scale: np.ndarray
    magnitude_bias: np.ndarray

    def __call__(self, H: np.ndarray) -> np.ndarray:
        """Return the magnitudes where the gates are open."""
        gate, scale, bias = (a.astype(H.dtype) for a in (self.gate_bias, self.scale,
                                                         self.magnitude_bias))  # fmt: skip
        return (H + gate > 0) * np.maximum(H * scale + bias, 0)

    def scaled(self, scale: Any) -> Self:
        """Return the same for pre-activations ``scale`` times as large, or scales (m,) of each."""
        return replace(
            self, gate_bias=self.gate_bias * scale, magnitude_bias=self.magnitude_bias * scale
        )


@dataclass(frozen=True, eq=False)
class Linear:
    """``activation((x - centre) @ weights + bias)``, of samples normalised one by one.

    Attributes
    ----------
    weights : ndarray of shape (d, m)
    bias : ndarray of shape (m,)
    centre : ndarray of shape (d,)
        Subtracted before; zeros where a format subtracts nothing.
    activation : Activation
    """

    weights: np.ndarray
    bias: np.ndarray
    centre: np.ndarray
    activation: Activation

    def __call__(self, X: np.ndarray, decoder: np.ndarray) -> np.ndarray:
        """Return the codes (n, m) of ``X`` (n, d)."""
        H = (X - self.centre.astype(X.dtype)) @ self.weights.astype(X.dtype)
        return self.activation(H + self.bias.astype(X.dtype))

    def scaled(self, scale: float) -> "Linear":
        """Return the encoder of ``X`` whose codes are ``scale`` times those of ``X / scale``."""
        return replace(
            self,
            bias=self.bias * scale,
            centre=self.centre * scale,
            activation=self.activation.scaled(scale),
        )


@dataclass(frozen=True, eq=False)
class MatchingPursuit:
    """The latent that fits the residual best, again and again; SAELens' rules of when to stop.

    Attributes
    ----------
    centre : ndarray of shape (d,)
    max_iterations : int
    residual_threshold : float
        Residual norm below which a sample is done; 0 to go on.
    stop_on_duplicate_support : bool
        Whether a sample is done when a step adds no latent.
    """

    centre: np.ndarray
    max_iterations: int
    residual_threshold: float = 0.0
    stop_on_duplicate_support: bool = False

    def __call__(self, X: np.ndarray, decoder: np.ndarray) -> np.ndarray:
        """Return the codes (n, m) of ``X`` (n, d)."""
        residual = X - self.centre.astype(X.dtype)
        D = decoder.astype(X.dtype)
        Z = np.zeros((len(X), len(D)), X.dtype)
        done = np.zeros(len(X), bool)
        rows = np.arange(len(X))
        for _ in range(self.max_iterations):
            best = np.maximum(residual @ D.T, 0).argmax(axis=1)
            step = np.maximum((residual * D[best]).sum(axis=1), 0) * ~done
            grown = (Z[rows, best] == 0) & (step != 0)
            Z[rows, best] += step
            residual = residual - step[:, None] * D[best]
            if self.stop_on_duplicate_support:
                done |= ~grown
            if self.residual_threshold > 0:
                done |= np.linalg.norm(residual, axis=1) < self.residual_threshold
            if done.all():
                break
        return Z

    def scaled(self, scale: float) -> "MatchingPursuit":
        """Return the encoder of ``X`` whose codes are ``scale`` times those of ``X / scale``."""
        return replace(
            self, centre=self.centre * scale, residual_threshold=self.residual_threshold * scale
        )


Encoder = Linear | MatchingPursuit | Solved
_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (Relu, Identity, JumpRelu, TopK, GroupMax, Gated, Linear, MatchingPursuit, Lasso,
                 Sparsest, AtMost, SubspacePursuit, TreePursuit)
}  # fmt: skip


def normalised(X: np.ndarray, how: Normalisation) -> tuple[np.ndarray, Any, Any]:
    """Return samples as an encoder sees them, and what undoes it: ``x * scale + shift``."""
    if how == "layer_norm":
        shift = X.mean(axis=1, keepdims=True)
        scale = (X - shift).std(axis=1, ddof=1, keepdims=True)
        return (X - shift) / (scale + X.dtype.type(LAYER_NORM_EPSILON)), scale, shift
    if how == "constant_norm_rescale":
        scale = np.linalg.norm(X, axis=1, keepdims=True) / X.dtype.type(X.shape[1] ** 0.5)
        return X / scale, scale, 0
    return X, 1, 0


def pack(encoder: Encoder | Activation, prefix: str) -> tuple[dict[str, np.ndarray], Any]:
    """Return an encoder as arrays by name, and the rest in JSON."""
    arrays: dict[str, np.ndarray] = {}
    plain: dict[str, Any] = {"kind": type(encoder).__name__}
    for part in fields(encoder):
        value = getattr(encoder, part.name)
        if isinstance(value, np.ndarray):
            arrays[prefix + part.name] = value
        elif isinstance(value, Activation):
            inner, plain[part.name] = pack(value, prefix + part.name + ".")
            arrays |= inner
        else:
            plain[part.name] = value
    return arrays, plain


def unpack(arrays: dict[str, np.ndarray], plain: Any, prefix: str) -> Any:
    """Return the encoder that `pack` took apart.

    Raises
    ------
    KeyError, TypeError
        If the parts do not make one.
    """
    kind = _KINDS[plain["kind"]]
    values: dict[str, Any] = {}
    for part in fields(kind):
        if part.type is np.ndarray:
            values[part.name] = arrays[prefix + part.name]
        elif part.type is Activation:
            values[part.name] = unpack(arrays, plain[part.name], prefix + part.name + ".")
        else:
            values[part.name] = _number(plain[part.name], part.type)
    return kind(**values)


def _number(value: Any, kind: Any) -> Any:
    whole = type(value) is int and kind in (int, float)
    if not (whole or type(value) is kind) or not (0 <= value < float("inf")):
        raise TypeError(f"{value!r} is no {kind.__name__} that an encoder may have")
    return value
