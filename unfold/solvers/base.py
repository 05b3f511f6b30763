"""What every sparse solver shares: the problem it is handed, and the contract it signs."""

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, final

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator

from unfold.arrays import is_tensor, like, to_numpy, to_tensor
from unfold.solution import Solution

Kind = Literal[
    "lasso", "elastic_net", "log_sum", "bpdn", "basis_pursuit", "l0_sparsity", "l0_error"
]

IN_WORDS: dict[Kind, str] = {
    "lasso": "the lasso: 1/2 ||x - z D||^2 + sum_j alpha_j |z_j|",
    "elastic_net": "the elastic net: the lasso + 1/2 l2 ||z||^2",
    "log_sum": "the log-sum penalty: 1/2 ||x - z D||^2 + alpha sum_j e log(1 + |z_j|/e)",
    "bpdn": "basis pursuit denoising: min ||z||_1 subject to ||x - z D|| <= error",
    "basis_pursuit": "basis pursuit: min ||z||_1 subject to z D = x",
    "l0_sparsity": "L0 with at most n_nonzero active atoms",
    "l0_error": "L0 with ||x - z D|| <= error",
}


@dataclass(frozen=True, eq=False)
class SparseProblem:
    """A batch of sparse inference problems at a known dictionary, already validated.

    Attributes
    ----------
    kind : str
        Which problem; `IN_WORDS` spells each one out.
    X : array of shape (n, d)
    D : array of shape (k, d)
        Atoms, one a row, of the same kind, dtype and device as ``X``; norms are free but not 0.
    alpha : float or array of shape (k,) or (n, k)
        Weight of the penalty, per atom or per sample and atom; for the constrained problems, the
        weights inside the norm.
    positive : bool
        Whether codes are constrained to be non-negative.
    l2 : float
        Weight of the ridge term of the elastic net.
    epsilon : float
        Width of the log-sum penalty.
    error : float
        Bound on the residual norm.
    n_nonzero : int
        Bound on the number of active atoms.
    gram : array of shape (k, k) or None
        ``D @ D.T`` where the caller has it.
    """

    kind: Kind
    X: Any
    D: Any
    alpha: Any = 1.0
    positive: bool = True
    l2: float = 0.0
    epsilon: float = 0.1
    error: float = 0.0
    n_nonzero: int = 0
    gram: Any = None

    def samples(self, rows: slice) -> np.ndarray:
        """Return the samples of a block, writable: kernels compile anew for arrays that are not."""
        return np.require(self.X[rows], requirements=["C", "W"])


@dataclass(frozen=True)
class Effort:
    """How hard, and with what, to solve.

    Attributes
    ----------
    tol : float
        Certificate at which a sample counts as solved.
    n_threads : int
    sparse_output : bool
        Whether codes come as CSR rather than dense.
    """

    tol: float = 1e-6
    n_threads: int = 1
    sparse_output: bool = False


class Solver(BaseEstimator, ABC):
    """Abstract solver: a parameter object that turns a `SparseProblem` into a `Solution`.

    A subclass stores its parameters verbatim, lists in ``takes`` the kinds of problem it solves,
    and writes ``_solve``. Certificates are computed at the codes it returns.
    """

    takes: ClassVar[tuple[Kind, ...]]
    backend: ClassVar[Literal["numpy", "torch"]] = "numpy"

    @final
    def solve(self, problem: SparseProblem, effort: Effort = Effort()) -> Solution:
        """Solve every sample of ``problem``.

        Raises
        ------
        ValueError
            If this solver does not take problems of that kind; the message names both.
        """
        if problem.kind not in self.takes:
            raise ValueError(
                f"{type(self).__name__} does not solve {problem.kind} ({IN_WORDS[problem.kind]}). "
                f"It takes: {', '.join(self.takes)}. Use solver='auto', or one that takes it."
            )
        solution = self._solve(self._inside(problem), effort)
        return _outside(solution, problem.X, effort.sparse_output)

    def _inside(self, problem: SparseProblem) -> SparseProblem:
        """Return the problem in the kind of array this solver works on."""
        move = to_numpy if self.backend == "numpy" else to_tensor
        given: dict[str, Any] = {
            "X": problem.X,
            "D": problem.D,
            "alpha": problem.alpha,
            "gram": problem.gram,
        }
        inside: dict[str, Any] = {n: v if is_scalar(v) else move(v) for n, v in given.items()}
        return replace(problem, **inside)

    @abstractmethod
    def _solve(self, problem: SparseProblem, effort: Effort) -> Solution:
        """Solve a problem whose kind is among ``takes``."""


def is_scalar(value: Any) -> bool:
    """Tell whether ``value`` is a number or nothing, rather than an array."""
    return value is None or np.ndim(value) == 0


def _outside(solution: Solution, X: Any, sparse_output: bool) -> Solution:
    """Return the solution as the kind of array ``X`` is, codes in CSR where asked."""
    codes: Any = solution.codes
    reports = (solution.status, solution.n_iter, solution.certificate)
    if is_tensor(X):
        import torch

        if issparse(codes):
            codes = _sparse_tensor(codes, X)
        elif sparse_output:
            codes = to_tensor(codes, X.device).to_sparse_csr()
        else:
            codes = like(codes, X)
        status, n_iter, certificate = (torch.as_tensor(r, device=X.device) for r in reports)
        return Solution(codes, status, n_iter, certificate, solution.certificate_kind)
    if not issparse(codes):
        codes = like(codes, X)
        codes = csr_array(codes) if sparse_output else codes
    states, steps, gaps = (to_numpy(r) for r in reports)
    return Solution(codes, states, steps, gaps, solution.certificate_kind)


def _sparse_tensor(codes: Any, X: Any) -> Any:
    """Return SciPy CSR codes as a torch CSR tensor on the device of ``X``."""
    import torch

    parts = (codes.indptr, codes.indices, codes.data)
    ends, atoms, values = (torch.as_tensor(part, device=X.device) for part in parts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            ends.long(), atoms.long(), values, codes.shape, dtype=X.dtype
        )
