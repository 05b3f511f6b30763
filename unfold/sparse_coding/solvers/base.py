"""What every sparse solver shares: the problem it is handed, and the contract it signs."""

import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Literal, final

from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator

from unfold.arrays import is_tensor, like, to_numpy, to_tensor
from unfold.sparse_coding.forms import Form, WithinError
from unfold.sparse_coding.problem import (
    DEFAULT_OPTIONS,
    Options,
    SparseProblem,
    is_scalar,
)
from unfold.sparse_coding.solution import Solution


class Solver(BaseEstimator, ABC):
    """Abstract solver: a parameter object that turns a `SparseProblem` into a `Solution`.

    A subclass stores its parameters verbatim, lists in ``takes`` the forms of problem it solves,
    and writes ``_solve``. Certificates are computed at the codes it returns.
    """

    takes: ClassVar[tuple[type[Form], ...]]
    backend: ClassVar[Literal["numpy", "torch"]] = "numpy"

    @final
    def solve(self, problem: SparseProblem, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve every sample of ``problem``.

        Raises
        ------
        ValueError
            If this solver does not take problems of that kind; the message names both.
        """
        if type(problem.form) not in self.takes:
            raise ValueError(
                f"{type(self).__name__} does not solve {problem.form.name} "
                f"({problem.form.words}). "
                f"It takes: {', '.join(form.name for form in self.takes)}. "
                f"Use solver='auto', or one that takes it."
            )
        inside = self._inside(problem)
        if isinstance(problem.form, WithinError):  # a bound is met or not by a hair
            inside = inside.in_double()
        solution = self._solve(inside, options)
        return _outside(solution, problem.X, options.sparse_output)

    def _inside(self, problem: SparseProblem) -> SparseProblem:
        """Return the problem in the kind of array this solver works on."""
        move = to_numpy if self.backend == "numpy" else to_tensor
        alpha, gram = (v if is_scalar(v) else move(v) for v in (problem.form.alpha, problem.gram))
        form = problem.form.weighted(alpha)
        return replace(problem, form=form, X=move(problem.X), D=move(problem.D), gram=gram)

    @abstractmethod
    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        """Solve a problem whose form is among ``takes``."""


def _outside(solution: Solution, X: Any, sparse_output: bool) -> Solution:
    """Return the solution as the kind of array ``X`` is, codes in CSR where asked."""
    codes: Any = solution.codes
    reports = (solution.status, solution.n_iter, solution.certificate)
    if is_tensor(X):
        import torch

        if issparse(codes):
            codes = as_csr_tensor(codes, X)
        elif sparse_output:
            codes = to_tensor(codes, X.device).to_sparse_csr()
        else:
            codes = like(codes, X)
        status, n_iter, certificate = (torch.as_tensor(r, device=X.device) for r in reports)
        return Solution(codes, status, n_iter, certificate, solution.certificate_kind)
    if not issparse(solution.codes):
        codes = like(codes, X)
        codes = csr_array(codes) if sparse_output else codes
    codes = codes if codes.dtype == X.dtype else codes.astype(X.dtype)
    states, steps, gaps = (to_numpy(r) for r in reports)
    return Solution(codes, states, steps, gaps, solution.certificate_kind)


def as_csr_tensor(codes: Any, X: Any) -> Any:
    """Return SciPy CSR codes as a torch CSR tensor on the device of ``X``."""
    import torch

    parts = (codes.indptr, codes.indices, codes.data)
    ends, atoms, values = (torch.as_tensor(part, device=X.device) for part in parts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            ends.long(), atoms.long(), values, codes.shape, dtype=X.dtype, check_invariants=False
        )
