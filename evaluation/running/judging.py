"""Which scores a problem has: those beside a truth, or those without one."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from evaluation.real.problem import RealProblem, is_real
from toy import Problem

AnyProblem: TypeAlias = Problem | RealProblem


def metrics_version(spec: Mapping[str, Any]) -> str:
    """Return the version of the scores of a problem, by its spec."""
    if is_real(spec):
        from evaluation.real.metrics import REAL_METRICS_VERSION

        return REAL_METRICS_VERSION
    from evaluation.scoring.score import METRICS_VERSION

    return METRICS_VERSION


def score_estimate(
    dictionary: Any, codes_test: Any, problem: AnyProblem, groups: Any = None
) -> dict[str, float]:
    """Return the scores of what a method returned, by name."""
    if isinstance(problem, RealProblem):
        from evaluation.real.score import score_real

        return score_real(dictionary, codes_test, problem)
    from evaluation.scoring.score import score

    return score(dictionary, codes_test, problem, groups)


def score_controls(
    problem: AnyProblem, n_features: int, seed: int
) -> dict[str, tuple[int, dict[str, float]]]:
    """Return the number of atoms and the scores of each control, by its name."""
    if isinstance(problem, RealProblem):
        from evaluation.real.score import control_scores

        return control_scores(problem, seed)
    from evaluation.scoring.controls import control_estimates

    if problem.truth.group is not None:
        from evaluation.scoring.subspaces import subspace_controls

        estimates = subspace_controls(problem, n_features, seed)
    else:
        estimates = control_estimates(problem, n_features, seed)
    return {
        f"control:{kind}": (
            len(estimate.dictionary),
            score_estimate(estimate.dictionary, estimate.codes_test, problem, estimate.groups),
        )
        for kind, estimate in estimates.items()
    }
