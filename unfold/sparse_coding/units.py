"""Problems in units that floating-point numbers are at ease in.

Sparse inference is equivariant: samples ``s`` times as large, with weights and bounds to match,
have codes ``s`` times as large. Solvers square norms, and a square leaves single precision long
before the data do. So data far from unit size are solved in units of a power of two, which rounds
nothing.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from unfold.arrays import is_tensor, to_numpy, to_tensor
from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solution import Solution
from unfold.sparse_coding.solvers.base import Solver, as_csr_tensor

#: Samples and atoms between 2**-20 and 2**20 are solved as they are: their fourth powers, the
#: highest that solvers form, are normal numbers in single precision.
SAFE_EXPONENT = 20


def solve_in_units(solver: Solver, problem: SparseProblem, options: Options) -> Solution:
    """Solve a problem of any size of data: samples of like size together, in units of their own.

    Parameters
    ----------
    solver : Solver
    problem : SparseProblem
    options : Options

    Returns
    -------
    Solution
        In the units of the problem.
    """
    atoms = int(_units(problem.D).max())
    units = _units(problem.X)
    if not atoms and not units.any():
        return solver.solve(problem, options)
    parts, order = [], []
    for unit in np.unique(units):
        rows = np.flatnonzero(units == unit)
        found = solver.solve(_in_units(problem, rows, int(unit), atoms), options)
        parts.append(replace(found, codes=_times(found.codes, int(unit) - atoms)))
        order.append(rows)
    return _together(parts, np.argsort(np.concatenate(order), kind="stable"), problem.X)


def _units(A: Any) -> np.ndarray:
    """Return the exponent of each row's unit: 0 where it needs none, else steps of a wide range."""
    top = to_numpy(abs(A).amax(1)) if is_tensor(A) else np.maximum(A.max(1), -A.min(1))
    exponent = np.frexp(top)[1]
    step = 2 * SAFE_EXPONENT
    return np.where(top > 0, np.rint(exponent / step).astype(int) * step, 0)


def _in_units(problem: SparseProblem, rows: np.ndarray, unit: int, atoms: int) -> SparseProblem:
    at = to_tensor(rows, problem.X.device) if is_tensor(problem.X) else rows
    return replace(
        problem,
        form=problem.form.in_units(2.0**unit, 2.0**atoms),
        X=_times(problem.X[at], -unit),
        D=_times(problem.D, -atoms),
        gram=None if problem.gram is None else _times(problem.gram, -2 * atoms),
    )


def _times(A: Any, exponent: int) -> Any:
    """Return ``A * 2**exponent``, in two steps, as the factor may be no number of the dtype."""
    if not exponent:
        return A
    half = exponent // 2
    return (A * A.dtype.type(2.0**half) if not is_tensor(A) else A * 2.0**half) * 2.0 ** (
        exponent - half
    )


def _together(parts: list[Solution], order: np.ndarray, X: Any) -> Solution:
    """Return one solution of parts, their samples in the order of ``X``."""
    codes = [part.codes for part in parts]
    reports = [[getattr(p, n) for p in parts] for n in ("status", "n_iter", "certificate")]
    kind = parts[0].certificate_kind
    if not is_tensor(X):
        stacked: Any = (
            sparse.vstack(codes, format="csr")
            if sparse.issparse(codes[0])
            else np.concatenate(codes)
        )
        status, n_iter, certificate = (np.concatenate(r)[order] for r in reports)
        return Solution(stacked[order], status, n_iter, certificate, kind)
    import torch

    at = to_tensor(order, X.device)
    if codes[0].layout == torch.sparse_csr:
        rows = sparse.vstack([_scipy(part) for part in codes], format="csr")[order]
        joined = as_csr_tensor(rows, X)
    else:
        joined = torch.cat(codes)[at]
    states, steps, proofs = (torch.cat(r)[at] for r in reports)
    return Solution(joined, states, steps, proofs, kind)


def _scipy(codes: Any) -> Any:
    parts = (codes.values(), codes.col_indices(), codes.crow_indices())
    return sparse.csr_array(tuple(to_numpy(part) for part in parts), shape=tuple(codes.shape))
