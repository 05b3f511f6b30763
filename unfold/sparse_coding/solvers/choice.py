"""Which solver: by name, or by problem, size and device. A solver is loaded when it is used."""

from importlib import import_module

from unfold.arrays import is_tensor
from unfold.sparse_coding.forms import (
    AtMost,
    BasisPursuit,
    BasisPursuitDenoising,
    LogSum,
    WithinError,
)
from unfold.sparse_coding.problem import SparseProblem
from unfold.sparse_coding.solvers.base import Solver
from unfold.sparse_coding.solvers.gram import fits_gram

#: Where each solver is, by the name it is asked for: a file of this folder, and its class.
SOLVERS = {
    "active_set": "active_set:ActiveSet",
    "fista": "proximal:FISTA",
    "coordinate_descent": "coordinate_descent:CoordinateDescent",
    "admm": "proximal:ADMM",
    "lca": "proximal:LCA",
    "omp": "omp:OMP",
    "block_pursuit": "block_pursuit:BlockPursuit",
    "batched_omp": "greedy:BatchedOMP",
    "matching_pursuit": "greedy:MatchingPursuit",
    "iht": "greedy:IHT",
    "reweighted": "reweighted:Reweighted",
    "discrepancy": "basis_pursuit:Discrepancy",
    "reference": "reference:Reference",
    "best_subset": "reference:BestSubset",
}


def solver_class(name: str) -> type[Solver]:
    """Return the class of a solver by its name.

    Raises
    ------
    ValueError
        If the name is not known; the message lists those that are.
    """
    if name not in SOLVERS:
        raise ValueError(
            f"Unknown solver {name!r}: give 'auto', one of {sorted(SOLVERS)}, or an object."
        )
    file, class_name = SOLVERS[name].split(":")
    found: type[Solver] = getattr(import_module(f"{__package__}.{file}"), class_name)
    return found


def as_solver(solver: str | Solver, problem: SparseProblem) -> Solver:
    """Return a solver given itself, its name, or "auto"."""
    if isinstance(solver, Solver):
        return solver
    return solver_class(automatic(problem) if solver == "auto" else solver)()


def automatic(problem: SparseProblem) -> str:
    """Return the name of the fastest solver that certifies ``problem`` where its data are."""
    on_gpu = is_tensor(problem.X) and problem.X.device.type != "cpu"
    match problem.form:
        case AtMost() | WithinError() if on_gpu:
            return "batched_omp"
        case AtMost() | WithinError():
            return "omp" if problem.gram is not None or fits_gram(problem) else "block_pursuit"
        case LogSum():
            return "reweighted"
        case BasisPursuit() | BasisPursuitDenoising():
            return "discrepancy"
    return "fista" if on_gpu else "active_set"
