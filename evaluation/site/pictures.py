"""Pictures in SVG, drawn from arrays: crisp on any screen, in the colours of the page."""

import numpy as np

#: Side of a square panel, and of what is drawn in it, in SVG units.
SIDE, RADIUS = 220, 96
#: Directions and samples drawn: more are a blot.
MOST_DIRECTIONS, MOST_SAMPLES = 120, 260
#: Quantile of the lengths of samples that is drawn at the rim: a heavy tail would shrink the rest.
RIM = 0.98


def geometry(directions: np.ndarray, samples: np.ndarray, name: str) -> str:
    """Return two panels: true directions and activations on the plane that holds most of both.

    Parameters
    ----------
    directions : ndarray of shape (k, d)
        Unit rows.
    samples : ndarray of shape (n, d)
    name : str
        Of the problem, for those who hear the page.
    """
    centred = samples - samples.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    plane = axes[:2] if len(axes) > 1 else np.vstack([axes, np.zeros_like(axes)])
    lines = directions[_spread(len(directions), MOST_DIRECTIONS)] @ plane.T
    points = centred[_spread(len(centred), MOST_SAMPLES)] @ plane.T
    scale = np.quantile(np.linalg.norm(points, axis=1), RIM) or 1.0
    points = np.clip(points / scale, -1.1, 1.1)
    arrows = "".join(
        f'<line class="ray" x1="0" y1="0" x2="{RADIUS * x:.1f}" y2="{-RADIUS * y:.1f}"/>'
        f'<circle class="tip-dot" cx="{RADIUS * x:.1f}" cy="{-RADIUS * y:.1f}" r="2.6"/>'
        for x, y in lines
    )
    dots = "".join(
        f'<circle class="sample" cx="{RADIUS * x:.1f}" cy="{-RADIUS * y:.1f}" r="1.8"/>'
        for x, y in points
    )
    ring = f'<circle class="ring" r="{RADIUS}"/>'
    panels = _panel(ring + arrows, 0, "true directions") + _panel(dots, 1, "activations")
    return _svg(2 * SIDE, SIDE + 24, panels, f"Directions and activations of {name}, projected")


def gram(directions: np.ndarray, name: str) -> str:
    """Return a histogram of the cosines between different true directions."""
    unit = directions[_spread(len(directions), 10 * MOST_DIRECTIONS)]
    cosines = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
    counts, edges = np.histogram(cosines, bins=24, range=(-1, 1))
    tallest = max(int(counts.max()), 1)
    width = (2 * RADIUS) / len(counts)
    bars = "".join(
        f'<rect class="count" x="{RADIUS * edge:.1f}" y="{RADIUS - 170 * count / tallest:.1f}" '
        f'width="{width - 1:.1f}" height="{170 * count / tallest:.1f}"/>'
        for count, edge in zip(counts, edges[:-1], strict=True)
    )
    ticks = "".join(
        f'<text class="tick" text-anchor="middle" x="{RADIUS * x}" y="{RADIUS + 15}">{x:g}</text>'
        for x in (-1, 0, 1)
    )
    base = f'<line class="base" x1="{-RADIUS}" x2="{RADIUS}" y1="{RADIUS}" y2="{RADIUS}"/>'
    panel = _panel(bars + base + ticks, 0, "cosines between directions")
    return _svg(SIDE, SIDE + 24, panel, f"Histogram of the cosines between directions of {name}")


def unfolding(directions: np.ndarray, samples: np.ndarray, codes: np.ndarray) -> str:
    """Return the picture of the question: activations in a plane, and the features in them.

    Parameters
    ----------
    directions : ndarray of shape (k, 2)
        Unit rows.
    samples : ndarray of shape (n, 2)
    codes : ndarray of shape (n, k)
        True codes of ``samples``.
    """
    scale = np.quantile(np.linalg.norm(samples, axis=1), RIM) or 1.0
    dots = "".join(
        f'<circle class="sample" cx="{RADIUS * x:.1f}" cy="{-RADIUS * y:.1f}" r="2"/>'
        for x, y in np.clip(samples / scale, -1.08, 1.08)
    )
    rays = "".join(
        f'<line class="line c{i}" x1="0" y1="0" x2="{RADIUS * x:.1f}" y2="{-RADIUS * y:.1f}"/>'
        for i, (x, y) in enumerate(directions)
    )
    shown = np.argsort(-codes.max(axis=1))[: 9 * 22 : 9]
    step, height = 2 * RADIUS / len(shown), 2 * RADIUS / codes.shape[1]
    bars = []
    for i, values in enumerate(codes[shown].T / codes.max()):
        floor = -RADIUS + (i + 1) * height - 3
        bars.append(
            f'<line class="base" x1="{-RADIUS}" x2="{RADIUS}" y1="{floor:.1f}" y2="{floor:.1f}"/>'
        )
        bars += [
            f'<rect class="dot c{i}" x="{-RADIUS + j * step:.1f}" width="{step - 1.5:.1f}" '
            f'y="{floor - (height - 8) * v:.1f}" height="{(height - 8) * v:.1f}"/>'
            for j, v in enumerate(values)
            if v > 0
        ]
    k, d = directions.shape
    panels = (
        _panel(dots, 0, "what is seen: activations")
        + _panel(rays + f'<circle class="ring" r="{RADIUS}"/>', 1, f"what is there: {k} features")
        + _panel("".join(bars), 2, "unfolded: one axis a feature")
    )
    told = f"Activations in {d} dimensions, the {k} features in them, and one axis a feature"
    return _svg(3 * SIDE, SIDE + 24, panels, told)


def _spread(n: int, most: int) -> np.ndarray:
    """Return so many indices at most, evenly spread, the same every time."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def _panel(content: str, column: int, title: str) -> str:
    x, y = column * SIDE + SIDE / 2, SIDE / 2 + 20
    return (
        f'<g transform="translate({x:g} {y:g})">{content}'
        f'<text class="label" text-anchor="middle" y="{-RADIUS - 14}">{title}</text></g>'
    )


def _svg(width: int, height: int, content: str, told: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{_plain(told)}" '
        f'width="{width}" height="{height}">{content}</svg>'
    )


def _plain(text: str) -> str:
    """Return text that no attribute is ended by."""
    return "".join(c for c in text if c.isalnum() or c in " ,.;:/-@()")
