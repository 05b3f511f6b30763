"""What every sparse solver shares: the problem it is handed, and the contract it signs."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

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
class Options:
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


#: What `Solver.solve` does where nobody says.
DEFAULT_OPTIONS = Options()


def is_scalar(value: Any) -> bool:
    """Tell whether ``value`` is a number or nothing, rather than an array."""
    return value is None or np.ndim(value) == 0
