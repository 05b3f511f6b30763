"""The page that sums up a fit: one HTML file, no script, nothing to download."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

N_BARS = 40


def render(summary: Mapping[str, Any], usage: np.ndarray, residuals: np.ndarray) -> str:
    """Return the summary page of a fit.

    Parameters
    ----------
    summary : Mapping
        As in ``summary.json``.
    usage : ndarray of shape (k,)
        Share of samples in which each feature is active.
    residuals : ndarray of shape (n,)
        Norm of what is not explained, over the norm of the sample.

    Returns
    -------
    str
    """
    from jinja2 import Environment

    active = usage[usage > 0]
    figures = [
        {
            "title": "How often features are active",
            "axis": "share of samples, log scale",
            "what": "features",
            **_histogram(np.log10(active) if len(active) else np.zeros(1), _power),
        },
        {
            "title": "How much of each sample is left unexplained",
            "axis": "residual norm / sample norm",
            "what": "samples",
            **_histogram(residuals, lambda x: f"{x:.3g}"),
        },
    ]
    source = Path(__file__).with_name("fit_page.html.jinja").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    return template.render(summary=summary, rows=_rows(summary), figures=figures)


def _rows(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    residual = summary["relative_residual"]
    cosine = summary["largest_cosine"]
    fresh, chance = summary["held_out"], summary["chance"]
    stopped = f"; stopped {summary['stopped']}" if summary["stopped"] else ""
    rows = [
        ("samples", f"{summary['n_samples']:,} in {summary['d']:,} dimensions"),
        ("of these fitted", f"{summary['n_fitted']:,}{stopped}"),
        ("method", f"{summary['method']}, seed {summary['seed']}, version {summary['version']}"),
        ("time", _span(summary["fit_seconds"])),
        ("road taken", summary["road"]),
        ("status", summary["status_sentence"]),
        ("features found", f"{summary['n_features']:,}"),
        ("of these never active", f"{summary['never_active']:,}"),
        ("active in a sample, on average", f"{summary['mean_active']:.3g}"),
        ("variance explained", f"{summary['explained_variance']:.2%}"),
        ("of samples not fitted", None if fresh is None else f"{fresh['explained_variance']:.2%}"),
        ("more than chance?", None if chance is None else chance["sentence"]),
        ("noise per coordinate", _number(summary["noise"])),
        ("confidence, median", _number(_median(summary["confidence"]))),
        ("residual, median", f"{residual['50%']:.2%} of the norm of a sample"),
        ("residual, worst percent", f"{residual['99%']:.2%}"),
        ("two closest directions", "-" if math.isnan(cosine) else f"cosine {cosine:.3f}"),
    ]
    return [(name, value) for name, value in rows if value is not None]


def _span(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{int(seconds // 60)} min {round(seconds % 60)} s"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"


def _median(values: list[float] | None) -> float | None:
    return float(np.median(values)) if values else None


def _histogram(values: np.ndarray, label: Any) -> dict[str, Any]:
    """Return bars in a 600 x 160 box, and the labels of its ends."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        low, high = low - 0.5, high + 0.5
    counts, _ = np.histogram(values, bins=N_BARS, range=(low, high))
    width, most = 600 / N_BARS, counts.max()
    bars = [
        {"x": round(i * width, 2), "height": round(150 * count / most, 2), "count": int(count)}
        for i, count in enumerate(counts)
    ]
    ends = {"low": label(low), "high": label(high)}
    return {"bars": bars, "width": width - 1, "most": int(most), "total": len(values)} | ends


def _power(exponent: float) -> str:
    return f"{10**exponent:.2g}"
