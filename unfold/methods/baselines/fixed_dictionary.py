"""A dictionary that somebody else found, as a method: to be scored and used for coding."""

from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np

from unfold.arrays import root_mean_square
from unfold.io.matrix import read_matrix
from unfold.methods.base import MethodCard
from unfold.methods.codes import SparseCoder


@final
class FixedDictionary(SparseCoder):
    """The directions of a file, whatever the data: a trained autoencoder's decoder, say.

    Parameters
    ----------
    path : str
        ``.npy``, ``.npz`` or ``.safetensors``. A matrix (k, d); one of shape (d, k), as in
        ``torch.nn.Linear`` decoders, is turned where the data's d leaves no doubt.
    key : str, optional
        Name of the matrix in the file; by default the first usual name, or the only matrix.
    alpha : float
        Weight of the L1 penalty of codes, as a share of the root mean square norm.
    positive : bool
        Whether codes are non-negative.
    random_state : object
        Ignored; there is nothing to draw.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="baselines",
        solves="Scores a given dictionary, such as a trained autoencoder's decoder.",
        paper="own",
        cost="none",
        fails="as the dictionary does",
        hints={},
    )

    def __init__(
        self,
        path: str | None = None,
        *,
        key: str | None = None,
        alpha: float = 0.05,
        positive: bool = True,
        random_state: Any = 0,
    ) -> None:
        self.path = path
        self.key = key
        self.alpha = alpha
        self.positive = positive
        self.random_state = random_state

    def _fit(self, X: np.ndarray) -> None:
        if self.path is None:
            raise ValueError("FixedDictionary needs path: a .npy, .npz or .safetensors file.")
        D = read_matrix(Path(self.path), self.key)
        d = X.shape[1]
        if D.shape[1] != d and D.shape[0] == d:
            D = D.T
        if D.shape[1] != d:
            raise ValueError(
                f"{self.path} holds directions of shape {D.shape}, but X has {d} dimensions."
            )
        if not np.isfinite(D).all():
            raise ValueError(f"The directions in {self.path} contain NaN or infinity.")
        self.components_ = D[np.abs(D).max(axis=1) > 0]
        self.scale_ = root_mean_square(X)
