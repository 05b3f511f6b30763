"""A dictionary that somebody else found, as a method: to be scored and used for coding."""

from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np

from unfold.methods.base import MethodCard
from unfold.methods.coding import SparseCoder, root_mean_square

#: Names that files of dictionaries and of autoencoders give to the directions.
USUAL = ("dictionary", "components", "directions", "W_dec", "decoder.weight", "decoder")


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
        family="control",
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


def read_matrix(path: Path, key: str | None = None) -> np.ndarray:
    """Return a matrix from a file, without unpickling anything.

    Parameters
    ----------
    path : Path
        ``.npy``, ``.npz`` or ``.safetensors``.
    key : str, optional
        Which of several.

    Returns
    -------
    ndarray of shape (k, d)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is of another type, damaged, or does not hold one matrix of that name.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No file {str(path)!r} with a dictionary.")
    arrays = _read_arrays(path)
    if key is None:
        named = [name for name in USUAL if name in arrays and arrays[name].ndim == 2]
        matrices = named[:1] or [name for name, a in arrays.items() if a.ndim == 2]
        if len(matrices) != 1:
            raise ValueError(f"{path} holds {len(matrices)} matrices, {sorted(arrays)}: give key.")
        key = matrices[0]
    if key not in arrays or arrays[key].ndim != 2:
        raise ValueError(f"{path} has no matrix {key!r}; it has {sorted(arrays)}.")
    return np.asarray(arrays[key], dtype=np.float64)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        if path.suffix == ".npy":
            return {"dictionary": np.load(path, allow_pickle=False)}
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return load_file(path)
    except Exception as error:
        raise ValueError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    raise ValueError(f"{path}: expected a .npy, .npz or .safetensors file.")
