"""The two ends of every board: a random dictionary, and the true one with the best encoder."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.sparse import csr_array

from evaluation.scoring.matching import Estimate, Target, match, target
from evaluation.scoring.metrics import METRICS, MatchedEstimate
from toy.problem import Problem
from unfold.sparse_coding.debias import debias as debias_on_support

CHANCE, ORACLE = CONTROLS = ("control:chance", "control:oracle")


def is_control(name: str) -> bool:
    """Tell whether a row's name is that of an end of the scale rather than of a method."""
    return name in CONTROLS


#: Samples on which the oracle's encoder is chosen.
_TRIAL = 256


@dataclass(frozen=True)
class Encoder:
    """Sparse inference at known directions: L1, then small codes dropped, then least squares.

    Attributes
    ----------
    alpha : float
        Weight of the L1 penalty, in units of a typical amplitude.
    cut : float
        Codes below this, in the same units, are dropped.
    debias : bool
        Whether the codes that stay are refitted by least squares, undoing the shrinkage of L1.
    """

    alpha: float
    cut: float
    debias: bool

    def __call__(
        self, X: np.ndarray, dictionary: np.ndarray, scale: float, positive: bool
    ) -> csr_array:
        """Return codes of ``X`` (n, d) over unit rows ``dictionary`` (k, d)."""
        codes = _l1(X, dictionary, self.alpha * scale, positive)
        return self.finish(codes, X, dictionary, scale, positive)

    def finish(
        self, l1: csr_array, X: np.ndarray, dictionary: np.ndarray, scale: float, positive: bool
    ) -> csr_array:
        """Return codes given those of the L1 problem, which several encoders may share."""
        codes = l1.copy()
        codes.data[np.abs(codes.data) < self.cut * scale] = 0
        codes.eliminate_zeros()
        return _refit(X, dictionary, codes, positive) if self.debias else codes


def _l1(X: np.ndarray, dictionary: np.ndarray, alpha: float, positive: bool) -> csr_array:
    from unfold.sparse_coding.encode import sparse_encode

    solution = sparse_encode(
        X, dictionary, alpha=alpha, positive=positive, tol=1e-4, sparse_output=True
    )
    return csr_array(solution.codes)


def control_estimates(problem: Problem, n_atoms: int, seed: int) -> dict[str, Estimate]:
    """Return what the two control rows of a problem would have returned.

    Parameters
    ----------
    problem : Problem
    n_atoms : int
        Size of the random dictionary.
    seed : int
        Seed of the random dictionary; the problem's own seed may be the same number.

    Returns
    -------
    dict with keys "chance" and "oracle"
        ``chance`` holds directions uniform on the sphere; ``oracle`` the represented features.
        Both come with codes from one sparse encoder, L1 followed by least squares, whose
        penalty and cut-off are those that serve the true directions best.

    Raises
    ------
    ValueError
        If ``n_atoms`` is below 1.
    """
    if n_atoms < 1:
        raise ValueError(f"n_atoms must be at least 1, got {n_atoms}.")
    truth = target(problem.truth)
    X = problem.observed.test.astype(np.float64) - problem.truth.bias
    scale = _typical_amplitude(truth)
    encoder = _best_encoder(X[:_TRIAL], truth, scale)
    # A stream of its own, so that a problem made from the same seed shares nothing with it.
    rng = np.random.default_rng([seed, 0x6368616E6365])
    atoms = rng.standard_normal((n_atoms, X.shape[1]))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    return {
        "chance": Estimate(atoms, encoder(X, atoms, scale, truth.positive)),
        "oracle": Estimate(truth.directions, encoder(X, truth.directions, scale, truth.positive)),
    }


def _typical_amplitude(truth: Target) -> float:
    active = np.abs(truth.amplitudes.data)
    active = active[active > 0]
    return float(np.median(active)) if active.size else 1.0


def _best_encoder(X: np.ndarray, truth: Target, scale: float) -> Encoder:
    """Return the candidate with the greatest sum of code F1 and R2 on a few samples."""
    trial = Target(
        truth.directions, truth.amplitudes.tocsr()[: len(X)].tocsc(), truth.ignored, truth.positive
    )
    if not trial.amplitudes.nnz:
        return Encoder(0.02, 0.1, True)
    matching = match(truth.directions, truth)
    ranked: list[tuple[float, Encoder]] = []
    for alpha in (0.2, 0.05, 0.02, 0.005):
        l1 = _l1(X, truth.directions, alpha * scale, truth.positive)
        for cut, debias in product((0.0, 0.1, 0.3), (True, False)):
            encoder = Encoder(alpha, cut, debias)
            codes = encoder.finish(l1, X, truth.directions, scale, truth.positive).tocsc()
            found = MatchedEstimate(
                trial, matching, codes, X, truth.directions, np.zeros(X.shape[1])
            )
            ranked.append((METRICS["code_f1"](found) + METRICS["code_r2"](found), encoder))
    return max(ranked, key=lambda entry: entry[0])[1]


def _refit(X: np.ndarray, dictionary: np.ndarray, codes: csr_array, positive: bool) -> csr_array:
    """Least squares on each sample's support; what turns negative in a positive code is dropped."""
    refitted: csr_array = debias_on_support(X, dictionary, codes, positive=False)
    if positive:
        refitted.data = np.maximum(refitted.data, 0)
        refitted.eliminate_zeros()
    return refitted
