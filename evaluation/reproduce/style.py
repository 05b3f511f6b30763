"""How figures look: one palette, one grid, no global state."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullFormatter

INK, FAINT, GRID = "#1c2733", "#7a8794", "#e3e8ec"
BLUE, ORANGE, TEAL, RED, GREY = "#3060a8", "#e8833a", "#2a9d8f", "#c8443c", "#c9d1d8"
#: One colour a feature, most important first.
FEATURES = LinearSegmentedColormap.from_list("features", ["#12355b", "#2a9d8f", "#e9c46a"])
#: 0 is a dimension of one's own, 1 is full superposition.
SUPERPOSITION = LinearSegmentedColormap.from_list(
    "superposition", ["#253a6b", "#3b7a9e", "#76b9a0", "#e9c46a", "#e8833a"]
)
#: For signed matrices around zero.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#b8403a", "#ffffff", "#2f5d9c"])
#: Not represented, in superposition, in a dimension of its own.
PHASE_COLORS = {"not represented": "#e9edf0", "in superposition": ORANGE, "own dimension": BLUE}
PHASES = ListedColormap(list(PHASE_COLORS.values()))

#: Distance of two vertices that are not one, in circumradii, and the distance of two that share an
#: edge, in units of the shortest: of the polytopes drawn the next longer are diagonals.
APART, EDGE = 1e-9, 1.35
#: Sizes from which an entry of a matrix is written at all, and in white.
SHOWN, DARK = 0.05, 0.6

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.labelsize": 8.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "figure.dpi": 100,
}


def house() -> AbstractContextManager[None]:
    """Return the context in which figures are drawn and saved."""
    context: AbstractContextManager[None] = rc_context(_STYLE)
    return context


def panels(
    rows: int, columns: int, width: float = 9.0, height: float = 3.2, **layout: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure in the house style and its axes (rows, columns)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **layout)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, crisp on dense screens."""
    FigureCanvasAgg(figure)
    # The layout leaves no room for titles of two lines over square axes; a tight box does.
    figure.savefig(path, dpi=190, metadata={"Software": None}, bbox_inches="tight", pad_inches=0.08)


def vectors(
    axes: Axes, W: np.ndarray, title: str = "", limit: float = 1.4, colors: Any = None
) -> None:
    """Draw two-dimensional features as spokes from the origin."""
    if colors is None:
        colors = FEATURES(np.linspace(0, 1, len(W)))
    for angle in (0.5, 1.0):
        circle = np.linspace(0, 2 * np.pi, 200)
        axes.plot(angle * np.cos(circle), angle * np.sin(circle), color=GRID, lw=0.8, zorder=0)
    for w, color in zip(W, colors, strict=True):
        axes.plot([0, w[0]], [0, w[1]], color=color, lw=2, solid_capstyle="round")
        axes.plot(*w, "o", color=color, ms=6, mec="white", mew=0.8, zorder=3)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    bare(axes)
    axes.set_title(title, loc="center", fontsize=8.5, fontweight="normal")


def solid(axes: Any, V: np.ndarray, title: str, dimensionality: np.ndarray) -> None:
    """Draw a polytope in up to three dimensions: spokes to vertices, and edges."""
    points = np.zeros((len(V), 3))
    points[:, : V.shape[1]] = V
    if V.shape[1] == 1 or "bipyramid" in title:  # axis upright
        points = points[:, [1, 2, 0]]
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    nearest = distance[distance > APART].min()
    if len(V) > 2:
        for i, j in zip(*np.nonzero(np.triu(distance < EDGE * nearest, 1)), strict=True):
            axes.plot(*points[[i, j]].T, color=GREY, lw=0.9)
    for point, value in zip(points, dimensionality, strict=True):
        color = SUPERPOSITION(np.clip(2 * (1 - value) - 0.5, 0, 1))
        axes.plot(*np.stack([0 * point, point]).T, color=color, lw=1.8)
        axes.plot(*point[:, None], "o", color=color, ms=4.5, mec="white", mew=0.5)
    limit = (-0.72, 0.72)
    axes.set(xlim=limit, ylim=limit, zlim=limit, box_aspect=(1, 1, 1))
    axes.set_axis_off()
    axes.view_init(elev=62 if V.shape[1] == 2 else 20, azim=-63)
    fractions = ", ".join(
        str(Fraction(float(value)).limit_denominator(20))
        for value in np.unique(dimensionality.round(6))
    )
    axes.set_title(f"{title}\n{fractions}", loc="center", fontsize=8, fontweight="normal")


def stages(steps: np.ndarray, loss: np.ndarray, W: np.ndarray) -> Figure:
    """Draw a learning curve above snapshots of two sets of three-dimensional features."""
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    grid = figure.add_gridspec(2, 5, height_ratios=[1, 1.2])
    curve = figure.add_subplot(grid[0, :])
    curve.plot(steps, loss, color=BLUE)
    curve.set(yscale="log", xscale="log", xlabel="step", ylabel="loss")
    curve.grid(True)
    _, _, axes = np.linalg.svd(W[-1])
    for column, i in enumerate(np.geomspace(2, len(steps) - 1, 5).astype(int)):
        ax: Any = figure.add_subplot(grid[1, column], projection="3d")
        for k, point in enumerate(W[i] @ axes.T):
            color = BLUE if k < len(W[i]) // 2 else ORANGE
            ax.plot(*np.stack([0 * point, point]).T, color=color, lw=2)
            ax.plot(*point[:, None], "o", color=color, ms=5, mec="white", mew=0.5)
        ax.set(xlim=(-0.8, 0.8), ylim=(-0.8, 0.8), zlim=(-0.8, 0.8), box_aspect=(1, 1, 1))
        ax.set_axis_off()
        ax.set_title(f"step {steps[i]}", loc="center", fontsize=8.5, fontweight="normal")
        curve.axvline(steps[i], color=FAINT, lw=0.7, ls=":")
    return figure


def bars(axes: Axes, norms: np.ndarray, superposition: np.ndarray, title: str = "") -> None:
    """Draw a horizontal bar a feature: as long as its norm, coloured by its superposition."""
    colors = SUPERPOSITION(np.clip(superposition, 0, 1))
    axes.barh(np.arange(len(norms)), norms, color=colors, height=0.82)
    axes.invert_yaxis()
    axes.set(xlim=(0, max(1.25, 1.05 * norms.max())), yticks=[])
    axes.axvline(1, color=FAINT, lw=0.6, ls=":", zorder=0)
    axes.set_title(title, loc="center", fontsize=8.5, fontweight="normal")


def heat_map(axes: Axes, matrix: np.ndarray, title: str = "", scale: float = 1.0) -> Any:
    """Draw a signed matrix; white is zero."""
    image = axes.imshow(matrix, cmap=SIGNED, vmin=-scale, vmax=scale, interpolation="nearest")
    bare(axes)
    axes.set_title(title, loc="center", fontsize=8.5, fontweight="normal")
    return image


def annotate(axes: Axes, matrix: np.ndarray) -> None:
    """Write each value of a small matrix into its cell."""
    for (i, j), value in np.ndenumerate(matrix):
        if abs(value) > SHOWN:
            color = "white" if abs(value) > DARK else INK
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)


def phases(axes: Axes, index: np.ndarray, p: np.ndarray, r: np.ndarray) -> None:
    """Draw a phase diagram on log axes: rows are relative importances, columns densities."""
    axes.pcolormesh(
        p,
        r,
        index,
        cmap=PHASES,
        vmin=-0.5,
        vmax=2.5,
        shading="nearest",
        edgecolors="white",
        linewidth=0.3,
    )
    axes.set(xscale="log", yscale="log", xlabel="feature density", ylabel="relative importance")
    axes.invert_xaxis()
    plain_log_ticks(axes)


def plain_log_ticks(axes: Axes, y: bool = True) -> None:
    """Label decades as plain numbers, and nothing between them."""
    for axis in (axes.xaxis, axes.yaxis)[: 1 + y]:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def legend_below(figure: Figure, entries: Sequence[tuple[str, Any]]) -> None:
    """Name colours in one row under all panels."""
    handles = [
        Patch(facecolor=color, edgecolor=FAINT, linewidth=0.4, label=name)
        for name, color in entries
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(entries), handlelength=1.1)


def guide(axes: Axes, levels: Sequence[tuple[float, str]], right: float = 1.01) -> None:
    """Draw labelled horizontal lines."""
    last = float("inf")
    for level, name in sorted(levels, reverse=True):
        axes.axhline(level, color=FAINT, lw=0.7, ls=(0, (4, 3)), zorder=0)
        last = min(level, last - 0.035)
        axes.text(
            right,
            last,
            name,
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=7,
            color=FAINT,
        )


def color_scale(figure: Figure, axes: Axes, colors: Any, high: float = 1.0) -> Any:
    """Put the scale of a colour map beside some axes."""
    bar = figure.colorbar(ScalarMappable(Normalize(0, high), colors), ax=axes, shrink=0.8, pad=0.08)
    bar.outline.set_visible(False)
    return bar


def spread_labels(axes: Axes, x: float, labels: Sequence[tuple[float, str]], gap: float) -> None:
    """Write labels at their heights, moved apart where they would overlap."""
    ordered = sorted(labels)
    height = np.array([value for value, _ in ordered])
    for _ in range(200):
        overlap = np.maximum(gap - np.diff(height), 0) / 2
        height[:-1] -= overlap
        height[1:] += overlap
    for y, (_, name) in zip(height, ordered, strict=True):
        axes.text(x, y, name, va="center", fontsize=8, color=INK)


def bare(axes: Axes) -> None:
    """Take away ticks and frame."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def thin(values: np.ndarray | Any, digits: int = 4) -> list[Any]:
    """Round an array into JSON-ready nested lists."""
    rounded: list[Any] = np.round(np.asarray(values, dtype=float), digits).tolist()
    return rounded
