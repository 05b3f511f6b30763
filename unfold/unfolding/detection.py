"""Is a feature active? Two ways to tell: similarity with its direction, or its unfolded code."""

from typing import Any, Literal

from unfold.arrays import check_activations, like, to_numpy, typical_norm, unit_rows
from unfold.sparse_coding.encode import sparse_encode

Reading = Literal["cosine", "projection", "codes"]


def read_features(
    X: Any,
    D_or_est: Any,
    *,
    by: Reading = "codes",
    alpha: float | None = None,
    positive: bool = True,
) -> Any:
    """Score, for each sample and feature, how much the feature seems to be active.

    In superposition, an activation has a high cosine with directions of features that are not
    active, because those that are interfere. Unfolding explains the interference away.

    Parameters
    ----------
    X : array-like or tensor of shape (n, d)
    D_or_est : array-like or tensor of shape (k, d), or fitted estimator
        Directions; or a method with ``components_``, whose own ``transform`` gives the codes.
    by : {"codes", "cosine", "projection"}
        Sparse codes; cosine of the activation with the direction, 0 for an activation of 0; or
        inner product with the unit direction.
    alpha : float, optional
        Penalty of the codes over given directions; by default 0.1% of the root-mean-square norm.
    positive : bool
        Whether codes over given directions are non-negative.

    Returns
    -------
    array of shape (n, k)

    Raises
    ------
    ValueError
        If ``by`` is none of the three, or the inputs are not finite matrices of one width.
    """
    if by not in ("codes", "cosine", "projection"):
        raise ValueError(f'by must be "codes", "cosine" or "projection", got {by!r}.')
    given = check_activations(X)
    fitted = hasattr(D_or_est, "components_")
    if by == "codes" and fitted:
        return D_or_est.transform(given)
    D = to_numpy(unit_rows(check_activations(D_or_est.components_ if fitted else D_or_est)))
    x = to_numpy(given)
    if fitted:
        x = x - to_numpy(D_or_est.mean_)
    if D.shape[1] != x.shape[1]:
        raise ValueError(f"Directions have {D.shape[1]} dimensions, but X has {x.shape[1]}.")
    if by == "codes":
        scale = typical_norm(x)
        weight = 1e-3 * scale if alpha is None else alpha
        return like(sparse_encode(x, D, alpha=weight, positive=positive).codes, given)
    return like((unit_rows(x) if by == "cosine" else x) @ D.T, given)
