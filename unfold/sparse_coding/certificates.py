"""Certificates of optimality, recomputed from the codes alone: pure functions of the problem.

All take NumPy arrays or torch tensors, and give one number per sample, relative to the value of the
problem at zero codes, ``1/2 ||x||^2``, or to ``||x||``. Zero means optimal. They bound the truth: a
duality gap is at least the objective's distance to its minimum, whatever the codes are.
"""

from typing import Any

from unfold.arrays import Array, is_tensor


def duality_gap(
    X: Array, D: Array, Z: Array, alpha: Any, *, positive: bool = True, l2: float = 0.0
) -> Any:
    """Return the relative duality gap per sample of lasso or elastic-net codes.

    The dual point is the residual, shrunk until no atom correlates with it beyond its ``alpha``.

    Parameters
    ----------
    X, D, Z : arrays of shape (n, d), (k, d), (n, k)
    alpha : float or array of shape (k,) or (n, k)
        Positive weights.
    positive : bool
    l2 : float
        Weight of the ridge ``1/2 l2 ||z||^2``.

    Returns
    -------
    array of shape (n,)

    References
    ----------
    Kim, Koh, Lustig, Boyd and Gorinevsky (2007), An interior-point method for large-scale
    l1-regularized least squares.
    """
    R = X - Z @ D
    C = R @ D.T - l2 * Z
    size = C if positive else abs(C)
    shrink = 1 / _at_least(_top(size / alpha), 1.0)
    residual = (R**2).sum(1) + l2 * (Z**2).sum(1)
    slack = (alpha * abs(Z) - shrink[:, None] * Z * C).sum(1)
    return _relative(0.5 * (1 - shrink) ** 2 * residual + slack, 0.5 * (X**2).sum(1))


def kkt_residual(
    X: Array, D: Array, Z: Array, alpha: Any, *, positive: bool = True, l2: float = 0.0
) -> Any:
    """Return the distance to stationarity per sample, ``max_j dist_j / (||d_j|| ||x||)``.

    ``dist_j`` is the distance of atom ``j``'s correlation to the subdifferential of its penalty;
    it is defined where the duality gap is not: for atoms without penalty, and for concave
    penalties, ``alpha`` being then their slopes at ``Z``.

    Parameters
    ----------
    X, D, Z, alpha, positive, l2
        As in `duality_gap`; ``alpha`` may be zero.

    Returns
    -------
    array of shape (n,)
    """
    C = (X - Z @ D) @ D.T - l2 * Z
    sign = (Z > 0) * 1.0 - (Z < 0) * 1.0
    on = abs(C - alpha * sign)
    off = _at_least((C if positive else abs(C)) - alpha, 0.0)
    distance = on * (Z != 0) + off * (Z == 0)
    return _relative(_top(distance / (D**2).sum(1) ** 0.5), (X**2).sum(1) ** 0.5)


def bounded_gap(
    X: Array, D: Array, Z: Array, Y: Array, error: float, alpha: Any = 1.0, *, positive: bool = True
) -> Any:
    """Return the relative gap per sample of basis pursuit (denoising) codes and dual points ``Y``.

    For ``min sum_j alpha_j |z_j|`` subject to ``||x - z D|| <= error`` the dual is ``max x'y -
    error ||y||`` over ``D y <= alpha``; ``Y`` is shrunk into that set, so that any ``Y`` gives a
    valid bound. It is relative to the primal value.

    Parameters
    ----------
    X, D, Z, Y : arrays of shape (n, d), (k, d), (n, k), (n, d)
    error : float
    alpha : float or array of shape (k,)
    positive : bool

    Returns
    -------
    array of shape (n,)
    """
    C = Y @ D.T
    Y = Y / _at_least(_top((C if positive else abs(C)) / alpha), 1.0)[:, None]
    primal = (alpha * abs(Z)).sum(1)
    dual = _at_least((X * Y).sum(1) - error * (Y**2).sum(1) ** 0.5, 0.0)
    return _relative(primal - dual, primal)


def relative_residual(X: Array, D: Array, Z: Array) -> Any:
    """Return ``||x - z D|| / ||x||`` per sample, 0 for zero samples that have zero codes."""
    return _relative(((X - Z @ D) ** 2).sum(1) ** 0.5, (X**2).sum(1) ** 0.5)


def _top(A: Any) -> Any:
    return A.amax(1) if is_tensor(A) else A.max(1)


def _at_least(A: Any, low: float) -> Any:
    return A.clamp(min=low) if is_tensor(A) else A.clip(min=low)


def _relative(value: Any, reference: Any) -> Any:
    return abs(value) / (reference + (reference == 0))
