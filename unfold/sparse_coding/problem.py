"""What every sparse solver shares: the problem it is handed, and the contract it signs."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unfold.arrays import is_tensor
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
    handed : dtype, optional
        What codes are handed back in, where that is less than the precision of ``X``.
    """

    form: Form
    X: Any
    D: Any
    positive: bool = True
    gram: Any = None
    handed: Any = None

    @property
    def code_dtype(self) -> Any:
        """Data type of the codes that are handed back."""
        return self.X.dtype if self.handed is None else self.handed

    def in_double(self) -> "SparseProblem":
        """Return the problem in double precision; its codes are handed back as they were to be."""
        if self.X.dtype.itemsize == 8:
            return self

        def double(A: Any) -> Any:
            return A.double() if is_tensor(A) else A.astype(np.float64)

        return replace(self, X=double(self.X), D=double(self.D), gram=None, handed=self.code_dtype)

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


#: Residuals below this share of a sample's norm are rounding: an exact fit in double precision, or
#: in single, leaves about a tenth of it over a support of some dozens of atoms.
ROUNDING = {8: 1e-12, 4: 3e-6}


def residual_bound(error: float, norms: Any, dtype: Any) -> Any:
    """Return the residual norm that counts as within ``error``, per sample of such ``norms``.

    An error of 0 asks for an exact fit, which is one to within `ROUNDING`.
    """
    return 0.0 * norms + error if error > 0 else ROUNDING[dtype.itemsize] * norms


#: What `Solver.solve` does where nobody says.
DEFAULT_OPTIONS = Options()


def is_scalar(value: Any) -> bool:
    """Tell whether ``value`` is a number or nothing, rather than an array."""
    return value is None or np.ndim(value) == 0
