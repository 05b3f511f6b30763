"""Semantic dictionary: activations taken apart into pure features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unfold.arrays import check_activations, directions_of, to_numpy, unit_rows
from unfold.unfolding.explanations import explain_samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: Features that a table or a picture shows: a dozen, the strongest; more cannot be read.
SHOWN = 12


@dataclass(frozen=True, eq=False)
class Decomposition:
    """One activation as a sum of few features.

    Attributes
    ----------
    features : ndarray of shape (s,), int
        Features it holds, the strongest first.
    names : tuple of str
    amplitudes : ndarray of shape (s,)
        ``x = mean + sum_i amplitudes[i] * D[features[i]] + rest``.
    residual : float
        Norm of the rest, relative to the norm of the centred activation.
    chance : float
        Bound on the probability that a random direction could be explained as well; 1 says
        nothing.
    explained : bool
        Whether the residual is within the tolerance and the explanation beyond chance.
    similarity : ndarray of shape (k,)
        Cosine of the centred activation with every direction: what superposition blurs.
    norm : float
        Norm of the centred activation.
    """

    features: np.ndarray
    names: tuple[str, ...]
    amplitudes: np.ndarray
    residual: float
    chance: float
    explained: bool
    similarity: np.ndarray
    norm: float

    def __str__(self) -> str:
        """Return the decomposition as a small table."""
        width = max([len(name) for name in self.names] + [7])
        peak = float(np.abs(self.amplitudes).max(initial=0.0)) or 1.0
        lines = [f"{'feature':<{width}}  amplitude  cosine"]
        rows = list(zip(self.features, self.names, self.amplitudes, strict=True))
        for feature, name, amplitude in rows[:SHOWN]:
            bar = "█" * max(1, round(20 * abs(amplitude) / peak))
            cosine = self.similarity[feature]
            lines.append(f"{name:<{width}}  {amplitude:+9.4f}  {cosine:+6.2f}  {bar}")
        if len(rows) > SHOWN:
            lines.append(f"and {len(rows) - SHOWN} more")
        verdict = "explained" if self.explained else "not explained"
        lines.append(
            f"{verdict}: {len(self.features)} of {len(self.similarity)} features leave "
            f"{self.residual:.2%} of the norm; by chance with probability "
            f"{self._chance_in_words()}"
        )
        return "\n".join(lines)

    def _chance_in_words(self) -> str:
        return "1" if self.chance >= 1 else f"below {max(self.chance, 1e-99):.0e}"

    def draw(self) -> "Figure":
        """Draw amplitudes beside the cosines with every direction.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from matplotlib.figure import Figure

        shown = min(len(self.features), SHOWN)
        figure = Figure(figsize=(9, max(3.2, 1.2 + 0.22 * shown)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=False)
        place = np.arange(shown)
        left.barh(place, self.amplitudes[:shown], color="tab:blue")
        left.set_yticks(place, labels=list(self.names[:shown]))
        left.invert_yaxis()
        more = len(self.features) - shown
        left.set_xlabel("amplitude" + (f" ({more} more, weaker, are not shown)" if more else ""))
        left.set_title("unfolded: the features it holds")
        held = np.isin(np.arange(len(self.similarity)), self.features)
        index = np.arange(len(self.similarity))
        right.bar(index, self.similarity, color=np.where(held, "tab:blue", "lightgrey"))
        right.axhline(0, color="black", linewidth=0.5)
        right.set_xlabel("feature")
        right.set_ylabel("cosine with its direction")
        right.set_title("folded: what similarity says")
        figure.suptitle(
            f"{'Explained' if self.explained else 'Not explained'}, "
            f"{self.residual:.1%} of the norm left",
            fontsize="medium",
        )
        return figure


def explain(
    X: Any,
    D_or_est: Any,
    *,
    tolerance: float = 0.05,
    positive: bool = True,
    names: Sequence[str] | None = None,
) -> list[Decomposition]:
    """Take each activation apart into the few features it holds.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, d) or (d,)
    D_or_est : array-like or tensor of shape (k, d), or fitted estimator
        Directions; or a method with ``components_`` and ``mean_``.
    tolerance : float
        Residual allowed, relative to the norm of each centred activation.
    positive : bool
        Whether amplitudes are non-negative.
    names : sequence of k str, optional
        What to call the features; numbers by default.

    Returns
    -------
    list of Decomposition
        One a sample.

    Raises
    ------
    ValueError
        If the inputs are not finite matrices of one width, or there is not a name for each
        feature.

    Examples
    --------
    >>> import numpy as np
    >>> D = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-0.6, -0.6, 0.53]])
    >>> [only] = explain(0.5 * D[3], D)
    >>> only.features, only.explained
    (array([3]), True)
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be strictly between 0 and 1, got {tolerance}.")
    X, D, names = _checked(X, D_or_est, names)
    norms = np.linalg.norm(X, axis=1)
    unit = np.asarray(unit_rows(X))
    found = explain_samples(unit, D, radius=tolerance, positive=positive)
    similarity = unit @ D.T
    decompositions = []
    for i, norm in enumerate(norms):
        row = found.codes[[i]]
        order = np.argsort(-np.abs(row.data), kind="stable")
        features = np.asarray(row.indices[order], int)
        decompositions.append(
            Decomposition(
                features=features,
                names=tuple(names[j] for j in features),
                amplitudes=norm * row.data[order],
                residual=float(found.residual[i]),
                chance=float(np.exp(min(found.log_chance[i], 0.0))),
                explained=bool(found.explained[i]),
                similarity=similarity[i],
                norm=float(norm),
            )
        )
    return decompositions


def _checked(
    X: Any, D_or_est: Any, names: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    """Return centred float64 activations, unit directions and a name for each."""
    X = X[None] if getattr(X, "ndim", 2) == 1 else X
    X = to_numpy(check_activations(X)).astype(float)
    D = check_activations(directions_of(D_or_est), name="D")
    D = np.asarray(to_numpy(unit_rows(D)), float)
    if D.shape[1] != X.shape[1]:
        raise ValueError(f"D has atoms of {D.shape[1]} dimensions, but X has {X.shape[1]}.")
    mean = getattr(D_or_est, "mean_", None)
    if mean is not None:
        X = X - to_numpy(mean)
    if names is None:
        names = [f"feature {j}" for j in range(len(D))]
    if len(names) != len(D):
        raise ValueError(f"Got {len(names)} names for {len(D)} features.")
    return X, D, names
