"""The one loop of the batched solvers: whole batches on the device that holds them."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np

from unfold.sparse_coding.certificates import duality_gap
from unfold.sparse_coding.forms import ElasticNet, Lasso
from unfold.sparse_coding.problem import Options, SparseProblem
from unfold.sparse_coding.solution import CertificateKind, Solution, Status
from unfold.sparse_coding.solvers.base import Solver

if TYPE_CHECKING:
    import torch

DENSE_ENTRIES = 2**25


class Batch:
    """A batch of unfinished samples: their data and whatever a solver iterates on.

    Attributes
    ----------
    X, D : tensors of shape (n, d), (k, d)
    gram : tensor of shape (k, k) or None
        Held where it makes an iteration cheaper than two products with ``D``.
    b, alpha : tensors of shape (n, k), (1 or n, k)
        Correlations of the data, weights of the penalty.
    fixed : dict
        Constants of the iteration: step sizes, factorisations.
    state : dict of tensors
        One row per sample each; ``state["Z"]`` holds the codes.
    """

    def __init__(self, problem: SparseProblem) -> None:
        import torch

        self.problem = problem
        self.X, self.D = problem.X, problem.D
        k, d = self.D.shape
        alpha = torch.as_tensor(problem.form.alpha, dtype=self.X.dtype, device=self.X.device)
        self.alpha = (alpha if alpha.ndim == 2 else alpha.reshape(1, -1)).expand(-1, k)
        self.gram = self.D @ self.D.T if k <= 2 * d else None
        self.b = self.X @ self.D.T
        self.fixed: dict[str, Any] = {}
        self.state: dict[str, torch.Tensor] = {"Z": torch.zeros_like(self.b)}

    def correlations(self, Z: "torch.Tensor") -> "torch.Tensor":
        """Return minus the gradient of the smooth part at ``Z``."""
        fit = Z @ self.gram if self.gram is not None else (Z @ self.D) @ self.D.T
        return self.b - fit - self.problem.form.l2 * Z

    def lipschitz(self) -> float:
        """Return the largest curvature of the smooth part."""
        import torch

        return float(torch.linalg.matrix_norm(self.D, 2)) ** 2 + self.problem.form.l2

    def threshold(self, Z: "torch.Tensor", cut: Any) -> "torch.Tensor":
        """Return the proximal step of the weighted L1 norm, one-sided for positive codes."""
        if self.problem.positive:
            return (Z - cut).clamp(min=0)
        return Z.sign() * (Z.abs() - cut).clamp(min=0)

    def gap(self) -> "torch.Tensor":
        """Return the relative duality gap of ``state["Z"]``."""
        return duality_gap(
            self.X,
            self.D,
            self.state["Z"],
            self.alpha,
            positive=self.problem.positive,
            l2=self.problem.form.l2,
        )

    def keep(self, rows: "torch.Tensor") -> None:
        """Let go of all samples but ``rows``."""
        if self.alpha.shape[0] > 1:
            self.alpha = self.alpha[rows]
        self.X, self.b = self.X[rows], self.b[rows]
        self.state = {name: value[rows] for name, value in self.state.items()}


class BatchedSolver(Solver):
    """Abstract batched solver; a subclass says how a batch starts, steps and is measured.

    Samples that meet the tolerance leave the batch, so that the slow ones alone are iterated on.
    """

    backend: ClassVar[Literal["numpy", "torch"]] = "torch"
    certificate_kind: ClassVar[CertificateKind] = "relative_duality_gap"

    max_iter: int
    check_every: int
    block_size: int

    @abstractmethod
    def _start(self, batch: Batch) -> None:
        """Fill ``batch.state`` and set constants of the iteration on ``batch``."""

    @abstractmethod
    def _step(self, batch: Batch) -> None:
        """Advance ``batch.state`` by one iteration."""

    def _measure(self, batch: Batch, tol: float) -> tuple[Any, Any]:
        """Return certificate and whether it is met, per sample."""
        gap = batch.gap()
        return gap, gap <= tol

    def _verdict(self, batch: Batch) -> "torch.Tensor":
        """Return the status of each sample that counts as done."""
        import torch

        return torch.full_like(batch.X[:, 0], int(Status.CONVERGED), dtype=torch.int8)

    @final
    def _solve(self, problem: SparseProblem, options: Options) -> Solution:
        import torch

        if isinstance(problem.form, Lasso | ElasticNet) and not bool(
            (torch.as_tensor(problem.form.alpha) > 0).all()
        ):
            raise ValueError(
                f"{type(self).__name__} needs alpha > 0 for every atom; ActiveSet takes alpha = 0."
            )
        rows = max(1, min(self.block_size, DENSE_ENTRIES // problem.D.shape[0]))
        parts = [
            self._solve_block(restrict(problem, slice(i, i + rows)), options.tol)
            for i in range(0, problem.X.shape[0], rows)
        ]
        codes, status, n_iter, certificate = (torch.cat(p) for p in zip(*parts, strict=True))
        return Solution(codes, status, n_iter, certificate, self.certificate_kind)

    def _solve_block(self, problem: SparseProblem, tol: float) -> tuple["torch.Tensor", ...]:
        import torch

        batch = Batch(problem)
        n = batch.X.shape[0]
        codes = torch.zeros_like(batch.b)
        certificate = batch.X.new_full((n,), float("inf"))
        status = torch.full((n,), int(Status.MAX_ITER), dtype=torch.int8, device=codes.device)
        n_iter = torch.full((n,), self.max_iter, device=codes.device)
        left = torch.arange(n, device=codes.device)
        self._start(batch)
        for i in range(self.max_iter + 1):
            if i % self.check_every == 0 or i == self.max_iter:
                value, done = self._measure(batch, tol)
                broken = ~torch.isfinite(value)
                out = done | broken if i < self.max_iter else torch.ones_like(done)
                rows = left[out]
                codes[rows], certificate[rows] = batch.state["Z"][out], value[out]
                n_iter[rows] = i
                status[left[done]] = self._verdict(batch)[done]
                status[left[broken]] = int(Status.NON_FINITE)
                left = left[~out]
                batch.keep(~out)
            if len(left) == 0:
                break
            self._step(batch)
        return codes, status, n_iter, certificate


def restrict(problem: SparseProblem, rows: slice) -> SparseProblem:
    """Return the problem of some of the samples."""
    from dataclasses import replace

    alpha = problem.form.alpha
    if np.ndim(alpha) == 2 and alpha.shape[0] > 1:
        alpha = alpha[rows]
    return replace(problem, X=problem.X[rows], form=problem.form.weighted(alpha))
