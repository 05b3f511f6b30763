"""The same figures as static images, for papers and slides."""

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from evaluation.boards.leaderboard import Board, TrackBoard
from evaluation.report.verdict import methods_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE, _GREY, _INK = "#1f5fbf", "#b9b4aa", "#1c1b19"
_LONGEST = 34
#: Skill from which a cell of the heat map is dark enough for white ink.
_DARK = 0.55


def draw(ranked: Board, formats: Iterable[str]) -> dict[str, bytes]:
    """Return file name -> content of the board and, where tests allow it, the rank diagram.

    The same board gives the same bytes: no dates, no random identifiers.
    """
    from matplotlib import rc_context

    files = {}
    with rc_context({"svg.hashsalt": "unfold", "font.size": 10, "svg.fonttype": "path"}):
        for name, track in ranked.tracks.items():
            if not len(track.by_problem) or not track.by_problem.size:
                continue
            figures = {"board": _board(track, ranked.metric), "problems": _heat(track)}
            if track.p_values is not None:
                figures["ranks"] = _ranks(track)
            for kind, figure in figures.items():
                for suffix in formats:
                    files[f"{kind}-{name}.{suffix}"] = _bytes(figure, suffix)
    return files


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _bytes(figure: "Figure", suffix: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None} if suffix == "svg" else {"Software": None}
    figure.savefig(buffer, format=suffix, dpi=160, metadata=metadata)
    return buffer.getvalue()


def _short(name: str) -> str:
    # A dollar sign would start mathematics.
    flat = " ".join(name.split()).replace("$", r"\$")
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def _board(track: TrackBoard, metric: str) -> "Figure":
    """Mean skill with its interval, best at the top; those tied for first in colour."""
    methods = methods_of(track)
    figure = _figure(7, 0.9 + 0.32 * len(methods))
    axes = figure.subplots()
    place = np.arange(len(methods))
    skill = methods["skill"].to_numpy(float)
    colours = [_BLUE if group == 1 else _GREY for group in methods["tie_group"]]
    axes.barh(place, skill, color=colours, height=0.55)
    low, high = (methods[f"skill_{end}"].to_numpy(float) for end in ("low", "high"))
    known = np.isfinite(low)
    reach = np.abs(np.vstack([skill - low, high - skill]))[:, known]
    axes.errorbar(
        skill[known], place[known], xerr=reach, fmt="none", ecolor=_INK, elinewidth=1.2, capsize=3
    )
    axes.set_yticks(place, [_short(name) for name in methods["method"]])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"skill in {metric} ({track.track} track)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    return figure


def _heat(track: TrackBoard) -> "Figure":
    """Mean skill of every method on every problem."""
    values = track.by_problem.to_numpy(float)
    figure = _figure(3 + 0.62 * values.shape[1], 2.4 + 0.32 * len(values))
    axes = figure.subplots()
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        ink = "white" if value > _DARK else _INK
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=8)
    names = [_short(str(name)) for name in track.by_problem.columns]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(values)), [_short(str(name)) for name in track.by_problem.index])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _ranks(track: TrackBoard) -> "Figure":
    """Mean ranks on a line; bars join runs of methods that no test tells apart."""
    order = np.argsort(track.mean_rank, kind="stable")
    half = (len(order) + 1) // 2
    figure = _figure(7, 1.2 + 0.28 * half + 0.1 * len(track.cliques))
    axes = figure.subplots()
    low, high = 1, max(2, int(np.ceil(track.mean_rank.max())))
    span = high - low
    first = -0.6 - 0.3 * len(track.cliques)
    for place, method in enumerate(order):
        leftward = place < half
        y = first - 0.7 * (place if leftward else len(order) - 1 - place)
        x = low - 0.05 * span if leftward else high + 0.05 * span
        rank = track.mean_rank[method]
        axes.plot([rank, rank, x], [0, y, y], color=_GREY, linewidth=1, clip_on=False)
        axes.plot(rank, 0, "o", color=_BLUE, markersize=5, clip_on=False)
        name = _short(str(track.by_problem.index[method]))
        axes.text(x, y, f" {name} ", ha="right" if leftward else "left", va="center")
    for level, clique in enumerate(track.cliques):
        ranks = track.mean_rank[list(clique)]
        axes.plot([ranks.min(), ranks.max()], [-0.3 * (level + 1)] * 2, color=_INK, linewidth=4)
    axes.set_xlim(low - 0.45 * span, high + 0.45 * span)
    axes.set_ylim(first - 0.7 * half, 0.05)
    axes.xaxis.tick_top()
    axes.set_xticks(range(low, high + 1))
    axes.set_yticks([])
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.spines["top"].set_bounds(low, high)
    axes.set_title(f"mean rank, {track.track} track", fontsize=10)
    return figure
