"""What every sparse solver shares: the problem it is handed, and the contract it signs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from unfold.sparse_coding.forms import Form


@dataclass(frozen=True, eq=False)
class SparseProblem:
    """A batch of sparse inference problems at a known dictionary, already validated.

    Attributes
    ----------
    form : Form
        What is minimised, with its parameters.
    X : array of shape (n, d)
    D : array of shape (k, d)
        Atoms, one a row, of the same kind, dtype and device as ``X``; norms are free but not 0.
    positive : bool
        Whether codes are constrained to be non-negative.
    gram : array of shape (k, k) or None
        ``D @ D.T`` where the caller has it.
    """

    form: Form
    X: Any
    D: Any
    positive: bool = True
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
