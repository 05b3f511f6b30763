"""What known directions leave unexplained: features too rare to have been found alone."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from unfold.deadline import check_time
from unfold.methods.active_samples import CLUSTERED, active_samples
from unfold.methods.clustering.ancestry import without_parents
from unfold.methods.clustering.local_subspaces import intersections, local_subspaces
from unfold.methods.clustering.mean_shift import find_clusters
from unfold.methods.dictionary_learning.optimal_directions import optimal_directions
from unfold.methods.dictionary_learning.refinement import RIDGE
from unfold.same_direction import APART, LEARNED, distinct, new

#: Price of a code, as a share of a sample's norm: above what unrelated directions correlate.
PRICE = 0.05
#: Residual, as a share of the norm, from which a sample counts as unexplained.
UNEXPLAINED = 0.1
#: Share of samples that are explained in any case, so that what they leave is noise, and the norms
#: of noise up to which others are.
SURELY, ABOVE = 0.2, 1.25
#: Share of the median usage below which a direction is suspected of being a sum of others.
RARE = 0.5
#: Cosine from which one of two directions is suspected of being the other.
TWINS = 0.8
#: Cosines with a centre from which residuals belong to a cluster, and to its subspace: wider than
#: those of samples, since what is known is taken out with an error.
WIDE, INSIDE = 0.85, 0.9
#: Share of all directions that are new or moved, below which a round changes nothing.
SETTLED = 0.01
#: Share of a direction's samples that must do without it for it to go.
MOST = 0.5
#: Residual, as a share of the norm, below which all samples weigh alike.
CLOSE = 0.01
#: Cosine from which new directions are one: known ones take different parts out of one missing.
PARTS = 0.6


@dataclass(frozen=True, eq=False)
class Explained:
    """Unit samples and their codes.

    Attributes
    ----------
    Y : ndarray of shape (n, d)
    norms : ndarray of shape (n,)
        What the samples were divided by.
    codes : csr_array of shape (n, k)
    residual : ndarray of shape (n, d)
    noise : float
        Norm of the noise: what is left of well-explained samples.
    met : ndarray of shape (n,), bool
        Whether the sample is explained, up to the noise.
    """

    Y: np.ndarray
    norms: np.ndarray
    codes: sparse.csr_array
    residual: np.ndarray
    noise: float
    met: np.ndarray

    @classmethod
    def by(cls, D: np.ndarray, X: np.ndarray, noise: float = 0.0) -> "Explained":
        """Return samples, none of them zero, explained by L1 codes, debiased, up to the noise.

        L1 stops where nothing correlates with the residual any more, where a pursuit to a small
        residual would make up what is missing from unrelated directions.
        """
        from unfold.sparse_coding.encode import sparse_encode

        norms = np.linalg.norm(X, axis=1)
        Y = np.asarray(X / norms[:, None], np.float32)
        D = D.astype(np.float32)
        # unrelated directions correlate with noise too
        chance = np.sqrt(2 * np.log(len(D)) / D.shape[1]) * noise / np.median(norms)
        price = max(PRICE, float(chance))
        parts = [
            sparse_encode(Y[s : s + 5000], D, alpha=price, debias=True, sparse_output=True).codes
            for s in range(0, len(Y), 5000)
        ]
        codes = sparse.csr_array(sparse.vstack(parts))
        residual = Y - codes @ D
        size = np.linalg.norm(residual, axis=1)
        noise = max(noise, float(np.quantile(size * norms, SURELY)))
        met = size < np.maximum(UNEXPLAINED, ABOVE * noise / norms)
        return cls(Y, norms, codes, residual, noise, met)

    @property
    def usage(self) -> np.ndarray:
        """Number (k,) of explained samples that use each direction."""
        return np.bincount(self.codes[self.met].indices, minlength=self.codes.shape[1])

    @property
    def magnitudes(self) -> sparse.csr_array:
        """Codes of the explained samples at their own norm."""
        return sparse.csr_array(self.codes[self.met] * self.norms[self.met, None])


def grow_from_residuals(
    X: np.ndarray,
    D: np.ndarray,
    rng: np.random.RandomState,
    noise: float = 0.0,
    *,
    tree: bool = False,
    max_rounds: int = 4,
) -> tuple[np.ndarray, Explained]:
    """Add what the residuals of unexplained samples cluster around, until that is nothing new.

    Where all but one feature of a sample is known, its residual points along that one. Each round
    also refines all directions by least squares on explained samples, takes out of children what
    they hold of their parents, and drops directions out of use.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    D : ndarray of shape (k, d)
        Unit rows.
    rng : RandomState
    noise : float
        Norm of samples of nothing but noise.
    tree : bool
        Whether to look for local subspaces of the residuals, and for parents in their children.
    max_rounds : int

    Returns
    -------
    directions : ndarray of shape (m, d)
    explained : Explained
        The samples of the last round.
    """
    X = X[active_samples(X, CLUSTERED, noise)]
    for _ in range(max_rounds):
        check_time()
        draw = X[rng.permutation(len(X))[: max(20_000, 12 * len(D))]]
        now = Explained.by(D, draw, noise)
        rest = now.residual[~now.met]
        blur = noise / np.median(now.norms)
        clusters = find_clusters(rest, rng, near=WIDE, noise=blur)
        fresh = clusters.centres
        if tree:
            nodes = intersections(local_subspaces(rest, clusters, near=INSIDE))
            fresh = np.array([node.direction for node in nodes]).reshape(-1, D.shape[1])
        fresh = fresh[new(fresh, D, APART)]
        fresh = fresh[distinct(fresh, cosine=PARTS)]
        if len(fresh):
            D = np.concatenate([D, fresh])
            now = Explained.by(D, draw, noise)
        clean = refitted(D, now)
        if tree:
            clean = without_parents(clean, now.magnitudes)
        moved = int(((clean * D).sum(axis=1) < LEARNED).sum())
        D = clean[now.usage >= min(3, now.usage.max())]
        if len(fresh) + moved < SETTLED * len(D):
            break
    return without_surplus(D, draw, noise, rng)


def without_surplus(
    D: np.ndarray, X: np.ndarray, noise: float, rng: np.random.RandomState
) -> tuple[np.ndarray, Explained]:
    """Return the directions that samples need, and the samples explained by them."""
    seen = Explained.by(D, X, noise)
    needed = indispensable(D, seen, X, noise, rng)
    return (D, seen) if needed.all() else (D[needed], Explained.by(D[needed], X, noise))


def indispensable(
    D: np.ndarray, seen: Explained, X: np.ndarray, noise: float, rng: np.random.RandomState
) -> np.ndarray:
    """Return a mask of directions without which most of their samples take two codes more.

    Sums of two features, and features twice over, are used but not needed. Only directions that
    few samples use, or that are close to another, are put to the test, a tenth of all at a time.
    """
    usage = seen.usage
    close = np.triu(D @ D.T > TWINS, 1)
    suspect = (usage < RARE * np.median(usage)) | close.any(axis=0) | close.any(axis=1)
    suspects = rng.permutation(np.flatnonzero(suspect))
    kept = np.ones(len(D), bool)
    columns = sparse.csc_array(seen.codes > 0)
    for group in np.array_split(suspects, max(1, -(-10 * len(suspects) // len(D)))):
        if not len(group):
            continue
        without = kept.copy()
        without[group] = False
        users = columns[:, group]
        rows = np.flatnonzero((np.asarray(users.sum(axis=1)) > 0) & seen.met)
        if not len(rows):
            continue
        other = Explained.by(D[without], X[rows], noise)
        more = np.diff(other.codes.indptr) - np.diff(seen.codes.indptr)[rows]
        still = other.met & (more <= 1)
        of_each = sparse.csr_array(users)[rows].astype(np.float64)
        share = (of_each.T @ still.astype(np.float64)) / np.maximum(of_each.sum(axis=0), 1)
        kept[group[share > MOST]] = False
    return kept


def refitted(D: np.ndarray, now: Explained) -> np.ndarray:
    """Return directions after a least-squares step on explained samples, close ones first."""
    size = np.linalg.norm(now.residual, axis=1)
    weights = now.met / (size**2 + CLOSE**2)
    return optimal_directions(
        now.Y, D, now.codes, weights / weights.max(), ridge=RIDGE, share_of="own"
    )
