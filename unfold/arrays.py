"""The one boundary between NumPy arrays and torch tensors.

Everything public takes either and gives back what it was given: NumPy in, NumPy out; torch in,
torch out on the same device. float32 and float64 are kept, anything else becomes float64 (NumPy)
or torch's default float type. Torch is only imported when somebody hands us a tensor.
"""

import sys
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from sklearn.utils.validation import check_array

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "np.ndarray | torch.Tensor"


def is_tensor(X: Any) -> "TypeGuard[torch.Tensor]":
    """Tell whether ``X`` is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


def check_activations(X: Any, *, name: str = "X", min_samples: int = 1) -> Array:
    """Return ``X`` as a finite floating-point matrix of the kind it came in.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, d)
        Activations, one sample a row.
    name : str
        What to call ``X`` in messages.
    min_samples : int
        Fewest rows accepted.

    Returns
    -------
    ndarray or tensor of shape (n_samples, d)
        float32 and float64 are kept; other real types are promoted.

    Raises
    ------
    ValueError
        If ``X`` is not a matrix, is empty, or holds NaN, infinity or complex numbers.
    """
    if _plainly_sound(X, min_samples):
        return X
    if not is_tensor(X):
        with np.errstate(invalid="ignore"):  # of opposite infinities; they are told of in words
            return check_array(
                X, dtype=[np.float64, np.float32], ensure_min_samples=min_samples, input_name=name
            )
    import torch

    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D tensor for {name}, got shape {tuple(X.shape)}: give one sample a row, "
            f"(n_samples, d)."
        )
    if X.is_complex():
        raise ValueError(f"Complex data not supported: {name} has dtype {X.dtype}.")
    if X.shape[0] < min_samples or X.shape[1] < 1:
        raise ValueError(
            f"Found {name} of shape {tuple(X.shape)}: at least {min_samples} sample(s) "
            f"of at least 1 dimension are needed."
        )
    X = X.detach()
    if X.dtype not in (torch.float32, torch.float64):
        X = X.to(torch.get_default_dtype())
    if not bool(torch.isfinite(X).all()):
        raise ValueError(f"Input {name} contains NaN or infinity: drop or repair those rows.")
    return X


def _plainly_sound(X: Any, min_samples: int) -> "TypeGuard[np.ndarray]":
    """Tell whether ``X`` needs no repair and no message: most calls, made short.

    A finite sum has finite terms; one that overflows is left to the thorough check.
    """
    if type(X) is not np.ndarray or X.dtype not in (np.float64, np.float32) or X.ndim != 2:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return X.shape[0] >= min_samples and X.shape[1] > 0 and bool(np.isfinite(X.sum()))


def to_numpy(X: Array) -> np.ndarray:
    """Return ``X`` as a NumPy array, copying only from another device."""
    return X.detach().cpu().numpy() if is_tensor(X) else np.asarray(X)


def to_tensor(X: Array, device: "str | torch.device | None" = None) -> "torch.Tensor":
    """Return ``X`` as a tensor; NumPy input is copied, since it may be read-only."""
    import torch

    if is_tensor(X):
        return X if device is None else X.to(device)
    return torch.tensor(X, device=device)


def like(result: Any, reference: Array) -> Any:
    """Return ``result`` as the kind of array ``reference`` is, in its dtype and on its device."""
    if is_tensor(reference):
        return to_tensor(result, reference.device).to(reference.dtype)
    return np.asarray(to_numpy(result), dtype=to_numpy(reference).dtype)


def unit_rows(D: Array) -> Array:
    """Return ``D`` with rows of Euclidean norm 1; zero rows stay zero."""
    if is_tensor(D):
        norms = D.norm(dim=1, keepdim=True)
        return D / norms.masked_fill(norms == 0, 1)
    norms = np.linalg.norm(D, axis=1, keepdims=True)
    return D / np.where(norms == 0, 1, norms)
