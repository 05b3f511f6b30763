"""Does the certificate of enumeration keep its word? Features withheld on purpose tell."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from toy.make import make_sampler
from toy.randomness import stream
from unfold.unfolding.certification import certify
from unfold.unfolding.missing_mass import binomial_lower, binomial_upper

#: Samples of the world from which the true probability of a withheld feature is read.
TRUTH_SAMPLES = 100_000


@dataclass(frozen=True)
class Trial:
    """One certificate of a dictionary that lacks known features.

    Attributes
    ----------
    problem : str
    seed : int
    withheld : int
        How many features the dictionary lacks.
    outside : float
        True probability that an activation holds a withheld feature by more than the radius.
    outside_any : float
        True probability that an activation holds a withheld feature at all.
    upper : float
        The certificate's bound.
    explained, blindness, confidence, tolerance : float
        From the certificate.
    confidence_listed : float
        Smallest feature confidence among the true atoms; the rest are ``planted_false``.
    confidence_false : float
        Largest feature confidence among false atoms put in the place of withheld features;
        NaN where there were none.
    """

    problem: str
    seed: int
    withheld: int
    outside: float
    outside_any: float
    upper: float
    explained: float
    blindness: float
    confidence: float
    tolerance: float
    confidence_listed: float
    confidence_false: float

    @property
    def covered(self) -> bool:
        """Whether the bound is at least the truth."""
        return self.upper >= self.outside


def withhold(
    problem: str | Mapping[str, Any],
    seed: int,
    n_withheld: int,
    *,
    n_heldout: int = 1000,
    tolerance: float = 0.05,
    confidence: float = 0.95,
    false_atoms: bool = False,
) -> Trial:
    """Certify the true dictionary less some features, and compare the bound with the truth.

    Parameters
    ----------
    problem : str or mapping
        Id or spec.
    seed : int
        Draws the world, the held-out samples and which features are withheld.
    n_withheld : int
    n_heldout : int
    tolerance, confidence : float
        Passed to `unfold.certify`.
    false_atoms : bool
        Whether each withheld feature leaves a false atom in its place: in turn, a random
        direction, or its mixture with a listed feature.

    Returns
    -------
    Trial

    Raises
    ------
    ValueError
        If fewer than one feature would remain.
    """
    sampler = make_sampler(problem, seed)
    world, rng = sampler.world, stream(seed, "withhold")
    known = np.flatnonzero(world.represented)
    if not 0 <= n_withheld < known.size:
        raise ValueError(f"n_withheld must be in 0..{known.size - 1}, got {n_withheld}.")
    order = rng.permutation(known)
    hidden, listed = order[:n_withheld], order[n_withheld:]
    D = world.directions[listed].astype(float)
    if false_atoms:
        D = np.vstack([D, _false_atoms(world.directions, hidden, listed, rng)])
    X, _ = sampler.sample(n_heldout)
    certificate = certify(
        X - world.bias, D, tolerance, confidence, positive=world.features.positive
    )
    size = _hidden_parts(world, hidden, rng)
    return Trial(
        problem=str(problem),
        seed=seed,
        withheld=n_withheld,
        outside=float((size > certificate.radius).any(axis=1).mean()),
        outside_any=float((size > 0).any(axis=1).mean()),
        upper=certificate.unseen_upper,
        explained=certificate.explained,
        blindness=certificate.blindness,
        confidence=confidence,
        tolerance=tolerance,
        confidence_listed=float(certificate.feature_confidence[: listed.size].min()),
        confidence_false=float(certificate.feature_confidence[listed.size :].max())
        if false_atoms and n_withheld
        else float("nan"),
    )


def _false_atoms(
    directions: np.ndarray, hidden: np.ndarray, listed: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    atoms = rng.standard_normal((hidden.size, directions.shape[1]))
    partners = rng.choice(listed, hidden.size)
    mixed = np.arange(hidden.size) % 2 == 1
    atoms[mixed] = directions[hidden[mixed]] + directions[partners[mixed]]
    false: np.ndarray = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    return false


def _hidden_parts(world: Any, hidden: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return norms (TRUTH_SAMPLES, n_hidden) of what withheld features add to activations."""
    codes = world.features.sample(TRUTH_SAMPLES, rng)[:, hidden].toarray()
    parts: np.ndarray = np.abs(codes) * world.norms[hidden]
    return parts


def calibrate(
    problems: Iterable[str | Mapping[str, Any]],
    seeds: Iterable[int],
    withheld: Iterable[int],
    **options: Any,
) -> pd.DataFrame:
    """Withhold features in every problem, with every seed; a row a `Trial`.

    Parameters
    ----------
    problems : iterable of str or mapping
    seeds, withheld : iterable of int
    **options
        Passed to `withhold`.

    Returns
    -------
    DataFrame
        The attributes of `Trial`, and ``covered``.
    """
    seeds, withheld = list(seeds), list(withheld)
    trials = [
        withhold(problem, seed, n, **options)
        for problem in problems
        for seed in seeds
        for n in withheld
    ]
    return pd.DataFrame([asdict(trial) | {"covered": trial.covered} for trial in trials])


def summarise(trials: pd.DataFrame, by: str | list[str] = "problem") -> pd.DataFrame:
    """Return coverage and tightness of trials by group.

    Parameters
    ----------
    trials : DataFrame
        From `calibrate`.
    by : str or list of str
        Columns to group by.

    Returns
    -------
    DataFrame
        ``coverage`` with its exact 95% interval ``low``..``high``, ``promised`` coverage, the
        median ``slack`` (bound less truth) and the median ``ratio`` of bound to truth where
        features were withheld.
    """
    rows = []
    for key, group in trials.groupby(by, sort=True):
        n, hits = len(group), int(group["covered"].sum())
        slack = group["upper"] - group["outside"]
        with_any = group[group["outside"] > 0]
        rows.append(
            {
                "group": key,
                "trials": n,
                "promised": float(group["confidence"].max()),
                "coverage": hits / n,
                "low": binomial_lower(hits, n, 0.975),
                "high": binomial_upper(hits, n, 0.975),
                "slack": float(slack.median()),
                "ratio": float((with_any["upper"] / with_any["outside"]).median()),
                "explained": float(group["explained"].median()),
            }
        )
    return pd.DataFrame(rows)
