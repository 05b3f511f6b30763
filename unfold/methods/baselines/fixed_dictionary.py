"""A dictionary that somebody else found, as a method: to be scored and used for coding."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, final

import numpy as np

from unfold.arrays import like, root_mean_square, to_numpy, unit_rows
from unfold.io.dictionaries import read_dictionary
from unfold.io.formats.dictionary import Dictionary
from unfold.io.formats.own import PLAIN
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import SparseCoder


@final
class FixedDictionary(SparseCoder):
    """The directions of a file, whatever the data, and its encoder where it has one.

    Codes are those of the file's own encoder, and go with ``dictionary_``, atoms at the lengths of
    the file; ``components_`` are the same atoms at unit length.

    Parameters
    ----------
    path : str
        A file or folder, as for `unfold.load_dictionary`. Of directions alone, a matrix (k, d);
        one of shape (d, k), as in ``torch.nn.Linear`` decoders, is turned where the data's d
        leaves no doubt.
    key : str, optional
        Name of the matrix in the file, which is then read as directions alone.
    format : str
        "auto", or what the file must be.
    encoder : str
        "own" for the file's encoder where it has one, "l1" for L1 codes over its directions,
        whatever stands beside them.
    alpha : float
        Weight of the L1 penalty of codes, as a share of the root mean square norm.
    positive : bool
        Whether L1 codes are non-negative.
    random_state : object
        Ignored; there is nothing to draw.

    Attributes
    ----------
    dictionary_ : array of shape (n_components_, d)
        Atoms at the lengths that the codes go with.
    source_ : str
        Name of the format that was read.
    facts_ : dict
        What the file says of itself.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="baselines",
        solves="Scores a given dictionary, such as a trained autoencoder, by its own codes.",
        paper="own",
        cost="none",
        fails="as the dictionary does",
        hints={},
    )

    centres: ClassVar[bool] = False  # the offset is that of the file

    def __init__(
        self,
        path: str | None = None,
        *,
        key: str | None = None,
        format: str = "auto",
        encoder: Literal["own", "l1"] = "own",
        alpha: float = 0.05,
        positive: bool = True,
        random_state: Any = 0,
    ) -> None:
        self.path = path
        self.key = key
        self.format = format
        self.encoder = encoder
        self.alpha = alpha
        self.positive = positive
        self.random_state = random_state

    def load(self) -> Self:
        """Take the file as it is, without data: L1 codes are then for data of unit norm.

        Returns
        -------
        self
            Fitted.

        Raises
        ------
        FileNotFoundError, ValueError
            As `unfold.load_dictionary`.
        """
        self._take(self._read())
        self.n_iter_, self.status_ = 1, FitStatus.CONVERGED
        self.components_ = unit_rows(self.components_)
        self.n_components_, self.n_features_in_ = self.components_.shape
        self.scale_ = 1.0
        return self

    def reconstruct(self, X: Any) -> Any:
        """Return activations encoded and decoded, as the file's library does it.

        Where a library normalises every sample, codes alone do not say what they stand for, and
        `inverse_transform` is refused; this undoes the normalisation.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, d)

        Returns
        -------
        array of shape (n_samples, d)
        """
        if self._own is None:
            return self.inverse_transform(self.transform(X))
        given = self._validate(X, reset=False)
        return like(self._own.reconstruct(to_numpy(given)), given)

    def _read(self) -> Dictionary:
        if self.path is None:
            raise ValueError("FixedDictionary needs path: a file or folder with a dictionary.")
        if self.encoder not in ("own", "l1"):
            raise ValueError(f"encoder must be 'own' or 'l1', got {self.encoder!r}.")
        alone = self.encoder == "l1" and self.format == "auto"
        return read_dictionary(Path(self.path), PLAIN if alone else self.format, key=self.key)

    def _fit(self, X: np.ndarray) -> None:
        found = self._read()
        d = X.shape[1]
        if found.encoder is None and found.atoms.shape[1] != d == found.atoms.shape[0]:
            found = replace(found, atoms=found.atoms.T, offset=np.zeros(d))
        if found.atoms.shape[1] != d:
            raise ValueError(
                f"{self.path} holds directions of shape {found.atoms.shape}, but X has {d} "
                f"dimensions."
            )
        if found.encoder is None:
            found = replace(found, atoms=found.atoms[np.abs(found.atoms).max(axis=1) > 0])
        self._take(found)
        self.scale_ = root_mean_square(X)

    def _take(self, found: Dictionary) -> None:
        own = self.encoder == "own" and found.encoder is not None
        self._own = found if own else None
        self.source_, self.facts_ = found.source, dict(found.facts)
        self.components_, self.mean_ = found.atoms, found.offset
        self.dictionary_ = found.atoms if own else unit_rows(found.atoms)

    def _exported(self) -> Dictionary:
        return super()._exported() if self._own is None else self._own

    def _decode(self, Z: Any) -> Any:
        if self._own is not None and self._own.normalise != "none":
            raise ValueError(
                f"This {self.source_} dictionary normalises every sample ({self._own.normalise}), "
                f"so that codes alone do not say what they stand for: use reconstruct(X)."
            )
        return Z @ like(self.dictionary_, Z) + like(self.mean_, Z)
