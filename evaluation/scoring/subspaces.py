"""Features of several dimensions: subspaces beside subspaces, by their principal angles.

Every score keeps its name: where a line has a cosine, a subspace has its affinity, which is the
cosine for lines; where a line has a code, a subspace has the length of what it contributes.
"""

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csc_array

from evaluation.scoring.matching import Estimate, Matching, Target, as_columns
from evaluation.scoring.metrics import METRICS, MatchedEstimate
from toy.problem import Problem, Truth
from unfold.sparse_coding.subspace_pursuit import subspace_pursuit

#: Scores that mean the same for subspaces as for lines.
SCORED = (
    *(name for name, metric in METRICS.items() if metric.kind == "dictionary"),
    "code_f1",
    "code_f1_equal_l0",
    "code_r2",
    "l0_ratio",
    "shrinkage",
)
#: Singular values below this share of the largest are no dimension of a group.
RANK = 1e-6
#: The least that double precision tells from nothing.
NOTHING = 1e-300
#: Residual that the encoder of the controls takes for noise: in units of the noise there is, and
#: of a typical activation where there is none.
TOLERANCE, LEAST_TOLERANCE = 1.2, 0.01
#: Features a sample that encoder takes up, in units of the mean number.
MOST_ACTIVE = 3


def affinity(one: np.ndarray, other: np.ndarray) -> float:
    """Return how much two subspaces agree: 1 if they are the same, 0 if they are orthogonal.

    The root of the sum of squared cosines of their principal angles over the larger dimension: a
    line in a plane has .71, and of two lines it is the absolute cosine.

    Parameters
    ----------
    one, other : ndarray of shape (r, d), (s, d)
        Rows that span them, in any basis.
    """
    bases = [_basis(np.asarray(rows, dtype=np.float64)) for rows in (one, other)]
    largest = max(len(bases[0]), len(bases[1]), 1)
    return float(np.linalg.norm(bases[0] @ bases[1].T) / np.sqrt(largest))


def n_subspaces(truth: Truth) -> int:
    """Return how many features of several dimensions there are."""
    return len(np.unique(np.asarray(truth.group)))


def score_subspaces(
    directions: np.ndarray, groups: np.ndarray | None, codes_test: Any, problem: Problem
) -> dict[str, float]:
    """Score groups of atoms against true subspaces.

    Parameters
    ----------
    directions : ndarray of shape (m, d)
    groups : ndarray of shape (m,), int, or None
        Which feature each atom is a coordinate of; every atom a feature of its own if None.
    codes_test : ndarray or csr_array of shape (n_test, m), or None
    problem : Problem
        Whose truth has a ``group``.

    Returns
    -------
    dict of str to float
    """
    groups = np.arange(len(directions)) if groups is None else np.asarray(groups)
    alive = np.linalg.norm(directions, axis=1) > 0
    labels = np.unique(groups[alive])
    found = [directions[alive & (groups == label)] for label in labels]
    true = _true_subspaces(problem.truth)
    matching = _match(true, found)
    truth_codes = np.asarray(_dense(problem.truth.codes_test), dtype=np.float64)
    amplitudes = _lengths(truth_codes, _scaled(problem.truth), np.asarray(problem.truth.group))
    target = Target(np.zeros((len(true), 1)), amplitudes, np.zeros((0, 1)), True)
    X = np.asarray(problem.observed.test, dtype=np.float64)
    lengths, raw = None, None
    if codes_test is not None:
        raw = as_columns(codes_test)
        if raw.shape != (len(X), len(directions)):
            raise ValueError(
                f"Expected codes of shape {(len(X), len(directions))}, got {raw.shape}."
            )
        kept = np.flatnonzero(alive)
        lengths = _lengths(raw[:, kept].toarray(), directions[kept], groups[kept])
    beside = MatchedEstimate(target, matching, lengths, X, directions, np.zeros(X.shape[1]))
    scores = {
        name: METRICS[name](beside)
        for name in SCORED
        if METRICS[name].kind == "dictionary" or lengths is not None
    }
    if raw is not None:
        whole = MatchedEstimate(target, matching, raw, X, directions, np.zeros(X.shape[1]))
        scores["explained_variance"] = METRICS["explained_variance"](whole)
    return scores


def subspace_controls(problem: Problem, n_groups: int, seed: int) -> dict[str, Estimate]:
    """Return random subspaces of the true dimensions, and the true ones, with codes.

    Parameters
    ----------
    problem : Problem
    n_groups : int
        Random subspaces.
    seed : int
    """
    truth, X = problem.truth, np.asarray(problem.observed.test, dtype=np.float64)
    true = _true_subspaces(truth)
    sizes = [len(true[g % len(true)]) for g in range(n_groups)]
    rng = np.random.default_rng([seed, 0x6368616E6365])
    random = [_basis(rng.standard_normal((size, X.shape[1]))) for size in sizes]
    noise = TOLERANCE * float(problem.spec.get("noise", 0.0)) * np.sqrt(X.shape[1])
    typical = float(np.sqrt((X**2).sum(axis=1).mean()))
    active = float(
        sum(
            np.asarray(truth.density)[np.asarray(truth.group) == g].mean()
            for g in np.unique(np.asarray(truth.group))
        )
    )
    made = {}
    for name, bases in (("chance", random), ("oracle", true)):
        D, groups = np.concatenate(bases), np.repeat(np.arange(len(bases)), list(map(len, bases)))
        codes = subspace_pursuit(
            X - truth.bias,
            D,
            groups,
            max_active=max(1, round(MOST_ACTIVE * active)),
            tolerance=max(noise, LEAST_TOLERANCE * typical),
        )
        made[name] = Estimate(D, codes, groups)
    return made


def _true_subspaces(truth: Truth) -> list[np.ndarray]:
    group = np.asarray(truth.group)
    return [_basis(np.asarray(truth.directions, np.float64)[group == g]) for g in np.unique(group)]


def _scaled(truth: Truth) -> np.ndarray:
    return np.asarray(truth.directions, np.float64) * np.asarray(truth.norms, np.float64)[:, None]


def _basis(rows: np.ndarray) -> np.ndarray:
    """Return orthonormal rows that span the same."""
    _, s, Vt = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(Vt[: int((s > RANK * max(float(s[0]), NOTHING)).sum())])


def _match(true: list[np.ndarray], found: list[np.ndarray]) -> Matching:
    """Match groups to subspaces one-to-one, by the greatest total affinity."""
    k = len(true)
    if not found:
        empty = np.zeros(k)
        return Matching(np.full(k, -1), empty, np.ones(k), empty, 0)
    bases = [_basis(rows) for rows in found]
    largest = np.maximum([[len(a)] for a in true], [[len(b) for b in bases]])
    starts = [np.cumsum([0, *map(len, these[:-1])]) for these in (true, bases)]
    energy = (np.concatenate(true) @ np.concatenate(bases).T) ** 2
    sums = np.add.reduceat(np.add.reduceat(energy, starts[0], axis=0), starts[1], axis=1)
    agreement = np.clip(np.sqrt(sums / largest), 0, 1)
    feature, column = linear_sum_assignment(agreement, maximize=True)
    atom, cosine = np.full(k, -1), np.zeros(k)
    atom[feature], cosine[feature] = column, agreement[feature, column]
    return Matching(atom, cosine, np.ones(k), agreement.max(axis=1), len(found))


def _lengths(codes: np.ndarray, atoms: np.ndarray, groups: np.ndarray) -> csc_array:
    """Return the length of what each group contributes to each sample, (n, n_groups)."""
    labels = np.unique(groups)
    parts = [np.linalg.norm(codes[:, groups == g] @ atoms[groups == g], axis=1) for g in labels]
    return csc_array(np.stack(parts, axis=1) if parts else np.zeros((len(codes), 0)))


def _dense(codes: Any) -> Any:
    return codes.toarray() if hasattr(codes, "toarray") else codes
