"""Arrays that came back from a method: read them without trust, and say what is wrong."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load
from scipy.sparse import csr_array

#: Codes with fewer non-zeros than this are stored as CSR.
SPARSE_BELOW = 0.4
_PARTS = ("data", "indices", "indptr", "shape")


def pack_codes(codes: Any, name: str = "codes_test") -> dict[str, np.ndarray]:
    """Return codes as one named array, or as the parts of a CSR matrix if they are sparse."""
    is_sparse = hasattr(codes, "tocsr")
    n_active = codes.nnz if is_sparse else np.count_nonzero(codes)
    if n_active >= SPARSE_BELOW * codes.shape[0] * codes.shape[1]:
        dense = codes.toarray() if is_sparse else codes
        return {name: np.ascontiguousarray(dense, np.float32)}
    sparse = csr_array(codes, dtype=np.float32)
    return {
        f"{name}.data": sparse.data,
        f"{name}.indices": sparse.indices.astype(np.int32),
        f"{name}.indptr": sparse.indptr.astype(np.int64),
        f"{name}.shape": np.asarray(sparse.shape, np.int64),
    }


def decode(data: bytes) -> dict[str, Any]:
    """Return "dictionary" and, where there are any, "codes_test" (dense or CSR) and "groups".

    Raises
    ------
    ValueError
        If the bytes are no safetensors file, or its parts do not make arrays.
    """
    try:
        arrays: dict[str, Any] = load(data)
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"the stored arrays cannot be read: {error}") from error
    if "dictionary" not in arrays:
        raise ValueError("the stored arrays hold no dictionary")
    if all(f"codes_test.{part}" in arrays for part in _PARTS):
        data, indices, indptr, shape = (arrays.pop(f"codes_test.{part}") for part in _PARTS)
        codes = csr_array((data, indices, indptr), shape=(int(shape[0]), int(shape[1])))
        codes.check_format(full_check=True)
        arrays["codes_test"] = codes
    return arrays


def fault(arrays: Mapping[str, Any], n_test: int, d: int) -> str:
    """Return what makes an estimate unusable; an empty string if nothing does.

    Parameters
    ----------
    arrays : Mapping
        As from `decode`.
    n_test, d : int
        Samples and dimensions of the held-out activations.
    """
    dictionary = arrays["dictionary"]
    if dictionary.ndim != 2 or dictionary.shape[1] != d or not len(dictionary):
        return f"The dictionary has shape {dictionary.shape}, expected (n_components, {d})."
    if not np.isfinite(dictionary).all():
        return "The dictionary contains NaN or infinity."
    if not dictionary.any():
        return "The dictionary is all zeros."
    groups = arrays.get("groups")
    if groups is not None and (
        groups.shape != (len(dictionary),) or not np.issubdtype(groups.dtype, np.integer)
    ):
        return (
            f"groups_ has shape {groups.shape} and type {groups.dtype}, expected one integer an "
            f"atom, ({len(dictionary)},)."
        )
    codes = arrays.get("codes_test")
    if codes is None:
        return ""
    if codes.shape != (n_test, len(dictionary)):
        return f"transform returned shape {codes.shape}, expected {(n_test, len(dictionary))}."
    if not np.isfinite(codes.data if isinstance(codes, csr_array) else codes).all():
        return "The codes contain NaN or infinity."
    return ""
