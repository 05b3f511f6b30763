"""What a dictionary guarantees: coherence, Babel function, spark, exact-recovery conditions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from unfold.arrays import check_activations, to_numpy, unit_rows

#: Cosine of two atoms short of 1, and margin of a certificate above 0, that may be rounding.
_ROUNDING, _STRICTLY = 1e-12, 1e-9


def _cosines(D: Any) -> np.ndarray:
    """Return the absolute cosines between atoms, 0 between an atom and itself."""
    D = np.asarray(unit_rows(to_numpy(check_activations(D, name="D"))), np.float64)
    G = D @ D.T
    np.fill_diagonal(G, 0)
    return np.abs(G)


def mutual_coherence(D: Any) -> float:
    """Return the largest absolute cosine between two atoms of ``D`` (k, d)."""
    return float(_cosines(D).max())


def babel(D: Any) -> np.ndarray:
    """Return the Babel function: how much ``m`` atoms together can look like one other.

    Entry ``m - 1`` is the largest sum of ``m`` absolute cosines between an atom and others, also
    called cumulative coherence.

    Parameters
    ----------
    D : array of shape (k, d)

    Returns
    -------
    ndarray of shape (k - 1,)

    References
    ----------
    Tropp (2004), Greed is good: algorithmic results for sparse approximation.
    """
    sizes = -np.sort(-_cosines(D), axis=1)[:, :-1]
    return np.cumsum(sizes, axis=1).max(axis=0)


cumulative_coherence = babel


def welch_bound(k: int, d: int) -> float:
    """Return the least mutual coherence that ``k`` unit atoms in ``d`` dimensions can have."""
    return float(np.sqrt((k - d) / (d * (k - 1)))) if k > d else 0.0


@dataclass(frozen=True)
class SparkBounds:
    """Bounds on the spark: the fewest atoms that are linearly dependent (``k + 1``: none are).

    Attributes
    ----------
    lower, upper : int
        Codes with fewer than ``lower / 2`` active atoms are unique.
    """

    lower: int
    upper: int


def spark_bounds(D: Any) -> SparkBounds:
    """Return bounds on the spark of ``D``; computing it is NP-hard.

    The lower bound is the least ``m`` with ``babel(m - 1) >= 1`` (by Gershgorin), at least 2; the
    upper is ``rank + 1``, or 2 where two atoms are collinear.

    References
    ----------
    Donoho and Elad (2003), Optimally sparse representation in general (nonorthogonal) dictionaries.
    """
    given = to_numpy(check_activations(D, name="D"))
    if (abs(given).max(1) == 0).any():
        return SparkBounds(1, 1)
    k, rank = given.shape[0], int(np.linalg.matrix_rank(given))
    upper = rank + 1
    if k == 1:
        return SparkBounds(upper, upper)
    sums = babel(given)
    if sums[0] >= 1 - _ROUNDING:
        return SparkBounds(2, 2)
    lower = int(np.argmax(sums >= 1)) + 2 if (sums >= 1).any() else k + 1
    return SparkBounds(min(max(lower, 2), upper), upper)


def guaranteed_sparsity(D: Any) -> int:
    """Return the largest ``m`` such that every code of ``m`` atoms is found by OMP and by L1.

    That is Tropp's condition ``babel(m - 1) + babel(m) < 1``: worst case over supports and
    magnitudes, hence far below what random supports allow
    (see `unfold.sparse_coding.phase_transition`).
    """
    if to_numpy(D).shape[0] == 1:
        return 1
    sums = np.concatenate([[0.0], babel(D)])
    holds = sums[:-1] + sums[1:] < 1
    return int(len(holds) if holds.all() else np.argmin(holds))


def exact_recovery_coefficient(D: Any, support: Any, *, positive: bool = False) -> float:
    """Return the exact-recovery coefficient of a support: below 1, OMP and L1 both recover it.

    It is ``max_j ||pinv(D_S) d_j||_1`` over atoms ``j`` outside the support; with ``positive`` the
    sum runs over the coefficients themselves, which is what non-negative L1 needs.

    Parameters
    ----------
    D : array of shape (k, d)
    support : array of integers
    positive : bool

    Returns
    -------
    float
        Infinity where the support's atoms are dependent; 0 where no atom is outside.

    References
    ----------
    Tropp (2004), Greed is good: algorithmic results for sparse approximation.
    """
    atoms = np.asarray(to_numpy(check_activations(D, name="D")), np.float64)
    support = np.asarray(support, int)
    if len(support) and (support.min() < 0 or support.max() >= len(atoms)):
        raise ValueError(f"support must hold atoms 0 to {len(atoms) - 1}, got {support.tolist()}.")
    if len(np.unique(support)) < len(support):
        raise ValueError(f"support names an atom twice: {support.tolist()}.")
    outside = np.setdiff1d(np.arange(len(atoms)), support)
    if len(support) == 0 or len(outside) == 0:
        return 0.0
    if np.linalg.matrix_rank(atoms[support]) < len(support):
        return float("inf")
    coefficients = np.linalg.lstsq(atoms[support].T, atoms[outside].T, rcond=None)[0]
    return float((coefficients if positive else abs(coefficients)).sum(0).max())


@dataclass(frozen=True, eq=False)
class DualCertificate:
    """Proof, per sample, that codes are the one solution of basis pursuit for their own data.

    Attributes
    ----------
    unique : ndarray of shape (n,), bool
        Whether the codes are certified to be the unique minimiser.
    margin : ndarray of shape (n,)
        One minus the largest correlation of the dual vector with an inactive atom: positive
        certifies; it also bounds how much noise the support withstands.
    """

    unique: np.ndarray
    margin: np.ndarray


def dual_certificate(D: Any, Z: Any, *, positive: bool = True) -> DualCertificate:
    """Check whether codes are the unique least-L1 codes of ``Z @ D``, by a dual vector.

    It builds the least-norm ``u`` with ``D_S u = sign(z_S)`` (Fuchs' certificate), and tests
    ``D u < 1`` off the support. Sufficient, not necessary: a failure proves nothing.

    Parameters
    ----------
    D : array of shape (k, d)
    Z : array of shape (n, k)
    positive : bool

    Returns
    -------
    DualCertificate

    References
    ----------
    Fuchs (2004), On sparse representations in arbitrary redundant bases.
    """
    atoms = np.asarray(to_numpy(check_activations(D, name="D")), np.float64)
    codes = np.asarray(to_numpy(check_activations(Z, name="Z")), np.float64)
    if codes.shape[1] != len(atoms):
        raise ValueError(f"Z has {codes.shape[1]} columns but D has {len(atoms)} atoms.")
    margin = np.empty(len(codes))
    for i, z in enumerate(codes):
        on = np.flatnonzero(z)
        if positive and (z < 0).any():
            margin[i] = -np.inf
        elif len(on) == 0:
            margin[i] = 1.0
        elif np.linalg.matrix_rank(atoms[on]) < len(on):
            margin[i] = -np.inf
        else:
            u = np.linalg.lstsq(atoms[on], np.sign(z[on]), rcond=None)[0]
            off = np.delete(atoms @ u, on)
            size = off if positive else abs(off)
            margin[i] = 1 - size.max() if len(size) else 1.0
    return DualCertificate(margin > _STRICTLY, margin)
