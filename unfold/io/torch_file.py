"""Files of ``torch.save``: tensors and plain values only, by torch's own restricted reader."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unfold.io.checks import FileError, refuse_what_exceeds_memory
from unfold.io.shard import Shard


def read_torch(path: Path) -> tuple[dict[str, Shard], dict[str, Any]]:
    """Return the tensors of a file by name, those of nested dictionaries with dots, and the rest.

    Raises
    ------
    FileError
        If it holds anything but tensors and plain values, or does not fit into memory.
    """
    import torch

    remedy = "save it as .npy or .safetensors, which are read in parts"
    if packed := zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            refuse_what_exceeds_memory(
                sum(m.file_size for m in archive.infolist() if m.compress_type), path.name, remedy
            )
    else:
        refuse_what_exceeds_memory(path.stat().st_size, path.name, remedy)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sparse tensors being a prototype
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=packed)
    except pickle.UnpicklingError as error:
        raise FileError(
            f"{path.name!r} holds more than tensors, and loading it could run code; save it as "
            f"`torch.save(activations, path)` with a plain tensor, or as .npy or .safetensors."
        ) from error
    if isinstance(content, torch.Tensor):
        return {"": _shard(content, repr(path.name))}, {}
    if isinstance(content, (list, tuple)):
        content = {str(place): value for place, value in enumerate(content)}
    if not isinstance(content, Mapping):
        raise FileError(f"{path.name!r} holds a {type(content).__name__}, expected a tensor.")
    arrays: dict[str, Shard] = {}
    notes: dict[str, Any] = {}
    for name, value in _leaves(content, ""):
        if isinstance(value, torch.Tensor):
            arrays[name] = _shard(value, f"{path.name!r}[{name!r}]")
        else:
            notes[name] = value
    return arrays, notes


def _leaves(content: Mapping[Any, Any], prefix: str) -> Any:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shard(tensor: Any, name: str) -> Shard:
    import torch

    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        refuse_what_exceeds_memory(
            tensor.numel() * tensor.element_size(), f"{name}, dense,", "store it dense, in parts"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tensor = tensor.to_dense()
    if tensor.dtype == torch.bfloat16:
        return Shard(tensor.view(torch.uint16).numpy(), name, bfloat16=True)
    try:
        return Shard(np.asarray(tensor.numpy()), name)
    except TypeError as error:
        raise FileError(
            f"{name} holds values of type {tensor.dtype}, which has none like it in "
            f"NumPy: store it as float32."
        ) from error
