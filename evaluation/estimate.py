"""Arrays that came back from a method: read them without trust, and say what is wrong."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load
from scipy.sparse import csr_array

#: Codes with fewer non-zeros than this are stored as CSR.
SPARSE_BELOW = 0.4
_CSR = ("codes_test.data", "codes_test.indices", "codes_test.indptr", "codes_test.shape")


def pack_codes(codes: Any) -> dict[str, np.ndarray]:
    """Return codes as named arrays, sparse ones in CSR form."""
    if not hasattr(codes, "tocsr") and np.count_nonzero(codes) >= SPARSE_BELOW * codes.size:
        return {"codes_test": np.ascontiguousarray(codes, np.float32)}
    sparse = csr_array(codes, dtype=np.float32)
    return {
        "codes_test.data": sparse.data,
        "codes_test.indices": sparse.indices.astype(np.int32),
        "codes_test.indptr": sparse.indptr.astype(np.int64),
        "codes_test.shape": np.asarray(sparse.shape, np.int64),
    }


def decode(data: bytes) -> dict[str, Any]:
    """Return "dictionary" and, where there are any, "codes_test" (dense or CSR).

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
    if all(name in arrays for name in _CSR):
        data, indices, indptr, shape = (arrays.pop(name) for name in _CSR)
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
    codes = arrays.get("codes_test")
    if codes is None:
        return ""
    if codes.shape != (n_test, len(dictionary)):
        return f"transform returned shape {codes.shape}, expected {(n_test, len(dictionary))}."
    if not np.isfinite(codes.data if isinstance(codes, csr_array) else codes).all():
        return "The codes contain NaN or infinity."
    return ""
