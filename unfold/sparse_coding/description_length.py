"""How short a dictionary makes the description of activations: what decides without the truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from unfold.deadline import check_time

#: Residuals below this share of the variance count as perfect: nothing is won by rounding.
FLOOR = 1e-6
#: Residual norms that a description is tried at, in root mean square norms of the samples.
ERRORS = tuple(np.geomspace(0.5, FLOOR**0.5, 10))
#: Share of the samples whose residuals tell the noise where the others are failures.
MOST = 0.9
#: Ratio of the residual norms that are tried beside the best of them: half a step.
BETWEEN = 2.0**0.5
#: Atoms that a description may use: half as many as dimensions, of many a sixth, since pursuit
#: takes time that grows as the square of their number, and sparse codes are far from it.
HALF, SIXTH = 64, 1 / 6
#: L1 penalty at which codes are looked for, in standard deviations of the noise at an atom.
ALPHA = 2.0
#: Descriptions that may get longer in a row before finer ones are given up.
PATIENCE = 2


@dataclass(frozen=True, eq=False)
class Description:
    """Samples as few atoms and a Gaussian residual.

    Attributes
    ----------
    nats : float
        Mean length a sample, without the dictionary.
    error : float
        Residual norm that the pursuit went to.
    codes : csr_array of shape (n, k)
    noise : float
        Standard deviation of a coordinate of the residual, for the dimensions that codes leave.
    """

    nats: float
    error: float
    codes: sparse.csr_array
    noise: float


def shortest(
    X: np.ndarray, D: np.ndarray, *, positive: bool, errors: Sequence[float] = ERRORS
) -> Description:
    """Return the shortest description of samples by pursuit codes to one of several residuals.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples less their offset.
    D : ndarray of shape (k, d)
        Unit rows.
    positive : bool
        Whether codes are non-negative.
    errors : sequence of float
        Residual norms to try, from coarse to fine, in root mean square norms of the samples.

    Returns
    -------
    Description

    References
    ----------
    Rissanen (1978), Modeling by shortest data description.
    """
    size = float(np.sqrt(np.mean(np.sum(np.square(X, dtype=np.float64), axis=1)))) or 1.0
    gram = D @ D.T

    def described(error: float) -> Description:
        codes = within(X, D, error, positive=positive, gram=gram)
        left = np.sum(np.square(X - codes @ D, dtype=np.float64))
        free = max(1.0, X.shape[1] - codes.nnz / len(X))
        noise = float(np.sqrt(left / len(X) / free))
        return Description(nats(X, D, codes, signed=not positive), error, codes, noise)

    most = most_atoms(D)
    best = described(errors[0] * size)
    worse = 0
    for relative in errors[1:]:
        check_time()
        found = described(relative * size)
        best, worse = (found, 0) if found.nats < best.nats else (best, worse + 1)
        if worse == PATIENCE or (worse and failed(found.codes, most)):
            break
    around = [described(best.error * BETWEEN), described(best.error / BETWEEN)]
    return min([best, *around], key=lambda found: found.nats)


def repaired(X: np.ndarray, D: np.ndarray, found: Description, *, positive: bool) -> Description:
    """Return a description with the L1 codes at its noise in place of pursuit's, if shorter.

    A pursuit takes wrong atoms first where right ones are many or alike, and then needs more of
    them than it may; L1 does not, and atoms that are not worth their price leave its codes. Where
    directions are at stake, a right dictionary must not pay for that.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
        Unit rows.
    found : Description
        As `shortest` finds it.
    positive : bool
    """
    from unfold.sparse_coding.encode import sparse_encode

    left = np.sum(np.square(X - found.codes @ D, dtype=np.float64), axis=1)
    variance = variances(X, left)[0]
    price = variance * float(np.median(on_nats(found.codes, variance, signed=not positive)))
    codes = sparse_encode(
        X, D, alpha=float(ALPHA * np.sqrt(variance)), positive=positive, prune=price,
        sparse_output=True,
    ).codes  # fmt: skip
    length = nats(X, D, codes, signed=not positive)
    return replace(found, nats=length, codes=codes) if length < found.nats else found


def within(
    X: np.ndarray, D: np.ndarray, error: float, *, positive: bool, gram: np.ndarray | None = None
) -> sparse.csr_array:
    """Return pursuit codes (n, k) to a residual norm, of at most half as many atoms as dimensions.

    With more atoms than that, codes fit anything. Two are always allowed: a plane has no half. In
    many dimensions it is a sixth (`most_atoms`).
    """
    from unfold.sparse_coding.forms import AtMost
    from unfold.sparse_coding.problem import Options, SparseProblem
    from unfold.sparse_coding.solvers.choice import as_solver

    problem = SparseProblem(AtMost(most_atoms(D), error), X, D, positive=positive, gram=gram)
    solution = as_solver("auto", problem).solve(problem, Options(sparse_output=True))
    codes = sparse.csr_array(solution.codes)
    codes.eliminate_zeros()
    return codes


def most_atoms(D: np.ndarray) -> int:
    """Return how many atoms (k, d) a description of a sample may use."""
    d = D.shape[1]
    few = d // 2 if d <= HALF else max(HALF // 2, int(SIXTH * d))
    return int(min(max(2, few), *D.shape))


def failed(codes: sparse.csr_array, most: int) -> bool:
    """Tell whether most codes (n, k) use all atoms they may: finer ones would be no better."""
    return bool(np.median(np.diff(codes.indptr)) >= most)


def description_length(X: np.ndarray, D: np.ndarray, n_active: int, *, positive: bool) -> float:
    """Return the mean nats that it takes to describe a sample by at most ``n_active`` atoms.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples that took no part in finding ``D``.
    D : ndarray of shape (k, d)
        Unit rows.
    n_active : int
    positive : bool

    Returns
    -------
    float
    """
    from unfold.sparse_coding.encode import sparse_encode

    codes = sparse_encode(
        X, D, penalty="l0", n_nonzero=min(n_active, *D.shape), positive=positive
    ).codes
    return nats(X, D, codes, signed=not positive)


def nats(
    X: np.ndarray, D: np.ndarray, codes: np.ndarray | sparse.csr_array, *, signed: bool = False
) -> float:
    """Return the mean nats that it takes to describe a sample by given codes.

    The variance of the residuals is that of all samples or of most, whichever describes them
    shorter: a few that a pursuit fails on must not be what decides.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
    codes : ndarray or csr_array of shape (n, k)
    signed : bool
        Whether codes might have been of either sign.

    Returns
    -------
    float

    References
    ----------
    Rissanen (1978), Modeling by shortest data description.
    """
    Z = sparse.csr_array(codes)
    left = np.sum(np.square(X - Z @ D, dtype=np.float64), axis=1)
    return min(
        float(sample_nats(X, left, Z, v, on_nats(Z, v, signed=signed)).mean())
        for v in variances(X, left)
    )


def numbers_nats(count: int, n_samples: float) -> float:
    """Return the nats a sample of ``count`` fitted numbers, each as precise as samples warrant.

    References
    ----------
    Schwarz (1978), Estimating the dimension of a model.
    """
    return 0.5 * count * float(np.log(max(2.0, n_samples))) / max(2.0, n_samples)


def variances(X: np.ndarray, left: np.ndarray) -> tuple[float, float]:
    """Return the variance of a coordinate of the residual over most samples, and over all."""
    rounding = np.finfo(np.float64).eps ** 2 * float(np.square(X, dtype=np.float64).mean())
    floor = max(FLOOR * float(X.var(axis=0).mean()), rounding, np.finfo(np.float64).tiny)
    most = np.sort(left)[: max(1, round(MOST * len(left)))]
    return max(float(most.mean()) / X.shape[1], floor), max(float(left.mean()) / X.shape[1], floor)


def on_nats(Z: sparse.csr_array, variance: float, *, signed: bool) -> np.ndarray:
    """Return the nats (k,) of an active atom: that it is on, and how strong.

    The first is the logarithm of how rarely it is: two features that are on together by chance
    cost no more, as to which they are, than an atom of their own for the pair would. Amplitudes
    are told to the precision that the residual warrants, ``1/2 log(1 + <z^2> / v)``; a sign costs
    ``log 2``.
    """
    uses = np.bincount(Z.indices, minlength=Z.shape[1])
    energy = float(np.square(Z.data, dtype=np.float64).sum()) / max(Z.nnz, 1)
    strength = 0.5 * np.log1p(energy / variance) + signed * np.log(2)
    return np.asarray(np.log((Z.shape[0] + 1) / (uses + 1)) + strength)


def sample_nats(
    X: np.ndarray, left: np.ndarray, Z: sparse.csr_array, variance: float, on: np.ndarray
) -> np.ndarray:
    """Return the nats (n,) of each sample: its residual and its active atoms.

    Where codes fail, a sample costs no more than its coordinates, ``1/2 log(1 + x^2 / v)`` each.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    left : ndarray of shape (n,)
        Squared residual norms.
    Z : csr_array of shape (n, k)
    variance : float
        Of a coordinate of the residual.
    on : ndarray of shape (k,)
        Nats of an active atom.
    """
    d = X.shape[1]
    rows = np.repeat(np.arange(len(X)), np.diff(Z.indptr))
    coded = 0.5 * left / variance + np.bincount(rows, on[Z.indices], minlength=len(X))
    return np.asarray(0.5 * d * (np.log(variance) - 1) + coded)
