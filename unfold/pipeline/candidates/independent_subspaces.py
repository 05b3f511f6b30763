"""Sets of features that are only ever active together: a cone each, found by ICA on its samples."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2
from sklearn.cluster import KMeans
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from unfold.methods.active_samples import active_samples
from unfold.pipeline.judge import Candidate
from unfold.pipeline.split import Split
from unfold.same_direction import joined

#: Most sets looked for, samples that they are looked for in, and samples a dimension for an ICA.
MOST_SETS, LOOKED_AT, PER_DIMENSION = 8, 20_000, 100
#: How far outside a wall samples may lie, in deviations, to be kept for the next, better fit.
DEPTHS = (1.0, 0.5, 0.3)
#: Share of a source's deviation within which the walls of a cone count as flat, and share of a
#: cluster's samples that may lie outside: those in which another set is active too.
FLAT, STRAY = 0.2, 0.1
#: Share that another set must add to what cones hold, and variance beside the largest that is none.
WORTH, FLAT_AXIS = 0.05, 1e-6
#: Share of the active held-out samples that cones must hold.
HELD = 0.8


@dataclass(frozen=True, eq=False)
class IndependentSubspaces:
    """Non-negative combinations of independent directions.

    Attributes
    ----------
    edges : ndarray of shape (r, d)
        Unit rows.
    spread : ndarray of shape (r,)
        Standard deviation of the codes along each.
    """

    edges: np.ndarray
    spread: np.ndarray

    def codes(self, X: np.ndarray) -> np.ndarray:
        """Return least-squares codes (n, r)."""
        return np.asarray(X @ np.linalg.pinv(self.edges))

    def holds(self, X: np.ndarray) -> np.ndarray:
        """Return which samples (n,) lie in it, up to how flat its walls are."""
        codes = self.codes(X)
        off = np.linalg.norm(X - codes @ self.edges, axis=1)
        within = (codes > -FLAT * self.spread).all(axis=1)
        return np.asarray(within & (off < FLAT * np.linalg.norm(X, axis=1)))


def by_independent_subspaces(split: Split) -> Candidate | None:
    """Return the edges of cones that hold most samples, or None if there are no such cones.

    Where the features of a set are all active or all silent, no sample is sparse and no sparse
    code exists to be found. But samples of one set lie in the cone of its directions, away from
    those of others, and within it features are independent: ICA of one cluster names its edges.
    That the cluster touches every wall of the cone, as it does where values go down to zero, and
    hardly crosses any, certifies them.
    """
    X, judges = (
        part[active_samples(part)].astype(np.float64) for part in (split.X, split.held_out)
    )
    X = X[:LOOKED_AT]
    seed = int(split.rng.randint(2**31))
    best, share = [], 0.0
    for n_sets in range(1, MOST_SETS + 1):
        if len(X) < n_sets * PER_DIMENSION:
            break
        cluster = KMeans(n_sets, n_init=3, random_state=seed).fit_predict(X)
        found = [cone_of(X[cluster == i], seed) for i in range(n_sets)]
        cones = [cone for cone in found if cone is not None]
        held = np.any([cone.holds(judges) for cone in cones], axis=0).mean() if cones else 0.0
        if held > share + WORTH:
            best, share = cones, float(held)
        if n_sets == 4 and not best:
            break
    if share < HELD:
        return None
    D = best[0].edges
    for cone in best[1:]:
        D = joined(D, cone.edges)
    if split.n is not None and len(D) > split.n:
        return None
    return Candidate(
        "independent features of sets", D, np.full(len(D), share),
        {"exact_fraction": share, "sets": float(len(best))}, dense=True,
    )  # fmt: skip


def cone_of(X: np.ndarray, seed: int) -> IndependentSubspaces | None:
    """Return the cone that samples fill, or None if they fill none.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples of one set, and at most a few of others.
    seed : int
    """
    inlying = central(X)
    for depth in DEPTHS:
        part = X[inlying]
        if len(part) < max(PER_DIMENSION * X.shape[1], len(X)) // 2:
            return None
        edges = independent_directions(part, seed)
        if edges is None:
            return None
        cone = IndependentSubspaces(
            edges, IndependentSubspaces(edges, np.ones(len(edges))).codes(part).std(axis=0)
        )
        codes = cone.codes(X)
        inlying = np.all(codes > -depth * cone.spread, axis=1)
    if inlying.mean() < 1 - STRAY:
        return None
    walls = np.quantile(codes[inlying], 0.005, axis=0) / cone.spread
    if np.abs(walls).max() > FLAT:
        return None
    # directions of other sets are silent in most samples of this one
    own = np.median(codes[inlying], axis=0) > FLAT * cone.spread
    return IndependentSubspaces(cone.edges[own], cone.spread[own]) if own.any() else None


def central(X: np.ndarray) -> np.ndarray:
    """Return which samples are not far from the bulk of the others."""
    kept: np.ndarray = np.ones(len(X), bool)
    if len(X) < 2 * X.shape[1]:  # too few for a bulk, as where all but one are in another set
        return kept
    most = chi2.ppf(0.99, X.shape[1])
    for _ in range(5):
        mean = X[kept].mean(axis=0)
        precision = np.linalg.pinv(np.cov(X[kept].T).reshape(X.shape[1], -1), hermitian=True)
        distance: np.ndarray = ((X - mean) @ precision * (X - mean)).sum(axis=1)
        kept[:] = distance < most
        if kept.sum() < 2 * X.shape[1]:
            return np.ones(len(X), bool)
    return kept


def independent_directions(X: np.ndarray, seed: int) -> np.ndarray | None:
    """Return unit directions (r, d) of independent sources, signed so that the mean is positive."""
    centred = X - X.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(X))
    kept = values > FLAT_AXIS * values[-1]
    root, basis = np.sqrt(values[kept]), vectors[:, kept]
    ica = FastICA(
        whiten=False, fun="logcosh", tol=1e-4, max_iter=400, w_init=np.eye(kept.sum()),
        random_state=seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            ica.fit(centred @ basis / root)
        except ConvergenceWarning:
            return None
    edges = (ica.components_ * root) @ basis.T
    edges /= np.linalg.norm(edges, axis=1, keepdims=True)
    sign = np.sign((X @ np.linalg.pinv(edges)).mean(axis=0))
    return np.asarray(edges * np.where(sign == 0, 1, sign)[:, None])
