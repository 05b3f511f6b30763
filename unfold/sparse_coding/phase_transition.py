"""Where sparse recovery works: Donoho-Tanner curves, and the phase diagram of a dictionary."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from unfold.arrays import check_activations, to_numpy, unit_rows
from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.guarantees import guaranteed_sparsity, mutual_coherence, welch_bound

#: L1 penalty, and duality gap, at which codes are as good as without noise; the largest error of a
#: code, where values are up to 1, at which it is recovered.
NO_PENALTY, EXACT_GAP, RECOVERED = 1e-7, 1e-12, 1e-3


def donoho_tanner(delta: Any, *, positive: bool = True) -> Any:
    """Return the weak threshold ``rho = active / d`` below which L1 recovers, for random atoms.

    At ``delta = d / n_atoms`` it is the largest, over ``z``, of
    ``[1 - (c / delta) a] / [1 + z^2 - c a]`` with ``a = (1 + z^2) Phi(-z) - z phi(z)`` and ``c``
    1 for non-negative codes, 2 for signed.

    Parameters
    ----------
    delta : float or array
        Between 0 and 1, 0 excluded.
    positive : bool

    Returns
    -------
    float or ndarray
        Between 0 and 1.

    References
    ----------
    Donoho and Tanner (2009), Observed universality of phase transitions in high-dimensional
    geometry; the formula is that of Donoho, Maleki and Montanari (2009), Message-passing algorithms
    for compressed sensing.
    """
    from scipy.special import ndtr

    at = np.asarray(delta, np.float64)
    if at.size == 0 or not ((at > 0) & (at <= 1)).all():
        raise ValueError(f"delta = d / n_atoms must lie in (0, 1], got {delta}.")
    c = 1.0 if positive else 2.0

    def rho(z: np.ndarray) -> np.ndarray:
        a = (1 + z * z) * ndtr(-z) - z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
        return np.asarray((1 - c / at[..., None] * a) / (1 + z * z - c * a))

    grid = np.linspace(1e-4, 8, 400)
    best = grid[rho(grid).argmax(-1)]
    fine = best[..., None] + np.linspace(-0.02, 0.02, 401)
    found = rho(np.maximum(fine, 1e-6)).max(-1).clip(0, 1)
    return float(found) if at.ndim == 0 else found


def recovery_probability(
    D: Any,
    n_active: int,
    *,
    n_atoms: int | None = None,
    positive: bool = True,
    n_trials: int = 40,
    random_state: int = 0,
) -> float:
    """Return how often L1 recovers random codes of ``n_active`` atoms exactly.

    Each trial draws ``n_atoms`` of the atoms of ``D``, a support among them and magnitudes
    U(0, 1) (with random signs unless ``positive``), and solves the lasso at a vanishing ``alpha``.

    Parameters
    ----------
    D : array of shape (k, d)
    n_active : int
    n_atoms : int, optional
        All by default.
    positive : bool
    n_trials : int
    random_state : int

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If more atoms are asked for than there are.
    """
    D = np.asarray(unit_rows(to_numpy(check_activations(D, name="D"))), np.float64)
    k = D.shape[0]
    n_atoms = k if n_atoms is None else n_atoms
    if not 1 <= n_active <= n_atoms <= k:
        raise ValueError(
            f"Need 1 <= n_active <= n_atoms <= k, "
            f"got n_active={n_active}, n_atoms={n_atoms}, k={k}."
        )
    rng = np.random.default_rng(random_state)
    draws = 1 if n_atoms == k else min(n_trials, 4)
    hits = 0
    for draw in range(draws):
        atoms = D if n_atoms == k else D[rng.choice(k, n_atoms, replace=False)]
        n = len(range(draw, n_trials, draws))
        support = rng.random((n, n_atoms)).argsort(1)[:, :n_active]
        values = 1 - rng.random((n, n_active))
        if not positive:
            values *= rng.choice([-1.0, 1.0], size=values.shape)
        truth = np.zeros((n, n_atoms))
        np.put_along_axis(truth, support, values, axis=1)
        X = truth @ atoms
        found = sparse_encode(X, atoms, alpha=NO_PENALTY, positive=positive, tol=EXACT_GAP).codes
        hits += int((abs(found - truth).max(1) < RECOVERED).sum())
    return hits / n_trials


@dataclass(frozen=True, eq=False)
class PhaseReport:
    """Empirical phase diagram of a dictionary, beside that of random atoms and of theory.

    Attributes
    ----------
    delta : ndarray of shape (a,)
        ``d / n_atoms`` of the sub-dictionaries tried, the last row being the whole one.
    rho : ndarray of shape (b,)
        ``n_active / d``.
    success, success_random : ndarray of shape (a, b)
        Probability of exact recovery, for the dictionary and for Gaussian atoms of that number;
        NaN where fewer atoms are drawn than are to be active.
    theory : ndarray of shape (a,)
        Donoho-Tanner threshold at ``delta``.
    positive : bool
    coherence, welch : float
        Mutual coherence, and the least possible one.
    guaranteed : int
        Active atoms up to which recovery is certain whatever the support.
    """

    delta: np.ndarray
    rho: np.ndarray
    success: np.ndarray
    success_random: np.ndarray
    theory: np.ndarray
    positive: bool
    coherence: float
    welch: float
    guaranteed: int

    @property
    def advantage(self) -> float:
        """Mean success less that of random atoms: above 0, the geometry is better than random."""
        return float(np.nanmean(self.success - self.success_random))


def phase_report(
    D: Any,
    *,
    positive: bool = True,
    resolution: int = 8,
    n_trials: int = 40,
    random_state: int = 0,
) -> PhaseReport:
    """Measure where L1 recovers codes over ``D``, and over random atoms, exactly.

    Parameters
    ----------
    D : array-like or tensor of shape (k, d)
        Any dictionary; rows that are zero are left out.
    positive : bool
    resolution : int
        Points along each axis.
    n_trials : int
        Random codes per point.
    random_state : int

    Returns
    -------
    PhaseReport

    Raises
    ------
    ValueError
        If ``D`` is not finite, or holds no atom.
    """
    atoms = np.asarray(to_numpy(check_activations(D, name="D")), np.float64)
    atoms = atoms[abs(atoms).max(1) > 0]
    if len(atoms) == 0:
        raise ValueError("D holds no atom that is not zero.")
    if resolution < 2 or n_trials < 1:
        raise ValueError(f"Need resolution >= 2 and n_trials >= 1, got {resolution}, {n_trials}.")
    k, d = atoms.shape
    counts = np.unique(np.geomspace(min(k, d), k, resolution).round().astype(int))
    active = np.unique(np.linspace(max(1, d / resolution), d, resolution).round().astype(int))
    # A stream of its own, so as not to redraw atoms that the caller drew from the same seed.
    random = np.random.default_rng([random_state, k, d]).normal(size=(k, d))
    success, baseline = np.full((2, len(counts), len(active)), np.nan)
    for i, n_atoms in enumerate(counts):
        for j, n_active in enumerate(active):
            if n_active > n_atoms:
                continue
            for table, D_ in ((success, atoms), (baseline, random)):
                table[i, j] = recovery_probability(
                    D_,
                    int(n_active),
                    n_atoms=int(n_atoms),
                    positive=positive,
                    n_trials=n_trials,
                    random_state=random_state + 1 + i * len(active) + j,
                )
    delta = np.minimum(d / counts, 1.0)
    return PhaseReport(
        delta=delta,
        rho=active / d,
        success=success,
        success_random=baseline,
        theory=donoho_tanner(delta, positive=positive),
        positive=positive,
        coherence=mutual_coherence(atoms),
        welch=welch_bound(k, d),
        guaranteed=guaranteed_sparsity(atoms),
    )


def draw_phase(report: PhaseReport, figure: Any = None, *, rho: float | None = None) -> Any:
    """Draw a phase report: the dictionary, random atoms, and the Donoho-Tanner curves over both.

    Parameters
    ----------
    report : PhaseReport
    figure : matplotlib Figure, optional
        Drawn on if given; no global figure state is touched.
    rho : float, optional
        Active atoms over dimensions in data of the whole dictionary, to be marked.

    Returns
    -------
    matplotlib Figure
    """
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    rim = withStroke(linewidth=3.5, foreground="tab:red")  # white lines show on any shade
    figure = Figure(figsize=(10, 4.2), layout="constrained") if figure is None else figure
    axes = figure.subplots(1, 2, sharey=True)
    grid = np.linspace(max(0.01, report.delta.min() * 0.9), 1.0, 80)
    panels = (("this dictionary", report.success), ("random atoms", report.success_random))
    for axis, (title, table) in zip(axes, panels, strict=True):
        image = axis.pcolormesh(
            report.delta, report.rho, table.T, vmin=0, vmax=1, cmap="Greys", shading="nearest"
        )
        for positive, style in ((True, "-"), (False, "--")):
            label = "Donoho-Tanner, " + ("non-negative" if positive else "signed")
            (line,) = axis.plot(
                grid, donoho_tanner(grid, positive=positive), style, color="white", label=label
            )
            line.set_path_effects([rim])
        if rho is not None:
            # the whole dictionary: of all its sizes that are drawn the one with most atoms
            axis.plot(
                float(report.delta.min()),
                rho,
                "o",
                color="tab:blue",
                markeredgecolor="white",
                label="your data",
            )
        axis.set(title=title, xlabel="d / number of atoms", xlim=(grid[0], 1), ylim=(0, 1))
    axes[0].set_ylabel("active atoms / d")
    axes[1].legend(loc="upper left", fontsize="small", facecolor="lightgray")
    codes = "non-negative" if report.positive else "signed"
    figure.colorbar(image, ax=axes, label=f"probability of exact recovery ({codes} codes)")
    return figure
