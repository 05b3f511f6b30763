"""One minibatch after another: sparse codes, atom steps, offset, replacement of idle atoms.

`Minibatch` is the engine of `OnlineDictionary`: it holds the state of a run and nothing that
grows with the number of samples. Atoms step on the residual of the batch, each by the share that
the batch has in all codes the atom ever had, older ones forgotten: no matrix of atoms by atoms is
held, so that cost is that of coding.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from unfold.arrays import unit_rows
from unfold.methods.atoms import mean_directions, nearest_directions
from unfold.methods.location import location, outlier_bound
from unfold.same_direction import SAME

#: L1 codes are shrunk and want more atoms than a pursuit for the same error: with half as many
#: again in training, pursuit codes of ``n_active`` atoms explain most (token activations).
L1_SURPLUS = 1.5
#: L1 penalty to start from, in root mean square norms; it then follows the mean number active.
ALPHA = 0.1
#: Relative duality gap of codes in training: batches differ by more than what is left.
TOLERANCE = 0.03
#: Weight of the newest batch, ``(t + 1) ** -DECAY`` at step t, never below ``LEAST_SHARE``.
DECAY, LEAST_SHARE = 0.7, 0.005
#: Share of the mean usage below which an atom is idle.
IDLE = 0.01
#: Share of the samples' norm that is left where only the rounding of single precision is.
ROUNDING = 1e-5
#: Samples an atom, and rounds, of the k-means that atoms start from.
START_SAMPLES, START_ROUNDS = 12, 3
#: Atoms compared, or samples assigned, at a time.
BLOCK = 1024


@dataclass(eq=False)
class Minibatch:
    """The state of an online run, in the units of samples less ``offset``, over ``scale``.

    Attributes
    ----------
    D : ndarray of shape (k, d), float32
        Unit rows.
    offset : ndarray of shape (d,), float64
        In the units of the samples.
    scale : float
        Root mean square norm of the samples about the offset, none counted beyond ``bound``.
    bound : float
        Norm about the offset to which longer samples are shortened, in the units of the samples.
    n_active : float or None
        Active atoms that a pursuit is to use; ``alpha`` follows it. None leaves ``alpha`` alone.
    positive : bool
    alpha : float
        L1 penalty at present, over ``scale``.
    step : int
    """

    D: np.ndarray
    offset: np.ndarray
    scale: float
    bound: float
    n_active: float | None
    positive: bool
    alpha: float = ALPHA
    step: int = 0
    energy: np.ndarray = field(default_factory=lambda: np.empty(0))
    usage: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if not len(self.energy):
            self.energy, self.usage = np.zeros(len(self.D)), np.zeros(len(self.D))

    def prepared(self, X: np.ndarray) -> np.ndarray:
        """Return samples less the offset, shortened to the bound, in units of the scale."""
        Y = X - self.offset
        norms = np.linalg.norm(Y, axis=1)
        shortened = self.bound / np.maximum(norms, self.bound)
        return np.ascontiguousarray(Y * (shortened / self.scale)[:, None], np.float32)

    def codes(self, Y: np.ndarray) -> sparse.csr_array:
        """Return sparse codes of prepared samples."""
        from unfold.sparse_coding.encode import sparse_encode

        found = sparse_encode(
            Y, self.D, alpha=self.alpha, positive=self.positive, tol=TOLERANCE, sparse_output=True
        )
        return sparse.csr_array(found.codes)

    def absorb(self, X: np.ndarray) -> float:
        """Step atoms and offset on one batch; return the mean ``1 - cosine`` atoms moved by."""
        from unfold.sparse_coding.kernels.atoms import atom_steps

        Y = self.prepared(X)
        Z = self.codes(Y)
        share = max((self.step + 1) ** -DECAY, LEAST_SHARE)
        squares = np.bincount(Z.indices, Z.data.astype(np.float64) ** 2, minlength=len(self.D))
        self.energy += share * (squares / len(Y) - self.energy)
        self.usage += np.bincount(Z.indices, minlength=len(self.D))
        R = np.ascontiguousarray(Y - Z @ self.D, np.float32)
        columns, change = sparse.csc_array(Z), np.zeros(len(self.D))
        atom_steps(
            columns.indptr.astype(np.int64), columns.indices.astype(np.int64),
            columns.data.astype(np.float32), self.energy * (len(Y) / share), R, self.D,
            np.zeros(Y.shape[1]), change,
        )  # fmt: skip
        self.offset = self.offset + share * self.scale * R.mean(axis=0, dtype=np.float64)
        if self.n_active is not None:
            # a share of what is off, since samples of a batch differ
            wanted = L1_SURPLUS * self.n_active
            ratio = np.clip(max(Z.nnz / len(Y), 0.1) / wanted, 0.5, 2.0)
            self.alpha = float(np.clip(self.alpha * ratio**0.4, 1e-4, 1.0))
        self.step += 1
        return float(change.mean())

    def again(self, D: np.ndarray) -> "Minibatch":
        """Return a run with other atoms, that has forgotten the codes they ever had."""
        return replace(self, D=D, step=0, energy=np.zeros(len(D)), usage=np.zeros(len(D)))

    def replace(self, X: np.ndarray, rng: np.random.RandomState) -> int:
        """Move atoms that are idle, or double a busier one, to badly explained directions."""
        idle = ~self.distinct(self.usage, least=IDLE)
        self.usage[:] = 0
        if not idle.any():
            return 0
        Y = self.prepared(X)
        R = Y - self.codes(Y) @ self.D
        if np.linalg.norm(R) <= ROUNDING * np.linalg.norm(Y):
            return 0
        self.D[idle] = kmeans_directions(R, int(idle.sum()), rng, positive=self.positive)
        # an atom that has just come follows its first samples
        self.energy[idle] = 0.0
        return int(idle.sum())

    def distinct(self, usage: np.ndarray, least: float = 1e-4) -> np.ndarray:
        """Return which atoms (k,) are in use and double no busier one."""
        alive = usage > least * usage.mean()
        rank = np.empty(len(self.D))
        rank[np.argsort(-usage, kind="stable")] = np.arange(len(self.D))
        for i in range(0, len(self.D), BLOCK):
            cosine = self.D[i : i + BLOCK] @ self.D.T
            cosine = cosine if self.positive else np.abs(cosine)
            busier = (cosine > SAME) & (rank[None] < rank[i : i + BLOCK, None]) & alive[None]
            alive[i : i + BLOCK] &= ~busier.any(axis=1)
        alive[usage.argmax()] = True
        return alive


def kmeans_directions(
    X: np.ndarray, k: int, rng: np.random.RandomState, *, positive: bool = True
) -> np.ndarray:
    """Return ``k`` unit directions by a few rounds of spherical k-means from drawn samples.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Long samples count for more, as in the squared error.
    k : int
        Random directions fill up where fewer samples are not zero.
    rng : RandomState
    positive : bool
        Whether a sample counts for a direction only with its own sign.

    Returns
    -------
    ndarray of shape (k, d), float32

    References
    ----------
    Dhillon & Modha 2001, Concept decompositions for large sparse text data using clustering.
    """
    X = X[X.any(axis=1)]
    if len(X) > START_SAMPLES * k:
        X = X[np.sort(rng.choice(len(X), START_SAMPLES * k, replace=False))]
    some = min(k, len(X))
    drawn = X[rng.choice(len(X), some, replace=False)]
    D = np.concatenate([drawn, rng.standard_normal((k - some, X.shape[1]))])
    D = np.ascontiguousarray(unit_rows(D), np.float32)
    for _ in range(START_ROUNDS if len(X) > k else 0):
        owner, length = nearest_directions(X, D, positive=positive)
        D = mean_directions(X, D, owner, length)
        empty = np.flatnonzero(np.bincount(owner, np.abs(length), minlength=k) == 0)
        if len(empty):
            D[empty] = unit_rows(X[rng.choice(len(X), len(empty))])
    return np.ascontiguousarray(D, np.float32)


def begin(
    X: np.ndarray, k: int, n_active: float | None, rng: np.random.RandomState, *, positive: bool
) -> Minibatch:
    """Return the beginning of a run: offset, bound and scale of ``X``, and atoms by k-means."""
    offset = location(X)
    norms = np.linalg.norm(X - offset, axis=1)
    bound = outlier_bound(norms)
    scale = float(np.sqrt(np.mean(np.minimum(norms, bound) ** 2))) or 1.0
    none = np.zeros((1, X.shape[1]), np.float32)
    run = Minibatch(none, offset, scale, bound, n_active, positive)
    return replace(
        run,
        D=kmeans_directions(run.prepared(X), k, rng, positive=positive),
        energy=np.zeros(k),
        usage=np.zeros(k),
    )


def as_arrays(run: Minibatch) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the state of a run as arrays and as what JSON can hold."""
    arrays = {name: getattr(run, name) for name in ("D", "offset", "energy", "usage")}
    names = ("scale", "bound", "n_active", "positive", "alpha", "step")
    return arrays, {name: getattr(run, name) for name in names}


def from_arrays(arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> Minibatch:
    """Return the run whose state `as_arrays` gave."""
    names = ("scale", "bound", "n_active", "positive", "alpha", "step")
    held: dict[str, Any] = {name: arrays[name] for name in ("D", "offset", "energy", "usage")}
    return Minibatch(**held, **{name: notes[name] for name in names})
