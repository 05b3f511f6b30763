"""Sparse inference at known directions: the front door."""

from dataclasses import replace
from typing import Any

import numpy as np

from unfold.arrays import check_activations, is_tensor, to_numpy, to_tensor, unmasked
from unfold.sparse_coding.certificates import relative_residual
from unfold.sparse_coding.debias import debias as least_squares_on_support
from unfold.sparse_coding.forms import (
    PENALTIES,
    AtMost,
    BasisPursuit,
    BasisPursuitDenoising,
    ElasticNet,
    Form,
    Lasso,
    LogSum,
    WithinError,
)
from unfold.sparse_coding.leave_one_out import leave_one_out
from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solution import Solution
from unfold.sparse_coding.solvers.base import Solver
from unfold.sparse_coding.solvers.choice import as_solver
from unfold.sparse_coding.units import solve_in_units

#: How far products with ``gram`` may be off, relative to the sum of sizes: what rounding leaves of
#: a matrix computed in single precision, in any order of summation.
GRAM_TOLERANCE = 1e-5


def sparse_encode(
    X: Any,
    D: Any,
    *,
    alpha: Any = None,
    penalty: str | Form = "l1",
    positive: bool = True,
    solver: str | Solver = "auto",
    n_nonzero: int | None = None,
    error: float | None = None,
    mean: Any = None,
    gram: Any = None,
    tol: float = 1e-6,
    n_threads: int = 1,
    sparse_output: bool = False,
    debias: bool = False,
    prune: float | None = None,
) -> Solution:
    """Find sparse codes ``Z`` of activations ``X ~ Z @ D + mean`` over known directions ``D``.

    Per sample it solves ``min 1/2 ||x - mean - z D||^2 + alpha * penalty(z)`` over ``z >= 0`` (or
    signed ``z``), or one of the constrained forms: with ``error``, the least penalty such that
    ``||x - mean - z D|| <= error`` (0: equality); with ``penalty="l0"``, a greedy pursuit to
    ``n_nonzero`` atoms or to that ``error``.

    Parameters
    ----------
    X : array-like or tensor of shape (n, d)
        Activations; a row of zeros gets zero codes.
    D : array-like or tensor of shape (k, d)
        Directions, one a row, of any norm but zero.
    alpha : float or array of shape (k,), optional
        Weight of the penalty, per atom if an array; required by the penalised forms.
    penalty : {"l1", "elastic_net", "log_sum", "l0"}, or `ElasticNet`, `LogSum`
    positive : bool
        Whether codes must be non-negative.
    solver : "auto", str or Solver
        "auto" picks by problem, size and device; see ``docs/sparse_encode.md``.
    n_nonzero : int, optional
        At most so many active atoms (``penalty="l0"`` only).
    error : float, optional
        Bound on the residual norm of each sample.
    mean : array of shape (d,), optional
        Subtracted from every row of ``X``: the bias of the activations.
    gram : array of shape (k, k), optional
        ``D @ D.T``, to reuse it between calls.
    tol : float
        Certificate at which a sample counts as solved.
    n_threads : int
    sparse_output : bool
        Return codes as CSR.
    debias : bool
        Refit the codes found by least squares on their support; the certificate then is the
        relative residual of the refitted codes.
    prune : float, optional
        Refit, and drop active atoms whose removal raises half the squared residual by less than so
        much, in squared units of ``X`` (`unfold.sparse_coding.leave_one_out`).

    Returns
    -------
    Solution
        Codes with a status and a certificate per sample, of the kind of array ``X`` is.

    Raises
    ------
    ValueError
        If the data are not finite or do not fit together, an atom is zero, a parameter is out of
        range or missing, or the solver does not take the problem.
    """
    X, D = _check_pair(X, D)
    if mean is not None:
        X = X - _check_vector(mean, X, X.shape[1], "mean")
    weights = None if alpha is None else _check_alpha(alpha, X, D)
    form = _form(penalty, weights, n_nonzero, error)
    problem = SparseProblem(
        form, X, D, positive=positive, gram=None if gram is None else _check_gram(gram, D)
    )
    if n_threads < 1:
        raise ValueError(f"n_threads must be at least 1, got {n_threads}.")
    if not tol > 0:
        raise ValueError(f"tol must be positive, got {tol}.")
    options = Options(tol=tol, n_threads=n_threads, sparse_output=sparse_output)
    solution = solve_in_units(as_solver(solver, problem), problem, options)
    if not debias and prune is None:
        return solution
    return _refit(solution, X, D, positive, prune)


def _refit(solution: Solution, X: Any, D: Any, positive: bool, prune: float | None) -> Solution:
    if is_tensor(X) and not is_tensor(solution.codes):
        raise ValueError(
            "debias or prune with sparse_output takes NumPy arrays: call .numpy() on X first."
        )
    if prune is None:
        codes = least_squares_on_support(X, D, solution.codes, positive=positive)
    else:
        codes = leave_one_out(X, D, solution.codes, prune, positive=positive)
    return replace(
        solution,
        codes=codes,
        certificate=relative_residual(X, D, codes),
        certificate_kind="relative_residual",
    )


def _check_pair(X: Any, D: Any) -> tuple[Any, Any]:
    X = check_activations(X, name="X")
    D = check_activations(D, name="D")
    if X.shape[1] != D.shape[1]:
        raise ValueError(
            f"X has {X.shape[1]} dimensions but the atoms of D have {D.shape[1]}: "
            f"X is (n, d) and D is (k, d), one atom a row."
        )
    if is_tensor(X):
        D = to_tensor(D, X.device).to(X.dtype)
        zero = (abs(D).amax(1) == 0).nonzero().flatten().tolist()
    else:
        X = np.ascontiguousarray(X)
        # kernels compile anew for arrays that are read-only; X is mended a block at a time
        D = np.require(to_numpy(D), X.dtype, ["C", "W"])
        zero = np.flatnonzero(abs(D).max(1) == 0).tolist()
    if zero:
        shown = ", ".join(map(str, zero[:5])) + (", ..." if len(zero) > 5 else "")
        raise ValueError(f"D has {len(zero)} zero atom(s) (rows {shown}): drop them.")
    return X, D


def _check_vector(v: Any, X: Any, size: int, name: str) -> Any:
    if np.iscomplexobj(v) or (is_tensor(v) and v.is_complex()):
        raise ValueError(f"{name} holds complex numbers, expected real ones.")
    v = unmasked(v, name)
    v = to_tensor(v, X.device).to(X.dtype) if is_tensor(X) else np.asarray(to_numpy(v), X.dtype)
    if tuple(v.shape) != (size,):
        raise ValueError(f"{name} has shape {tuple(v.shape)}, expected ({size},).")
    if not bool(abs(v).sum() < float("inf")):
        raise ValueError(f"{name} contains NaN or infinity.")
    return v


def _check_alpha(alpha: Any, X: Any, D: Any) -> Any:
    if np.ndim(alpha) == 0:
        alpha = float(alpha)
        if not 0 <= alpha < float("inf"):
            raise ValueError(f"alpha must be finite and at least 0, got {alpha}.")
        return alpha
    alpha = _check_vector(alpha, X, D.shape[0], "alpha (one weight per atom)")
    if bool((alpha < 0).any()):
        raise ValueError(f"alpha must be at least 0, got a weight of {float(alpha.min())}.")
    return alpha


def _check_gram(gram: Any, D: Any) -> Any:
    """Return ``gram`` as the kind of array ``D`` is, if it is finite and of these atoms.

    A product with random signs tells it from ``D @ D.T`` for the price of one sample.
    """
    k = D.shape[0]
    if tuple(np.shape(gram)) != (k, k):
        raise ValueError(f"gram has shape {np.shape(gram)}, expected D @ D.T of shape ({k}, {k}).")
    G = to_tensor(gram, D.device).to(D.dtype) if is_tensor(D) else np.asarray(to_numpy(gram))
    probe = np.random.default_rng(0).choice([-1.0, 1.0], size=k)
    signs = to_tensor(probe, D.device).to(D.dtype) if is_tensor(D) else probe.astype(D.dtype)
    with np.errstate(invalid="ignore", over="ignore"):  # told of in words below
        size = abs(D) @ (abs(D).T @ abs(signs)) + abs(G) @ abs(signs)
        off = abs(G @ signs - D @ (D.T @ signs)) / size
    if not bool((off < float("inf")).all()):
        raise ValueError("gram contains NaN or infinity, or numbers too large to multiply.")
    if float(off.max()) > GRAM_TOLERANCE:
        raise ValueError(
            f"gram is not D @ D.T: products with it are off by up to {float(off.max()):.2g} of "
            f"their size. Give the matrix of these very atoms, or leave it out."
        )
    return G


def _form(penalty: str | Form, alpha: Any, n_nonzero: int | None, error: float | None) -> Form:
    """Return what is to be minimised, from what was asked for."""
    if error is not None and not 0 <= error < float("inf"):
        raise ValueError(f"error must be finite and at least 0, got {error}.")
    if penalty == "l0":
        return _counted(n_nonzero, error)
    if not isinstance(penalty, Form) and penalty not in PENALTIES:
        known = sorted({*PENALTIES, "l0"})
        raise ValueError(f"Unknown penalty {penalty!r}: give one of {known} or an object.")
    form = penalty if isinstance(penalty, Form) else PENALTIES[penalty]()
    if n_nonzero is not None:
        raise ValueError(f"n_nonzero goes with penalty='l0', not with {form.name!r}.")
    if error is None:
        return _penalised(form, alpha)
    if not isinstance(form, Lasso):
        raise ValueError(f"error goes with penalty 'l1' or 'l0', not with {form.name!r}.")
    if alpha is not None and not bool((np.asarray(to_numpy(alpha)) > 0).all()):
        raise ValueError(
            "With error, alpha holds the weights inside the norm: all must be positive."
        )
    inside = 1.0 if alpha is None else alpha
    return BasisPursuitDenoising(float(error), inside) if error > 0 else BasisPursuit(inside)


def _penalised(form: Form, alpha: Any) -> Form:
    if alpha is None:
        raise ValueError(f"penalty={form.name!r} needs alpha, or error for its bounded form.")
    if isinstance(form, ElasticNet) and (form.ridge < 0 or np.ndim(alpha) != 0):
        raise ValueError(
            f"The elastic net needs ridge >= 0 (got {form.ridge}) and a scalar alpha (got shape "
            f"{np.shape(alpha)})."
        )
    if not isinstance(form, Lasso | ElasticNet | LogSum):
        raise ValueError(
            f"penalty={form.name!r} is constrained: give error, or n_nonzero with penalty='l0'."
        )
    return replace(form, alpha=alpha)


def _counted(n_nonzero: int | None, error: float | None) -> Form:
    if (n_nonzero is None) == (error is None):
        raise ValueError("penalty='l0' needs exactly one of n_nonzero and error.")
    if error is not None:
        return WithinError(float(error))
    if not isinstance(n_nonzero, (int, np.integer)) or n_nonzero < 1:
        raise ValueError(f"n_nonzero must be an integer of at least 1, got {n_nonzero!r}.")
    return AtMost(int(n_nonzero))
