"""A dictionary as a file holds it, in one form for all formats."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from unfold.io.checks import FileError
from unfold.io.formats.encoder import (
    Encoder,
    GroupMax,
    Linear,
    MatchingPursuit,
    Normalisation,
    TopK,
    normalised,
)
from unfold.io.formats.solved import SubspacePursuit, TreePursuit


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
        encoder = None if self.encoder is None else self.encoder.scaled(scale)
        return replace(self, offset=self.offset * scale, encoder=encoder)

    def shifted(self, by: np.ndarray) -> "Dictionary":
        """Return the dictionary of ``X`` that is this one's of ``X - by``."""
        encoder = self.encoder
        if isinstance(encoder, Linear | MatchingPursuit):
            encoder = replace(encoder, centre=encoder.centre + by)
        return replace(self, offset=self.offset + by, encoder=encoder)

    def with_unit_atoms(self) -> "Dictionary":
        """Return the same with atoms of unit norm, where each code depends on its own latent."""
        norms = np.linalg.norm(self.atoms, axis=1)
        norms[norms == 0] = 1
        encoder = self.encoder
        if not isinstance(encoder, Linear) or isinstance(encoder.activation, TopK | GroupMax):
            return self
        encoder = replace(
            encoder,
            weights=encoder.weights * norms,
            bias=encoder.bias * norms,
            activation=encoder.activation.scaled(norms),
        )
        return replace(self, atoms=self.atoms / norms[:, None], encoder=encoder)


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
    elif isinstance(found.encoder, MatchingPursuit):
        parts["centre"] = (found.encoder.centre, (d,))
    elif isinstance(found.encoder, SubspacePursuit):
        parts["groups"] = (found.encoder.groups, (m,))
    elif isinstance(found.encoder, TreePursuit):
        parts |= {"parents": (found.encoder.parents, (m,)), "least": (found.encoder.least, (m,))}
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
    if isinstance(found.encoder, TreePursuit) and not _is_forest(found.encoder.parents):
        raise FileError(f"The parents of this {found.source} dictionary make no forest.")
    return found


def _is_forest(parents: np.ndarray) -> bool:
    """Tell whether every node comes to a root; twice as many steps up at every turn."""
    m = len(parents)
    if parents.dtype.kind != "i" or parents.min() < -1 or parents.max() >= m:
        return False
    up = np.append(np.where(parents < 0, m, parents), m)
    for _ in range(m.bit_length()):
        up = up[up]
    return bool((up == m).all())
