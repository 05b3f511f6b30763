"""Read arrays from files of others: arrays only, never code, and clear words if it fails."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


SUFFIXES = (".npy", ".npz", ".safetensors", ".pt", ".pth")


class FileError(ValueError):
    """A file does not hold usable activations; the message says what it holds instead."""


def load_activations(path: str | Path, key: str | None = None) -> np.ndarray:
    """Return the activations in a file.

    Parameters
    ----------
    path : str or Path
        ``.npy``, ``.npz``, ``.safetensors``, or ``.pt`` that holds tensors only.
    key : str, optional
        Which array to take, where the file holds several.

    Returns
    -------
    ndarray of shape (n_samples, d)
        float32 or float64; half precision and integers become float32.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileError
        If it is damaged, holds objects rather than numbers, several arrays and no ``key``, no
        matrix, or NaN or infinity.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No file {str(path)!r}.")
    readers = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, ".pt": _pt, ".pth": _pt}
    if path.suffix not in readers:
        raise FileError(
            f"Cannot read {path.name!r}: expected a file that ends in {', '.join(SUFFIXES)}."
        )
    try:
        array = readers[path.suffix](path, key)
    except FileError:
        raise
    except MemoryError as error:
        raise FileError(f"{path.name!r} does not fit into memory: {error}") from error
    except Exception as error:  # parsers of foreign bytes raise what they like
        raise FileError(
            f"Cannot read {path.name!r}: it is damaged, cut short or no {path.suffix} file "
            f"({type(error).__name__}: {str(error)[:200]})."
        ) from error
    return _checked(array, path)


def _npy(path: Path, key: str | None) -> np.ndarray:
    _no_key(path, key)
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        _, _, dtype = read[version[0]](file)
    _refuse_objects(dtype, path.name)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _npz(path: Path, key: str | None) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    name = _pick(path, list(sizes), key)
    _refuse_bomb(path, sizes[name])
    with np.load(path, allow_pickle=False) as arrays:
        try:
            return np.asarray(arrays[name])
        except ValueError as error:
            if "allow_pickle" in str(error):
                raise FileError(_objects(f"{path.name}[{name}]")) from error
            raise


def _safetensors(path: Path, key: str | None) -> np.ndarray:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as tensors:
        return _from_tensor(tensors.get_tensor(_pick(path, list(tensors.keys()), key)))


def _pt(path: Path, key: str | None) -> np.ndarray:
    import pickle

    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise FileError(
            f"{path.name!r} holds more than tensors, and loading it could run code; save it as "
            f"`torch.save(activations, path)` with a plain tensor, or as .npy or .safetensors."
        ) from error
    if isinstance(content, Mapping):
        tensors = {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)}
        content = tensors[_pick(path, list(tensors), key)]
    else:
        _no_key(path, key)
    if not isinstance(content, torch.Tensor):
        raise FileError(f"{path.name!r} holds a {type(content).__name__}, expected a tensor.")
    return _from_tensor(content)


def _from_tensor(tensor: Any) -> np.ndarray:
    import torch

    tensor = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    if tensor.dtype not in (torch.float32, torch.float64) and not tensor.is_complex():
        tensor = tensor.float()
    return np.asarray(tensor.numpy())


def _pick(path: Path, names: list[str], key: str | None) -> str:
    if key is not None:
        if key not in names:
            raise FileError(f"{path.name!r} has no array {key!r}: it has {_listed(names)}.")
        return key
    if len(names) != 1:
        raise FileError(
            f"{path.name!r} holds {len(names)} arrays ({_listed(names)}): name one with --key."
        )
    return names[0]


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return (shown + ", ..." if len(names) > 8 else shown) or "none"


def _no_key(path: Path, key: str | None) -> None:
    if key is not None:
        raise FileError(f"{path.name!r} holds a single array without a name: leave out --key.")


def _refuse_objects(dtype: np.dtype, what: str) -> None:
    if dtype.hasobject:
        raise FileError(_objects(what))


def _objects(what: str) -> str:
    return (
        f"{what!r} holds Python objects, not numbers, and loading it could run code; save a "
        f"numeric array, as `np.save(path, np.stack(rows).astype('float32'))`."
    )


def _refuse_bomb(path: Path, size: int) -> None:
    """Refuse to unpack more than there is memory for."""
    import psutil

    available = psutil.virtual_memory().available
    if size > available:
        raise FileError(
            f"{path.name!r} unpacks to {size / 1e9:.1f} GB, and {available / 1e9:.1f} GB of memory "
            f"are free; save it as .npy, which is read in parts."
        )


def _checked(array: np.ndarray, path: Path) -> np.ndarray:
    what = f"{path.name!r}"
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise FileError(f"{what} holds values of type {array.dtype}, expected real numbers.")
    if array.ndim != 2:
        hint = (
            f"; `X.reshape(-1, {array.shape[-1]})` makes one sample of every position"
            if array.ndim > 2
            else ""
        )
        raise FileError(
            f"{what} has shape {array.shape}, expected a matrix (n_samples, d), one activation "
            f"vector a row{hint}."
        )
    if array.shape[0] < 2 or array.shape[1] < 1:
        raise FileError(f"{what} has shape {array.shape}: at least two samples are needed.")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32)
    bad = _rows_not_finite(array)
    if len(bad):
        raise FileError(
            f"{what} has NaN or infinity in {len(bad)} of {len(array)} rows (first: row {bad[0]}): "
            f"drop or repair them."
        )
    return array


def _rows_not_finite(array: np.ndarray, block: int = 1 << 16) -> np.ndarray:
    """Return the rows with NaN or infinity, a block at a time, as the array may be on disk."""
    bad = [
        start + np.flatnonzero(~np.isfinite(array[start : start + block]).all(axis=1))
        for start in range(0, len(array), block)
    ]
    return np.concatenate(bad)
