"""A certificate of enumeration: how sure one can be that no feature was left out."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils import check_random_state

from unfold.arrays import check_activations, directions_of, root_mean_square, to_numpy, unit_rows
from unfold.unfolding.explanations import Explanations, explain_samples, propose
from unfold.unfolding.missing_mass import binomial_lower, binomial_upper
from unfold.unfolding.suspects import Suspect, find_suspects

#: How many samples are explained again with an atom hidden; at most this many to an atom.
_TRIALS: Final = 1024
_TRIALS_PER_ATOM: Final = 24
#: Confidence from which the sentence counts a feature as sure: rather right than wrong.
_SURE: Final = 0.5


@dataclass(frozen=True, eq=False)
class Certificate:
    """What held-out activations say about a dictionary, at a confidence level.

    Attributes
    ----------
    explained : float
        Fraction of held-out samples that few atoms explain to ``tolerance``, beyond chance.
    unseen_upper : float
        Upper confidence bound on the probability that a new activation holds a direction outside
        the dictionary with a contribution of more than ``radius``.
    feature_confidence : ndarray of shape (k,)
        Evidence in [0, 1] that each atom is a feature: a lower confidence bound on how often
        samples of which it is the largest part are explained, times the cosine with its own
        refit on either half of the samples, whichever is less. 0 for dead atoms.
    suspects : tuple of Suspect
        Duplicates, mixtures, split, absorbed, antipodal and dead atoms.
    tolerance, confidence : float
        As given.
    blindness : float
        Upper bound on how often a sample that holds a hidden direction passes for explained.
    radius : float
        ``tolerance`` times the root-mean-square norm of the activations.
    n_samples : int
    support_counts : ndarray of shape (k,), int
        How many explained samples hold each atom with more than ``radius``.
    is_explained : ndarray of shape (n_samples,), bool
    """

    explained: float
    unseen_upper: float
    feature_confidence: np.ndarray
    suspects: tuple[Suspect, ...]
    tolerance: float
    confidence: float
    blindness: float
    radius: float
    n_samples: int
    support_counts: np.ndarray
    is_explained: np.ndarray

    def __repr__(self) -> str:
        """Return the bound, and what it rests on; ``str`` says it in words."""
        return (
            f"Certificate(unseen_upper={self.unseen_upper:.4g}, explained={self.explained:.4g}, "
            f"n_samples={self.n_samples}, features={self.feature_confidence.size}, "
            f"suspects={len(self.suspects)})"
        )

    def __str__(self) -> str:
        """Return the certificate in words."""
        sure = int((self.feature_confidence >= _SURE).sum())
        lines = [
            f"{self.explained:.1%} of {self.n_samples} held-out activations are explained by few "
            f"of {self.feature_confidence.size} directions,",
            f"to {self.tolerance:.1%} of their typical norm and better than chance could.",
            f"With {self.confidence:.0%} confidence, at most {self.unseen_upper:.2%} of new "
            "activations hold a direction outside the list",
            f"(a hidden direction escapes notice in at most {self.blindness:.1%} of its samples).",
            f"{sure} of {self.feature_confidence.size} directions have a confidence of {_SURE} or "
            f"more; {len(self.suspects)} suspicions.",
        ]
        return "\n".join(lines)


def certify(
    X_heldout: Any,
    D_or_est: Any,
    tolerance: float = 0.05,
    confidence: float = 0.95,
    *,
    positive: bool = True,
    random_state: Any = 0,
) -> Certificate:
    r"""Bound, from held-out activations, the probability that a feature was left out.

    A sample counts as explained if a sparse combination of the atoms comes within ``tolerance`` of
    it *and* is sparser than chance: an overcomplete dictionary spans everything, so every tail of
    the combination, from its largest atoms down, must be one that random directions would afford
    with probability at most 0.01. If a fraction ``q`` of activations is not explained, and a
    direction outside the dictionary escapes this test in a fraction ``beta`` of the activations
    that hold it, then at most ``q / (1 - beta)`` of them hold one. Both are bounded, each at half
    of the risk ``1 - confidence``:

    - ``q`` by the exact binomial bound (Clopper and Pearson, 1934) on the held-out samples;
    - ``beta`` by hiding the atoms one at a time and explaining samples that hold them again: the
      bound is the conformal quantile over atoms, or with too few atoms for one, the worst atom.

    The statement holds if (1) the samples are drawn independently from the distribution of the
    new activations, and none of them was used to find the dictionary; (2) directions left out
    are to the test like those listed: exchangeable in how well the others can imitate them.
    It says nothing of contributions below ``radius``, nor of directions that no sample, held out
    or new, would ever hold. Samples too dense to explain count against the dictionary, so that
    the bound is loose, not wrong, where activations are not sparse.

    Parameters
    ----------
    X_heldout : array-like or tensor of shape (n_samples, d)
        Activations that took no part in finding the dictionary.
    D_or_est : array-like or tensor of shape (k, d), or fitted estimator
        Directions, or a method with ``components_`` (and ``mean_``, which is subtracted).
    tolerance : float
        Residual allowed, relative to the root-mean-square norm of the activations.
    confidence : float
    positive : bool
        Whether features have non-negative amplitudes.
    random_state : int, RandomState or None
        Which samples have an atom hidden, and which fall in which half.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If the inputs are not finite matrices of one width, an atom is zero, or ``tolerance`` or
        ``confidence`` is not strictly between 0 and 1.
    """
    for name, value in (("tolerance", tolerance), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must be strictly between 0 and 1, got {value}.")
    X, D = _centred(X_heldout, D_or_est)
    rng = check_random_state(random_state)
    radius = tolerance * root_mean_square(X)
    found = explain_samples(X, D, radius=radius, positive=positive)
    held = _held(found.codes, radius)
    good = csr_array(held[found.explained])
    risk = (1 - confidence) / 2
    unexplained = int((~found.explained).sum())
    suspects = find_suspects(D, good, tolerance=tolerance, positive=positive)
    inside = {s.atoms[0] for s in suspects if s.kind in ("duplicate", "mixture")}
    inside |= {s.atoms[1] for s in suspects if s.kind == "duplicate"}
    outside = np.setdiff1d(np.arange(D.shape[0]), sorted(inside))
    blindness = _blindness(X, D, held, found.explained, outside, radius, positive, risk, rng)
    missed = binomial_upper(unexplained, X.shape[0], 1 - risk)
    return Certificate(
        explained=float(found.explained.mean()),
        unseen_upper=min(1.0, missed / (1 - blindness)) if blindness < 1 else 1.0,
        feature_confidence=_feature_confidence(X, D, found, confidence, rng),
        suspects=suspects,
        tolerance=tolerance,
        confidence=confidence,
        blindness=blindness,
        radius=radius,
        n_samples=X.shape[0],
        support_counts=np.asarray(good.sum(axis=0)).ravel().astype(int),
        is_explained=found.explained,
    )


def _centred(X: Any, D_or_est: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 activations less the estimator's mean, and unit atoms."""
    directions = directions_of(D_or_est)
    X = to_numpy(check_activations(X, name="X_heldout")).astype(float)
    D = to_numpy(check_activations(directions, name="D_or_est")).astype(float)
    if D.shape[1] != X.shape[1]:
        raise ValueError(f"D has atoms of {D.shape[1]} dimensions, but X_heldout has {X.shape[1]}.")
    if not np.linalg.norm(D, axis=1).all():
        raise ValueError("D has a row of zeros, which is no direction: leave it out.")
    mean = getattr(D_or_est, "mean_", None)
    return X if mean is None else X - to_numpy(mean), np.asarray(unit_rows(D))


def _held(codes: csr_array, radius: float) -> csr_array:
    return csr_array(abs(codes) > radius)


def _blindness(
    X: np.ndarray,
    D: np.ndarray,
    held: csr_array,
    explained: np.ndarray,
    hideable: np.ndarray,
    radius: float,
    positive: bool,
    risk: float,
    rng: np.random.RandomState,
) -> float:
    """Bound how often a sample that holds a direction outside ``D`` passes for explained."""
    k = D.shape[0]
    columns = held[explained].tocsc()
    X = X[explained]
    used = np.flatnonzero(np.diff(columns.indptr))
    used = np.intersect1d(used, hideable)
    if not used.size or k == 1:
        return 1.0
    each = int(np.clip(_TRIALS // used.size, 2, _TRIALS_PER_ATOM))
    chosen = rng.permutation(used)[: max(_TRIALS // each, 1)]
    rows, proposals, sizes = [], [], []
    for atom in chosen:
        mine = columns.indices[columns.indptr[atom] : columns.indptr[atom + 1]]
        mine = rng.permutation(mine)[:each]
        others = np.delete(np.arange(k), atom)
        proposal = np.zeros((mine.size, k))
        proposal[:, others] = propose(X[mine], D[others], radius=radius, positive=positive)
        rows.append(mine)
        proposals.append(proposal)
        sizes.append(mine.size)
    again = explain_samples(
        X[np.concatenate(rows)],
        D,
        radius=radius,
        positive=positive,
        proposal=np.concatenate(proposals),
    )
    passed = np.split(again.explained, np.cumsum(sizes)[:-1])
    rates = [float(one.mean()) for one in passed]
    rank = int(np.ceil((len(rates) + 1) * (1 - risk)))
    return float(np.sort(rates)[min(rank, len(rates)) - 1])


def _feature_confidence(
    X: np.ndarray,
    D: np.ndarray,
    found: Explanations,
    confidence: float,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Return how surely samples led by each atom are explained, times its agreement."""
    k, codes = D.shape[0], found.codes
    largest = np.asarray(abs(codes).argmax(axis=1)).ravel()
    led = np.diff(codes.indptr) > 0
    trials = np.bincount(largest[led], minlength=k)
    passed = np.bincount(largest[led & found.explained], minlength=k)
    lower = [
        binomial_lower(int(s), int(t), confidence) for s, t in zip(passed, trials, strict=True)
    ]
    order = rng.permutation(X.shape[0])
    agreement = [_agreement(X[half], D, codes[half]) for half in (order[::2], order[1::2])]
    return np.asarray(lower) * np.minimum(*agreement)


def _agreement(X: np.ndarray, D: np.ndarray, codes: csr_array) -> np.ndarray:
    """Return the cosine of each atom with the direction that these samples would give it."""
    power = np.asarray(codes.multiply(codes).sum(axis=0)).ravel()
    refit = unit_rows(codes.T @ (X - codes @ D) + power[:, None] * D)
    return np.maximum(np.sum(refit * D, axis=1), 0.0)
