"""Circuits in the feature basis: which feature drives which output, and by which neurons."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from unfold.arrays import to_numpy
from unfold.unfolding.unfolded import UnfoldedModel, read_effects

#: Effects by one neuron below this share of a feature's main effect do not make a motif.
_NOTABLE: Final = 0.1

#: Share of an effect that an inhibitor must take back, and may at most add elsewhere.
_HALF: Final = 0.5


@dataclass(frozen=True, eq=False)
class Circuit:
    """Weights between unfolded features and outputs.

    Attributes
    ----------
    weights : ndarray of shape (k, n_out)
        What a unit of each feature adds to each output before its nonlinearity.
    effects : ndarray of shape (k, n_out)
        What it adds after, all else equal, over the samples given.
    edges : ndarray of shape (k, n_out), bool
        Effects of at least half the largest of the feature.
    drives : ndarray of shape (k,), int
        The output that each feature drives most.
    """

    weights: np.ndarray
    effects: np.ndarray
    edges: np.ndarray
    drives: np.ndarray

    def __str__(self) -> str:
        """Return the circuit, an edge a line."""
        lines = []
        for feature in range(len(self.drives)):
            parts = [
                f"output {i} ({self.effects[feature, i]:+.2f})"
                for i in np.flatnonzero(self.edges[feature])
            ]
            lines.append(f"feature {feature} -> {', '.join(parts) or 'nothing'}")
        return "\n".join(lines)


def read_circuit(
    model: UnfoldedModel, hidden: Any, outputs: Any | None = None, threshold: float = 0.5
) -> Circuit:
    """Read the circuit from features to outputs off an unfolded model.

    Parameters
    ----------
    model : UnfoldedModel
    hidden : array-like of shape (n, d)
        Hidden activations over which effects are averaged.
    outputs : array-like of shape (n, n_out), optional
        Of the original model on the same samples; by default the unfolded model's.
    threshold : float
        Smallest effect that makes an edge, relative to the largest of its feature.

    Returns
    -------
    Circuit
    """
    codes = model.codes(hidden)
    out = model.outputs(codes) if outputs is None else np.asarray(to_numpy(outputs), float)
    effects = read_effects(codes, out)
    size = np.abs(effects)
    edges = (size >= threshold * size.max(axis=1, keepdims=True)) & (size > 0)
    return Circuit(model.read_out, effects, edges, size.argmax(axis=1))


@dataclass(frozen=True)
class AsymmetricMotif:
    """A pair of features, one of which interferes with the other and not the reverse.

    One neuron serves both: it takes the source in strongly and puts the victim out strongly. A
    second neuron, which the source also drives, inhibits the victim's output, so that what is
    left is negative, and a ReLU deletes it.

    Attributes
    ----------
    source, victim : int
        The feature that interferes, and the output it interferes with.
    neuron, inhibitor : int
        The neuron that carries the interference, and the one that takes most of it back.
    forward, reverse : float
        Interference by ``neuron`` of the source with the victim, and of the victim with the
        source.
    net : float
        Interference of the source with the victim over all neurons; at most about 0 where the
        inhibition works.
    """

    source: int
    victim: int
    neuron: int
    inhibitor: int
    forward: float
    reverse: float
    net: float


def asymmetric_motifs(
    features: Any, outputs: Any, drives: Any | None = None, asymmetry: float = 4.0
) -> list[AsymmetricMotif]:
    """Find pairs of features in asymmetric superposition (Elhage et al., 2022).

    Parameters
    ----------
    features : array-like of shape (k, m)
        Activation of each of ``m`` neurons by a unit of each feature.
    outputs : array-like of shape (m, n_out)
        Weights of neurons on outputs.
    drives : array-like of shape (k,), optional
        The output that is a feature's own; by default its largest total effect.
    asymmetry : float
        Smallest ratio of forward to reverse interference.

    Returns
    -------
    list of AsymmetricMotif
        The strongest interference first.

    Raises
    ------
    ValueError
        If the two matrices do not share the neurons.
    """
    A, B = np.asarray(to_numpy(features), float), np.asarray(to_numpy(outputs), float)
    if A.ndim != 2 or B.ndim != 2 or A.shape[1] != B.shape[0]:
        raise ValueError(f"features {A.shape} and outputs {B.shape} must be (k, m) and (m, n_out).")
    total = A @ B
    own = np.abs(total).argmax(axis=1) if drives is None else np.asarray(to_numpy(drives), int)
    found = []
    for source in range(len(A)):
        for victim in range(len(A)):
            i, j = own[source], own[victim]
            if i == j:
                continue
            carried = A[source] * B[:, j]
            neuron = int(carried.argmax())
            forward, reverse = float(carried[neuron]), float(A[victim, neuron] * B[neuron, i])
            inhibitor = int(carried.argmin())
            main = abs(total[victim, j])
            serves_both = (
                A[source, neuron] * B[neuron, i] >= _NOTABLE * abs(total[source, i])
                and A[victim, neuron] * B[neuron, j] >= _NOTABLE * main
            )
            if (
                serves_both
                and forward > _NOTABLE * main
                and forward >= asymmetry * abs(reverse)
                and -carried[inhibitor] >= _HALF * forward
                and A[victim, inhibitor] * B[inhibitor, j] <= _HALF * main
            ):
                found.append(
                    AsymmetricMotif(
                        source, int(j), neuron, inhibitor, forward, reverse, float(total[source, j])
                    )
                )
    return sorted(found, key=lambda motif: -motif.forward)
