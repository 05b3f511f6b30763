"""A dictionary that somebody else found, as a method: to be scored and used for coding."""

from pathlib import Path

import numpy as np

#: Names that files of dictionaries and of autoencoders give to the directions.
USUAL = ("dictionary", "components", "directions", "W_dec", "decoder.weight", "decoder")


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
