"""Which solver: by name, or by problem, size and device."""

from unfold.arrays import is_tensor
from unfold.sparse_coding.problem import SparseProblem
from unfold.sparse_coding.solvers.active_set import ActiveSet
from unfold.sparse_coding.solvers.base import Solver
from unfold.sparse_coding.solvers.basis_pursuit import Discrepancy
from unfold.sparse_coding.solvers.coordinate_descent import CoordinateDescent
from unfold.sparse_coding.solvers.greedy import IHT, BatchedOMP, MatchingPursuit
from unfold.sparse_coding.solvers.omp import OMP
from unfold.sparse_coding.solvers.proximal import ADMM, FISTA, LCA
from unfold.sparse_coding.solvers.reference import BestSubset, Reference
from unfold.sparse_coding.solvers.reweighted import Reweighted

NAMES: dict[str, type[Solver]] = {
    "active_set": ActiveSet,
    "fista": FISTA,
    "coordinate_descent": CoordinateDescent,
    "admm": ADMM,
    "lca": LCA,
    "omp": OMP,
    "batched_omp": BatchedOMP,
    "matching_pursuit": MatchingPursuit,
    "iht": IHT,
    "reweighted": Reweighted,
    "discrepancy": Discrepancy,
    "reference": Reference,
    "best_subset": BestSubset,
}


def as_solver(solver: str | Solver, problem: SparseProblem) -> Solver:
    """Return a solver given itself, its name, or "auto".

    Raises
    ------
    ValueError
        If the name is not known; the message lists those that are.
    """
    if isinstance(solver, Solver):
        return solver
    if solver == "auto":
        return automatic(problem)
    if solver not in NAMES:
        raise ValueError(
            f"Unknown solver {solver!r}: give 'auto', one of {sorted(NAMES)}, or an object."
        )
    return NAMES[solver]()


def automatic(problem: SparseProblem) -> Solver:
    """Return the fastest solver that certifies ``problem`` on the device where its data are."""
    on_gpu = is_tensor(problem.X) and problem.X.device.type != "cpu"
    if type(problem.form) in OMP.takes:
        return BatchedOMP() if on_gpu else OMP()
    if type(problem.form) in Reweighted.takes:
        return Reweighted()
    if type(problem.form) in Discrepancy.takes:
        return Discrepancy()
    return FISTA() if on_gpu else ActiveSet()
