"""Directions of a dictionary that deserve a second look, and why."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import binom

from unfold.same_direction import LEARNING as SAME
from unfold.unfolding.explanations import explain_samples, propose

SuspectKind = Literal["dead", "duplicate", "antipodal", "mixture", "absorbed", "split"]

#: Cosine from which two atoms are similar enough to be halves of one feature.
_SIMILAR: Final = 0.6
#: Share of the samples due by chance below which two atoms exclude each other.
_APART: Final = 0.1
#: Share of its samples from which an atom is said to come only with another.
_ALWAYS: Final = 0.95
#: Probability, over all pairs, of accusing independent atoms of occurring together or apart.
_LEVEL: Final = 0.01
#: How many of the most similar atoms may be parts of a mixture.
_NEIGHBOURS: Final = 64


@dataclass(frozen=True)
class Suspect:
    """One or more atoms that may not be features of their own.

    Attributes
    ----------
    kind : str
        "dead": no explained sample holds it. "duplicate": the same direction twice.
        "antipodal": two opposite directions, two features or one signed feature split in two.
        "mixture": a positive combination of two or three other atoms, beyond chance.
        "absorbed": the first atom comes only with the second, so that the first may be a part of
        it, or hold a part of it. "split": similar directions that exclude each other.
    atoms : tuple of int
        The suspect first, then those it is suspected to be made of or confused with.
    evidence : float
        A cosine, a share of samples, or a residual, as ``reason`` says.
    reason : str
    """

    kind: SuspectKind
    atoms: tuple[int, ...]
    evidence: float
    reason: str


def find_suspects(
    D: np.ndarray, held: csr_array, *, tolerance: float, positive: bool = True
) -> tuple[Suspect, ...]:
    """List suspicious atoms of a dictionary from its geometry and from who occurs with whom.

    Parameters
    ----------
    D : ndarray of shape (k, d)
        Unit rows.
    held : csr_array of shape (n, k), bool
        Which explained samples hold which atoms.
    tolerance : float
        Distance, relative to 1, at which a combination of atoms equals another.
    positive : bool
        Whether codes are non-negative; if not, opposite atoms are duplicates.

    Returns
    -------
    tuple of Suspect
    """
    cosine = D @ D.T
    return (
        *_dead(held),
        *_same(cosine, positive),
        *_mixtures(D, cosine, tolerance, positive),
        *_company(cosine, held),
    )


def _dead(held: csr_array) -> list[Suspect]:
    counts = np.asarray(held.sum(axis=0)).ravel()
    return [
        Suspect("dead", (int(a),), 0.0, f"atom {a}: no explained sample holds it")
        for a in np.flatnonzero(counts == 0)
    ]


def _same(cosine: np.ndarray, positive: bool) -> list[Suspect]:
    found = []
    for a, b in np.argwhere(np.triu(np.abs(cosine) >= SAME, k=1)):
        value = float(cosine[a, b])
        kind: SuspectKind = "duplicate" if value > 0 or not positive else "antipodal"
        found.append(
            Suspect(kind, (int(b), int(a)), value, f"atoms {b} and {a}: cosine {value:.3f}")
        )
    return found


def _mixtures(D: np.ndarray, cosine: np.ndarray, tolerance: float, positive: bool) -> list[Suspect]:
    proposal = np.zeros_like(cosine)
    closeness = cosine if positive else np.abs(cosine)
    for a in range(D.shape[0]):
        near = np.argsort(-closeness[a], kind="stable")[: _NEIGHBOURS + 1]
        near = near[np.abs(cosine[a, near]) < SAME]
        if near.size > 1:
            atom = D[a : a + 1]
            proposal[a, near] = propose(atom, D[near], radius=tolerance, positive=positive)[0]
    fit = explain_samples(D, D, radius=tolerance, positive=positive, proposal=proposal)
    found = []
    for a in map(int, np.flatnonzero(fit.explained)):
        row = fit.codes[[a]]
        parts = row.indices[np.argsort(-np.abs(row.data))]
        if 2 <= parts.size <= 3:
            left = float(fit.residual[a])
            named = " + ".join(str(p) for p in parts)
            reason = f"atom {a}: {named} to within {left:.3f}"
            found.append(Suspect("mixture", (a, *map(int, parts)), left, reason))
    return found


def _company(cosine: np.ndarray, held: csr_array) -> list[Suspect]:
    n, k = held.shape
    if n == 0:
        return []
    together = (held.T.astype(float) @ held.astype(float)).toarray()
    counts = np.diag(together).copy()
    np.fill_diagonal(together, 0)
    found = []
    share = together / np.maximum(counts, 1)[:, None]
    for a, b in np.argwhere(share >= _ALWAYS):
        chance = binom.sf(together[a, b] - 1, int(counts[a]), counts[b] / n)
        if chance * k**2 <= _LEVEL:
            value = float(share[a, b])
            reason = f"atom {a}: in {value:.0%} of its {int(counts[a])} samples with {b}"
            found.append(Suspect("absorbed", (int(a), int(b)), value, reason))
    expected = np.outer(counts, counts) / n
    apart = (cosine >= _SIMILAR) & (cosine < SAME) & (together <= _APART * expected)
    for a, b in np.argwhere(np.triu(apart, k=1)):
        chance = binom.cdf(together[a, b], n, expected[a, b] / n)
        if chance * k**2 <= _LEVEL:
            value = float(cosine[a, b])
            reason = (
                f"atoms {b} and {a}: cosine {value:.2f}, together in {int(together[a, b])} "
                f"samples where {expected[a, b]:.0f} were due"
            )
            found.append(Suspect("split", (int(b), int(a)), value, reason))
    return found
