"""What a solver returns: codes, a status per sample, and a certificate of optimality."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from unfold.arrays import Array


class Status(IntEnum):
    """How an iterative computation ended; ``sentence`` says what to do about it."""

    CONVERGED = 0
    MAX_ITER = 1
    NON_FINITE = 2
    INFEASIBLE = 3
    STALLED = 4

    def __str__(self) -> str:
        """Return the name, as in CONVERGED."""
        return self.name

    @property
    def sentence(self) -> str:
        """The status in words, with the remedy."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.CONVERGED: "Converged to the requested tolerance.",
    Status.MAX_ITER: "Stopped at max_iter before the tolerance was met; raise max_iter or tol.",
    Status.NON_FINITE: "A NaN or infinity appeared; rescale X or raise alpha.",
    Status.INFEASIBLE: "No code satisfies the constraint; loosen it or add atoms.",
    Status.STALLED: (
        "Progress stopped before the tolerance was met, by rounding or as the solver never "
        "revises; use float64, or another solver."
    ),
}

CertificateKind = Literal["relative_duality_gap", "kkt_residual", "relative_residual", "none"]


@dataclass(frozen=True, eq=False)
class Solution:
    """Codes of ``n`` samples over ``k`` atoms, and the proof of how good they are.

    Attributes
    ----------
    codes : ndarray, tensor or scipy CSR matrix of shape (n, k)
    status : ndarray or tensor of shape (n,), of int8
        A `Status` per sample.
    n_iter : ndarray or tensor of shape (n,)
        Iterations (or active-set steps) per sample.
    certificate : ndarray or tensor of shape (n,)
        Distance to optimality per sample, computed at ``codes`` as they are returned.
    certificate_kind : str
        What ``certificate`` measures.
    """

    codes: Any
    status: Array
    n_iter: Array
    certificate: Array
    certificate_kind: CertificateKind

    def __repr__(self) -> str:
        """Return how it ended, and the worst certificate."""
        n, k = self.codes.shape
        done = int((self.status == int(Status.CONVERGED)).sum())
        worst = float(self.certificate.max())
        return (
            f"Solution({done} of {n} samples converged, {self.certificate_kind} up to "
            f"{worst:.2g}, {k} atoms)"
        )

    @property
    def converged(self) -> bool:
        """Whether every sample met the tolerance."""
        return bool((self.status == int(Status.CONVERGED)).all())
