"""Codes that a method is asked for in place of its own: pursuit, refitted L1, down to an error."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from unfold.arrays import is_tensor, like, to_numpy

Code = Literal["pursuit", "l1", "error"]
#: What each kind of code needs to be told.
NEEDS: dict[str, str] = {"pursuit": "n_nonzero", "l1": "alpha", "error": "error"}
#: Samples whose own codes tell signs and the number active.
LOOKED_AT = 1000


def requested_codes(
    method: Any, X: Any, code: Code, amounts: Mapping[str, float | None], prune: float | None
) -> Any:
    """Return codes of a fitted method's dictionary, of a kind that is not its own.

    Parameters
    ----------
    method : Recovery
        Fitted.
    X : array or tensor of shape (n, d)
    code : {"pursuit", "l1", "error"}
    amounts : mapping
        "n_nonzero", "alpha" and "error": at most that of ``code`` is given.
    prune : float or None

    Returns
    -------
    array or tensor of shape (n, k)

    Raises
    ------
    ValueError
        If an amount of another kind is given, or none and the method knows none.
    """
    if code not in get_args(Code):
        raise ValueError(f"code is one of {', '.join(get_args(Code))}; got {code!r}.")
    needed = NEEDS[code]
    strange = [name for name, value in amounts.items() if value is not None and name != needed]
    if strange:
        raise ValueError(f"code={code!r} takes {needed}, not {', '.join(strange)}.")
    from unfold.sparse_coding.encode import sparse_encode

    own = to_numpy(method._encode(X[:LOOKED_AT]))
    amount = amounts[needed]
    if amount is None:
        amount = known(method, code, own)
    D = to_numpy(method.components_)
    options: dict[str, Any] = {needed: amount, "positive": not bool((own < 0).any())}
    if code != "l1":
        options["penalty"] = "l0"
    if code == "pursuit":
        options["n_nonzero"] = min(int(amount), *D.shape)
    debias = code == "l1" and prune is None
    centred = X - like(method.mean_, X)
    D = like(D, X) if is_tensor(X) else D
    return sparse_encode(centred, D, debias=debias, prune=prune, **options).codes


def known(method: Any, code: Code, own: np.ndarray) -> float:
    """Return the amount that a method was fitted with or found.

    Raises
    ------
    ValueError
        If it knows none.
    """
    if code == "pursuit":
        return max(1, round(float(np.count_nonzero(own, axis=1).mean())))
    encoder = method._exported().encoder
    if code == "l1" and hasattr(encoder, "alpha"):
        return float(encoder.alpha)
    d = len(to_numpy(method.mean_))
    noise = float(getattr(method, "noise_", 0.0)) * np.sqrt(d)
    if code == "error" and noise == 0 and hasattr(encoder, "residual"):
        noise = encoder.residual(d)
    if code == "error" and noise > 0:
        return float(noise)
    raise ValueError(
        f"{type(method).__name__} was fitted without {NEEDS[code]}: say it, as in "
        f"transform(X, code={code!r}, {NEEDS[code]}=0.1), in units of X."
    )
