"""The one boundary between NumPy arrays and torch tensors.

Everything public takes either and gives back what it was given: NumPy in, NumPy out; torch in,
torch out on the same device. float32 and float64 are kept, anything else becomes float64 (NumPy)
or torch's default float type, float32 where that is a half. Torch is only imported when somebody
hands us a tensor.
"""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar

import numpy as np
from sklearn.utils.validation import check_array

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "np.ndarray | torch.Tensor"
AnyArray = TypeVar("AnyArray", bound="np.ndarray | torch.Tensor")


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
        float32 and float64 are kept; other real types are promoted, sparse tensors made dense.

    Raises
    ------
    ValueError
        If ``X`` is not a matrix, is empty, or holds NaN, infinity, complex numbers or masked ones.
    """
    if _plainly_sound(X, min_samples):
        return X
    if not is_tensor(X):
        X = unmasked(X, name)
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
    if X.layout != torch.strided:
        X = X.to_dense()
    if X.dtype not in (torch.float32, torch.float64):
        X = X.to(default_float())
    if not bool(torch.isfinite(X).all()):
        raise ValueError(f"Input {name} contains NaN or infinity: drop or repair those rows.")
    return X


def unmasked(X: Any, name: str = "X") -> Any:
    """Return ``X`` without its mask, if that hides nothing.

    Raises
    ------
    ValueError
        If entries are masked: what lies under a mask is no measurement.
    """
    if not isinstance(X, np.ma.MaskedArray):
        return X
    hidden = np.argwhere(np.ma.getmaskarray(X))
    if len(hidden):
        raise ValueError(
            f"{name} has {len(hidden)} masked entries, the first in row {hidden[0][0]}: values "
            f"that are missing cannot be used; drop those rows, or fill them in."
        )
    return np.asarray(X.data)


def default_float() -> "torch.dtype":
    """Return torch's default float type, or float32 where that is too coarse to compute in."""
    import torch

    kept = torch.get_default_dtype()
    return kept if kept in (torch.float32, torch.float64) else torch.float32


@contextlib.contextmanager
def plain_torch() -> Iterator[None]:
    """Compute as torch does when it has just been imported, whatever state a notebook left it in.

    Gradients are on, inference mode is off, and new tensors are of a type to compute in; outside,
    everything is as it was.
    """
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(default_float())
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(before)


def _plainly_sound(X: Any, min_samples: int) -> "TypeGuard[np.ndarray]":
    """Tell whether ``X`` needs no repair and no message: most calls, made short.

    A finite sum has finite terms; one that overflows is left to the thorough check.
    """
    if type(X) is not np.ndarray or X.dtype not in (np.float64, np.float32) or X.ndim != 2:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return X.shape[0] >= min_samples and X.shape[1] > 0 and bool(np.isfinite(X.sum()))


def to_numpy(X: Array) -> np.ndarray:
    """Return ``X`` as a NumPy array, copying only what NumPy cannot hold where it is."""
    if not is_tensor(X):
        return np.asarray(X)
    import torch

    X = X.detach().to_dense() if X.layout != torch.strided else X.detach()
    return (X.float() if X.dtype == torch.bfloat16 else X).cpu().numpy()


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


def unit_rows(D: AnyArray) -> AnyArray:
    """Return ``D`` with rows of Euclidean norm 1; zero rows stay zero."""
    if is_tensor(D):
        norms = D.norm(dim=1, keepdim=True)
        return D / norms.masked_fill(norms == 0, 1)
    norms = np.linalg.norm(D, axis=1, keepdims=True)
    return D / np.where(norms == 0, 1, norms)


def root_mean_square(X: np.ndarray) -> float:
    """Return the root mean square norm of the rows of ``X``, 1 if all are zero."""
    return float(np.sqrt(np.mean(np.sum(np.square(X, dtype=np.float64), axis=1)))) or 1.0


#: Norms beyond so many medians do not tell how large samples are: a corrupt row would decide.
OUTLYING = 5.0


def typical_norm(X: np.ndarray) -> float:
    """Return the root mean square norm of the rows of ``X``, no row counting as an outlying one."""
    norms = np.linalg.norm(np.asarray(X, np.float64), axis=1)
    active = norms[norms > 0]
    most = OUTLYING * float(np.median(active)) if len(active) else 1.0
    return float(np.sqrt(np.mean(np.minimum(norms, most) ** 2))) or 1.0


def dictionary_of(estimator: Any) -> Array:
    """Return the feature directions that a fitted estimator found.

    Parameters
    ----------
    estimator : object
        Anything fitted with ``dictionary_`` (k, d), ``mixing_`` (d, k) or ``components_`` (k, d),
        looked for in this order. `sklearn.decomposition.FastICA` has the last two, and there
        ``components_`` *unmixes*: only ``mixing_.T`` holds the directions of the data.

    Returns
    -------
    ndarray or tensor of shape (k, d)
        Unit rows.

    Raises
    ------
    AttributeError
        If the estimator has none of the three.
    ValueError
        If what it has is not a matrix of real numbers.
    """
    return unit_rows(atoms_of(estimator))


def atoms_of(estimator: Any) -> Array:
    """Return what `dictionary_of` does, atoms at the lengths that the estimator's codes go with.

    Parameters
    ----------
    estimator : object

    Returns
    -------
    ndarray or tensor of shape (k, d)

    Raises
    ------
    AttributeError, ValueError
        As `dictionary_of`.
    """
    for name in ("dictionary_", "mixing_", "components_"):
        D = getattr(estimator, name, None)
        if D is not None:
            break
    else:
        raise AttributeError(
            f"{type(estimator).__name__} has none of dictionary_ (k, d), mixing_ (d, k) and "
            f"components_ (k, d): fit it first, or set one of them in fit."
        )
    if D.is_complex() if is_tensor(D) else np.iscomplexobj(D):
        raise ValueError(
            f"{name} of {type(estimator).__name__} is complex: expected real directions; hand "
            f"back the real and the imaginary part as two, or the one that is meant."
        )
    if not is_tensor(D):
        D = np.asarray(D)
        D = D if D.dtype in (np.float32, np.float64) else D.astype(np.float64)
    if D.ndim != 2:
        raise ValueError(
            f"{name} of {type(estimator).__name__} must be a matrix, got shape {D.shape}."
        )
    return D.T if name == "mixing_" else D


def directions_of(given: Any) -> Any:
    """Return directions that are handed in as an array, or on a fitted estimator.

    Raises
    ------
    AttributeError, ValueError
        As `dictionary_of`, if an estimator has none.
    """
    array = is_tensor(given) or hasattr(given, "__array__") or isinstance(given, Sequence)
    return given if array else atoms_of(given)


def row_keys(X: np.ndarray) -> np.ndarray:
    """Return a key (n,) for each row: equal where rows are, bit by bit."""
    row = np.dtype((np.void, X.dtype.itemsize * X.shape[1]))
    return np.ascontiguousarray(X).view(row).ravel()
