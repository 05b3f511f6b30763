"""One matrix of a file, by the names that dictionaries and autoencoders give to directions."""

from pathlib import Path

import numpy as np

from unfold.io.checks import FileError, listed
from unfold.io.files import read_arrays

#: Names that files of dictionaries and of autoencoders give to the directions.
USUAL = ("dictionary", "components", "directions", "W_dec", "decoder.weight", "decoder")


def read_matrix(path: Path, key: str | None = None) -> np.ndarray:
    """Return a matrix from a file, without unpickling anything.

    Parameters
    ----------
    path : Path
        As for `unfold.io.files.read_arrays`.
    key : str, optional
        Which of several.

    Returns
    -------
    ndarray of shape (k, d)
        float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileError
        If the file is of another type, damaged, or does not hold one matrix of that name.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No file {str(path)!r} with a dictionary.")
    arrays, _ = read_arrays(path)
    matrices = [name for name, array in arrays.items() if len(array.shape) == 2]
    if key is None:
        candidates = [name for name in USUAL if name in matrices][:1] or matrices
        if len(candidates) != 1:
            raise FileError(
                f"{path} holds {len(candidates)} matrices, {listed(sorted(arrays))}: give key."
            )
        key = candidates[0]
    if key not in matrices:
        raise FileError(f"{path} has no matrix {key!r}; it has {listed(sorted(arrays))}.")
    return np.asarray(arrays[key].array(), dtype=np.float64)
