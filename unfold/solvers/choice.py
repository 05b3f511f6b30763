"""Which solver: by name, or by problem, size and device."""

from unfold.solvers.active_set import ActiveSet
from unfold.solvers.base import Solver, SparseProblem
from unfold.solvers.pursuit import OMP

NAMES: dict[str, type[Solver]] = {"active_set": ActiveSet, "omp": OMP}


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
    """Return the fastest solver that certifies ``problem``."""
    if problem.kind in OMP.takes:
        return OMP()
    return ActiveSet()
