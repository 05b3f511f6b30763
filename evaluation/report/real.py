"""The board of real networks as Markdown, CSV and a picture."""

import io
from pathlib import Path

from evaluation.boards.real import HEADLINES, RealBoard, real_board
from evaluation.real.metrics import ACTIVE_COUNTS, LATENT_COUNTS
from evaluation.running.record import Record
from evaluation.running.store import write_atomically

_COLUMNS = {
    "method": "method", "skill": "mean skill", "ev@16": "EV, own codes",
    "ev_pursuit@16": "EV, pursuit", "probe@1": "probe, 1 latent", "probe@5": "5 latents",
    "probe@16": "16 latents", "purity": "purity", "stability": "stability", "likeness": "likeness",
    "absorbed": "absorbed", "hedged": "hedged", "nats_saved": "nats saved", "helpful": "helpful",
    "dead": "dead", "l0": "L0", "seconds": "s", "memory": "MB", "completeness": "done",
}  # fmt: skip


def write_real(out: Path) -> dict[str, Path]:
    """Write ``real.md``, ``real.csv`` and ``real.png`` into a results folder.

    Parameters
    ----------
    out : Path
        Where stored results are read from, and these are written to.

    Returns
    -------
    dict of str to Path
    """
    from evaluation.boards.real import real_records
    from evaluation.running.store import load_records

    board = real_board(out)
    contents = {
        "real.md": markdown(board).encode(),
        "real.csv": board.table.to_csv(index=False, float_format="%.6g").encode(),
        "real.png": picture(real_records(load_records(out))),
    }
    for name, content in contents.items():
        write_atomically(out / name, content)
    return {name: out / name for name in contents}


def markdown(board: RealBoard) -> str:
    """Return the board as a Markdown table, with what its order rests on."""
    head = "| " + " | ".join(_COLUMNS.values()) + " |"
    lines = [head, "|---|" + "--:|" * (len(_COLUMNS) - 1)]
    for row in board.table.to_dict("records"):
        cells = [str(row["method"]), *(_cell(row[name], name) for name in list(_COLUMNS)[1:])]
        lines.append("| " + " | ".join(cells) + " |")
    agreement = ", ".join(f"{name} {tau:.2f}" for name, tau in board.agreement.items())
    gamma = ", ".join(f"{value:.2f} ({name})" for name, value in board.gamma.items())
    return (
        "\n".join(lines) + f"\n\n{board.n_problems} problem(s), {board.n_seeds} seed(s). Ranked by "
        f"the mean skill of {', '.join(HEADLINES)}. Kendall's tau of the order between: "
        f"{agreement}. Norm of the mean over norm of the standard deviations: {gamma}.\n"
    )


def _cell(value: float, name: str) -> str:
    if value != value:
        return ""
    return f"{value:.0f}" if name in ("l0", "seconds", "memory") else f"{value:.3f}"


def picture(records: list[Record]) -> bytes:
    """Return a PNG: variance explained against active codes, and probes against latents."""
    import matplotlib as mpl
    import pandas as pd
    from matplotlib.figure import Figure

    scores = pd.DataFrame([{"method": r.method, **r.metrics} for r in records if r.status == "ok"])
    means = scores.groupby("method").mean()
    panels = (
        ("own codes", "ev@", ACTIVE_COUNTS, "active codes a sample", "variance explained"),
        ("pursuit codes", "ev_pursuit@", ACTIVE_COUNTS, "active codes a sample", ""),
        ("probes, mean-pooled", "probe@", LATENT_COUNTS, "latents of a probe", "AUC"),
    )
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    colours = mpl.colormaps["tab20"].colors  # type: ignore[attr-defined]
    for axes, (title, stem, counts, below, beside) in zip(
        figure.subplots(1, 3), panels, strict=True
    ):
        for place, (method, row) in enumerate(means.iterrows()):
            if method == "control:oracle":
                continue
            style = "--" if method == "control:chance" else "o-"
            colour = "black" if style == "--" else colours[place % 20]
            axes.plot(counts, [row[f"{stem}{n}"] for n in counts], style, color=colour, ms=4,
                      label=str(method))  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [str(n) for n in counts])
        axes.set(title=title, xlabel=below, ylabel=beside)
        low = 0.55 if stem == "probe@" else 0
        axes.set_ylim(bottom=low)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
