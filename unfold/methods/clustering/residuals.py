"""What known directions leave unexplained: features too rare to have been found alone."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from unfold.methods.atoms import separate
from unfold.methods.clustering.ancestry import without_parents
from unfold.methods.clustering.local_subspaces import local_subspaces, meet
from unfold.methods.clustering.mean_shift import find_clusters
from unfold.methods.dictionary_learning.refinement import weighted_update

#: Price of a code, as a share of a sample's norm: above what unrelated directions correlate.
PRICE = 0.05
#: Residual, as a share of the norm, from which a sample counts as unexplained.
UNEXPLAINED = 0.1
#: Share of the median usage below which a direction is suspected of being a sum of others.
RARE = 0.5
#: Cosine from which one of two directions is suspected of being the other.
TWINS = 0.8


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
        # a fifth of the samples or more are explained: what they leave is noise, known or not
        noise = max(noise, float(np.quantile(size * norms, 0.2)))
        met = size < np.maximum(UNEXPLAINED, 1.25 * noise / norms)
        return cls(Y, norms, codes, residual, noise, met)

    @property
    def usage(self) -> np.ndarray:
        """Number (k,) of explained samples that use each direction."""
        return np.bincount(self.codes[self.met].indices, minlength=self.codes.shape[1])

    @property
    def magnitudes(self) -> sparse.csr_array:
        """Codes of the explained samples at their own norm."""
        return sparse.csr_array(self.codes[self.met] * self.norms[self.met, None])


def audible_samples(X: np.ndarray, noise: float) -> np.ndarray:
    """Return the samples that are more than noise."""
    norms = np.linalg.norm(X, axis=1)
    return X[norms > max(0.1 * np.median(norms[norms > 0]), 1.5 * noise)]


def completed(
    X: np.ndarray,
    D: np.ndarray,
    rng: np.random.RandomState,
    noise: float = 0.0,
    *,
    tree: bool = False,
    max_rounds: int = 4,
) -> tuple[np.ndarray, Explained]:
    """Add what the residuals of unexplained samples crowd around, until that is nothing new.

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
        Whether to look for fans in the residuals, and for parents in their children.
    max_rounds : int

    Returns
    -------
    directions : ndarray of shape (m, d)
    explained : Explained
        The samples of the last round.
    """
    X = audible_samples(X, noise)
    for _ in range(max_rounds):
        draw = X[rng.permutation(len(X))[: max(20_000, 12 * len(D))]]
        now = Explained.by(D, draw, noise)
        rest = now.residual[~now.met]
        blur = noise / np.median(now.norms)
        crowds = find_clusters(rest, rng, near=0.85, noise=blur)
        fresh = crowds.centres
        if tree:
            nodes = meet(local_subspaces(rest, crowds, near=0.9))
            fresh = np.array([node.direction for node in nodes]).reshape(-1, D.shape[1])
        # in few dimensions known directions take different parts out of the same missing one
        fresh = separate(fresh[(fresh @ D.T).max(axis=1) < 0.9], 0.6)
        if len(fresh):
            D = np.concatenate([D, fresh])
            now = Explained.by(D, draw, noise)
        clean = refined(D, now)
        if tree:
            clean = without_parents(clean, now.magnitudes)
        moved = int(((clean * D).sum(axis=1) < 0.98).sum())
        D = clean[now.usage >= min(3, now.usage.max())]
        if len(fresh) + moved < 0.01 * len(D):
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
        kept[group[share > 0.5]] = False
    return kept


def refined(D: np.ndarray, now: Explained) -> np.ndarray:
    """Return directions after a least-squares step on explained samples, close ones first."""
    size = np.linalg.norm(now.residual, axis=1)
    weights = now.met / (size**2 + 0.01**2)
    return weighted_update(now.Y, D, now.codes, weights / weights.max(), ridge=1e-6)
