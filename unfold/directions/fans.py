"""Events, their fans, and where fans meet: reading a feature hierarchy off single events.

Where a child is active only with its parent, the sparsest code has one atom for each whole path
from root to leaf (an event). The magnitudes along the path vary from sample to sample, so that
the samples of one event fill a fan, a subspace spanned by the features of the path. A parent is
the direction that the fans of all its descendants share.
"""

from dataclasses import dataclass

import numpy as np

from unfold.arrays import unit_rows
from unfold.directions.polish import pursue
from unfold.directions.rays import density_peaks


@dataclass(frozen=True, eq=False)
class Event:
    """Samples that differ only in magnitudes.

    Attributes
    ----------
    mean : ndarray of shape (d,)
        Mean sample, of any norm.
    basis : ndarray of shape (rank, d)
        Orthonormal directions that its samples span above the noise.
    count : int
    """

    mean: np.ndarray
    basis: np.ndarray
    count: int

    @property
    def rank(self) -> int:
        """Number of magnitudes that vary."""
        return len(self.basis)


def find_events(
    X: np.ndarray,
    rng: np.random.RandomState,
    *,
    near: float = 0.93,
    least: int = 8,
    n_points: int = 60_000,
) -> np.ndarray:
    """Return unit centres (m, d) of crowds of parallel samples, most frequent first.

    Centres that few more frequent ones add up to are dropped: two events at once.
    """
    norms = np.linalg.norm(X, axis=1)
    X = X[norms > 0.1 * np.median(norms)]
    centres, counts = density_peaks(X, rng, cosine=near, least=least, n_points=n_points, apart=near)
    kept: list[int] = []
    for index in np.argsort(-counts, kind="stable"):
        if kept:
            fit = pursue(centres[index : index + 1], centres[kept], 3, 0.25)
            if fit.met[0]:
                continue
        kept.append(int(index))
    return centres[kept]


def fan(X: np.ndarray, most: int = 5, floor: float = 2e-3) -> np.ndarray:
    """Return an orthonormal basis of what samples of one event span, above noise and floor.

    The noise is that of the trailing singular values, and its edge the one of Marchenko and
    Pastur (1967); samples far from the fan are trimmed first.
    """
    n, d = X.shape
    weight = np.ones(n)
    for _ in range(6):
        basis = np.linalg.svd(X * weight[:, None], full_matrices=False)[2][: min(most, n, d)]
        left = ((X - (X @ basis.T) @ basis) ** 2).sum(axis=1)
        scale = max(float(np.quantile(left, 0.4)), 1e-12 * float((X**2).sum(axis=1).mean()))
        weight = 1.0 / (1.0 + left / scale)
    kept = left <= max(4.0 * float(np.median(left)), 16.0 * scale)
    kept &= left <= np.quantile(left, 0.7)
    _, values, basis = np.linalg.svd(X[kept], full_matrices=False)
    count = int(kept.sum())
    tail = values[most:]
    noise = float(np.mean(tail**2)) / count if len(tail) else 0.0
    noise *= d / max(d - most, 1)
    edge = np.sqrt(count * noise * 1.3) * (1 + np.sqrt(d / count))
    rank = int(((values > edge) & (values > floor * values[0]))[:most].sum())
    return np.asarray(basis[: max(rank, 1)])


def measure_events(
    X: np.ndarray, centres: np.ndarray, *, near: float = 0.985, least: int = 20, most: int = 4000
) -> list[Event]:
    """Return the events around centres: mean, fan and count of the samples near each."""
    norms = np.linalg.norm(X, axis=1)
    owner = np.full(len(X), -1)
    for start in range(0, len(X), 20_000):
        block = slice(start, start + 20_000)
        cosine = X[block] @ centres.T.astype(X.dtype) / np.maximum(norms[block, None], 1e-30)
        best = cosine.argmax(1)
        owner[block] = np.where(cosine[np.arange(len(best)), best] > near, best, -1)
    events = []
    for index in range(len(centres)):
        members = np.asarray(X[np.flatnonzero(owner == index)[:most]], np.float64)
        if len(members) < least:
            continue
        middle = members.mean(0)
        events.append(Event(middle, fan(members), int((owner == index).sum())))
    return events


@dataclass
class Node:
    """A feature read off the fans.

    Attributes
    ----------
    direction : ndarray of shape (d,)
    parent : int
        Position of the parent node, -1 at a root.
    weight : int
        Samples of the events that hold it.
    """

    direction: np.ndarray
    parent: int
    weight: int


def meet(events: list[Event], *, shared: float = 0.97, holds: float = 0.93) -> list[Node]:
    """Return the directions that fans share, widest first, then what is left of each event.

    Parameters
    ----------
    events : list of Event
    shared : float
        Cosine between two fans at which their nearest directions are taken for one.
    holds : float
        Length of a direction's projection at which a fan holds it.
    """
    nodes: list[Node] = []
    bases = [event.basis.copy() for event in events]
    _descend(events, bases, list(range(len(events))), -1, nodes, shared, holds)
    return nodes


def _descend(
    events: list[Event],
    bases: list[np.ndarray],
    group: list[int],
    parent: int,
    nodes: list[Node],
    shared: float,
    holds: float,
) -> None:
    """Peel the directions that most of a group's fans share, and recurse into their holders."""
    group = list(group)
    total = sum(events[e].count for e in group)
    while True:
        held = _widest(events, bases, group, shared, holds)
        if held is None:
            break
        x, members = held
        common_to_all = parent == -1 and len(members) > 0.5 * len(group) and len(group) > 8
        if common_to_all and sum(events[e].count for e in members) > 0.9 * total:
            break
        mean = sum(events[e].mean for e in members)
        x = x if float(x @ np.asarray(mean)) > 0 else -x
        for e in members:
            bases[e] = _without(bases[e], x)
        nodes.append(Node(x, parent, sum(events[e].count for e in members)))
        _descend(events, bases, members, len(nodes) - 1, nodes, shared, holds)
        group = [e for e in group if e not in set(members)]
    for e in group:
        if len(bases[e]):
            left = bases[e].T @ (bases[e] @ events[e].mean)
            if np.linalg.norm(left) > 0.05 * np.linalg.norm(events[e].mean):
                nodes.append(Node(left / np.linalg.norm(left), parent, events[e].count))


def _widest(
    events: list[Event], bases: list[np.ndarray], group: list[int], shared: float, holds: float
) -> tuple[np.ndarray, list[int]] | None:
    """Return the direction shared by the fans of most samples, and the events that hold it."""
    group = [e for e in group if len(bases[e])]
    if len(group) < 2:
        return None
    rank = max(len(bases[e]) for e in group)
    d = bases[group[0]].shape[1]
    stack = np.zeros((len(group), rank, d))
    for row, e in enumerate(group):
        stack[row, : len(bases[e])] = bases[e]
    counts = np.array([events[e].count for e in group])
    candidates = []
    for row in range(len(group) - 1):
        # two lines cannot be told from one event found twice: a fan must be wider to share
        cross = np.einsum("rd,esd->ers", stack[row], stack[row + 1 :])
        left, values, _ = np.linalg.svd(cross)
        close = np.flatnonzero(values[:, 0] > shared)
        if len(close):
            candidates.append(left[close, :, 0] @ stack[row])
    if not candidates:
        return None
    C = np.asarray(unit_rows(np.concatenate(candidates)))
    inside = np.linalg.norm(np.einsum("erd,cd->cer", stack, C), axis=2) > holds
    best = int((inside * counts).sum(1).argmax())
    members = np.flatnonzero(inside[best])
    projector = np.einsum("erd,erf->df", stack[members], stack[members])
    x = np.linalg.eigh(projector)[1][:, -1]
    members = np.flatnonzero(np.linalg.norm(stack @ x, axis=1) > holds)
    if len(members) < 2:
        return None
    return x, [group[m] for m in members]


def _without(basis: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return a basis of what is orthogonal to ``x``, one dimension less."""
    rest = basis - np.outer(basis @ x, x)
    _, values, right = np.linalg.svd(rest, full_matrices=False)
    return np.asarray(right[: len(basis) - 1][values[: len(basis) - 1] > 0.05])
