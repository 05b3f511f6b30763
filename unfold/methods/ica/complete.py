"""Complete dictionaries (as many atoms as dimensions), with recovery guarantees."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from unfold.arrays import to_numpy
from unfold.io.formats.encoder import Encoder, Identity
from unfold.methods.atoms import complete_width, skewness_signs
from unfold.methods.base import FitStatus, MethodCard
from unfold.methods.codes import Encoded
from unfold.methods.ica.linear_ica import LinearUnmixing

#: Singular value, in the largest, below which single precision tells no direction.
RANK = 1e-7
#: Value, in a row's largest, from which it counts as active; and length of what is new in a row,
#: from which it is new to the span of others.
ACTIVE, NEW = 1e-6, 1e-3


@final
class MatchingStretchingProjection(LinearUnmixing):
    """Complete dictionaries by the largest fourth moment over the orthogonal group.

    On white data the iteration ``A <- polar((A Y)^3 Y')`` climbs ``||A Y||_4^4``; each step
    finds all directions at once.

    Parameters
    ----------
    n_components : int, optional
        At most, and by default, ``min(n_samples, d)``.
    max_iter : int
    tol : float
        Largest change of an entry of A at which to stop.

    References
    ----------
    Zhai, Yang, Liao, Wright & Ma 2020, Complete dictionary learning via L4-norm maximization
    over the orthogonal group.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="ica",
        solves="Complete dictionaries with sparse codes; global optima near the truth.",
        paper="Zhai et al. 2020, Complete dictionary learning via L4-norm maximization",
        cost="O(N d^2 + d^3)",
        fails="with more features than dimensions; with features of negative excess kurtosis",
        hints={},
    )

    def _unmix(self, white: np.ndarray) -> np.ndarray:
        d = white.shape[1]
        A = np.linalg.qr(self._rng().standard_normal((d, d)))[0]
        self.status_ = FitStatus.MAX_ITER
        for i in range(self.max_iter):
            left, _, right = np.linalg.svd(((white @ A.T) ** 3).T @ white)
            change = np.abs(left @ right - A).max()
            A = left @ right
            self.n_iter_ = i + 1
            if change < self.tol:
                self.status_ = FitStatus.CONVERGED
                break
        return A


@final
@dataclass(eq=False, repr=False, kw_only=True)
class ERSpUD(Encoded):
    """Complete dictionaries from the sparsest vectors in the row space of the data.

    Every source is a sparse linear function of the samples. Linear programs
    ``min ||X w||_1  subject to  r'w = 1``, with ``r`` a sum of two samples, find such functions;
    the sparsest independent ones are the sources.

    Parameters
    ----------
    n_components : int, optional
        At most, and by default, ``min(n_samples, d)``.
    n_programs : int, optional
        Linear programs solved; by default six a dimension.
    max_samples : int
        Samples used, those of largest norm where there are more.

    References
    ----------
    Spielman, Wang & Wright 2012, Exact recovery of sparsely-used dictionaries.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="ica",
        solves="Complete dictionaries, exactly, when codes have up to about sqrt(d) active atoms.",
        paper="Spielman, Wang & Wright 2012, Exact recovery of sparsely-used dictionaries",
        cost="O(d) linear programs of N variables and d constraints",
        fails="with more features than dimensions; with noise; slow beyond d of about 50",
        hints={},
    )

    n_programs: int | None = None
    max_samples: int = 600

    def _fit(self, X: np.ndarray) -> None:
        rng = self._rng()
        k = complete_width(self.n_components, X, "ERSpUD")
        Y = X[rng.choice(len(X), min(len(X), self.max_samples), replace=False)].astype(np.float64)
        _, size, axes = np.linalg.svd(Y, full_matrices=False)
        rank = int(np.count_nonzero(size > size[0] * RANK))
        to_white = axes[:rank].T / size[:rank] * np.sqrt(len(Y))
        white = Y @ to_white
        programs = 6 * rank if self.n_programs is None else self.n_programs
        pairs = (rng.choice(len(white), 2) for _ in range(programs))
        found = [w for i, j in pairs if (w := sparsest(white, white[i] + white[j])) is not None]
        W = independent(np.array(found).reshape(-1, rank), white, min(k, rank))
        sources = white @ W.T
        # Not pinv(W) in white coordinates alone: a source's direction is what the data do with it.
        D = np.linalg.lstsq(sources, Y, rcond=None)[0]
        self.components_ = D * skewness_signs(sources)[:, None]

    def _encoder(self) -> Encoder:
        return self._linear(np.linalg.pinv(to_numpy(self.components_)), Identity())


def sparsest(Y: np.ndarray, r: np.ndarray) -> np.ndarray | None:
    """Return the ``w`` with ``r'w = 1`` that minimises ``||Y w||_1``, None if there is none.

    Solved in the dual, ``max t subject to Y'v = t r, |v| <= 1``, whose multipliers are ``w``.
    """
    from scipy.optimize import linprog

    if not np.any(r):
        return None
    n = len(Y)
    result = linprog(
        np.append(np.zeros(n), -1.0),
        A_eq=np.column_stack([Y.T, -r]),
        b_eq=np.zeros(Y.shape[1]),
        bounds=[(-1, 1)] * n + [(None, None)],
        method="highs",
    )
    if result.status != 0:
        return None
    w = -np.asarray(result.eqlin.marginals)
    scale = float(r @ w)
    return None if scale == 0 else w / scale


def independent(W: np.ndarray, Y: np.ndarray, k: int) -> np.ndarray:
    """Return ``k`` rows of ``W``, the sparsest first, each new to the span of those before.

    Where ``W`` spans too little, unit vectors fill up.
    """
    W = np.concatenate([W, np.eye(Y.shape[1])])
    W = W / np.linalg.norm(W, axis=1, keepdims=True)
    size = np.abs(Y @ W.T)
    active = (size > ACTIVE * size.max(axis=0)).mean(axis=0)
    chosen: list[np.ndarray] = []
    basis = np.zeros((0, Y.shape[1]))
    for j in np.argsort(active, kind="stable"):
        new = W[j] - basis.T @ (basis @ W[j])
        if np.linalg.norm(new) > NEW:
            chosen.append(W[j])
            basis = np.concatenate([basis, new[None] / np.linalg.norm(new)])
        if len(chosen) == k:
            break
    return np.array(chosen)
