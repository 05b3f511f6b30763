"""A dictionary as a file holds it, in one form for all formats."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from unfold.io.checks import FileError
from unfold.io.formats.encoder import (
    Encoder,
    Lasso,
    Linear,
    MatchingPursuit,
    Normalisation,
    Sparsest,
    normalised,
)


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Atoms, an offset, and the encoder that goes with them.

    Attributes
    ----------
    atoms : ndarray of shape (m, d)
        At the lengths that the codes go with.
    offset : ndarray of shape (d,)
        What the decoder adds.
    encoder : Encoder or None
        None where a file holds directions alone.
    source : str
        Name of the format.
    normalise : str
        What is done to each sample before, and undone after.
    facts : Mapping
        What the file says of itself: model, layer, k, ...; plain values.
    """

    atoms: np.ndarray
    offset: np.ndarray
    encoder: Encoder | None
    source: str
    normalise: Normalisation = "none"
    facts: Mapping[str, Any] = field(default_factory=dict)

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the codes (n, m) of ``X`` (n, d), where the file's own encoder gives them."""
        if not isinstance(self.encoder, Linear | MatchingPursuit):
            raise TypeError("This dictionary has no encoder of its own.")
        return self.encoder(normalised(X, self.normalise)[0], self.atoms)

    def decode(self, Z: np.ndarray) -> np.ndarray:
        """Return what codes stand for, in the units of normalised samples."""
        return Z @ self.atoms.astype(Z.dtype) + self.offset.astype(Z.dtype)

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return samples encoded and decoded, with their normalisation undone."""
        _, scale, shift = normalised(X, self.normalise)
        return self.decode(self.encode(X)) * scale + shift

    def scaled(self, scale: float) -> "Dictionary":
        """Return the dictionary of ``X`` that is this one's of ``X / scale``, codes scaled."""
        encoder = self.encoder
        if isinstance(encoder, Lasso):
            encoder = Lasso(encoder.alpha * scale, encoder.positive)
        elif isinstance(encoder, Sparsest):
            encoder = Sparsest(encoder.noise * scale, encoder.positive)
        elif encoder is not None:
            encoder = encoder.scaled(scale)
        return replace(self, offset=self.offset * scale, encoder=encoder)


def checked(found: Dictionary) -> Dictionary:
    """Return a dictionary whose parts fit together and are finite.

    Raises
    ------
    FileError
    """
    m, d = found.atoms.shape if found.atoms.ndim == 2 else (0, 0)
    parts = {"decoder": (found.atoms, (m, d)), "offset": (found.offset, (d,))}
    if isinstance(found.encoder, Linear):
        encoder = found.encoder
        parts |= {
            "encoder": (encoder.weights, (d, m)),
            "encoder bias": (encoder.bias, (m,)),
            "centre": (encoder.centre, (d,)),
        }
        for name, value in vars(encoder.activation).items():
            if isinstance(value, np.ndarray):
                parts[name] = (value, (m,))
        k = getattr(encoder.activation, "k", 1)
        if type(k) is not int or k < 1 or (hasattr(encoder.activation, "k") and k > m):
            raise FileError(f"A {found.source} dictionary of {m} latents keeps k={k!r} of them.")
    if not m or not d:
        raise FileError(
            f"A {found.source} dictionary with a decoder of shape {found.atoms.shape}: expected "
            f"(latents, d)."
        )
    for name, (array, shape) in parts.items():
        if array.shape != shape:
            raise FileError(
                f"A {found.source} dictionary with a decoder of shape {(m, d)} has a {name} of "
                f"shape {array.shape}, expected {shape}."
            )
        if not np.isfinite(array).all():
            raise FileError(f"The {name} of this {found.source} dictionary has NaN or infinity.")
    return found
