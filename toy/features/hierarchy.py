"""Hierarchies: a child feature is active only where its parent is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from toy.features.gates import SUM_ROUNDING, Active, Gate


@dataclass(frozen=True, eq=False)
class ForestGate(Gate):
    """A forest of features; given its parent, a child is active with ``p_child / p_parent``.

    Declared densities are the realised ones: they are probabilities of the whole event "the
    feature and all its ancestors are active".

    Parameters
    ----------
    parents : ndarray of shape (k,)
        Parent of each feature, -1 for roots and free features.
    p : ndarray of shape (k,)
        Density of each.
    exclusive : bool
        Whether at most one child of a parent is active at a time.
    base : Gate
        Law of the features without a parent, in their order.

    Raises
    ------
    ValueError
        If a child is declared denser than its parent, or exclusive children than it in sum.
    """

    parents: np.ndarray
    p: np.ndarray
    exclusive: bool
    base: Gate

    def __post_init__(self) -> None:
        share = self._share.sum(axis=1) if self.exclusive else self._share.max(axis=1)
        if share.max() > 1 + SUM_ROUNDING:
            parent = int(share.argmax())
            together = "together " if self.exclusive else ""
            raise ValueError(
                f"The children of feature {parent} are {together}denser than the feature itself "
                f"({share[parent] * self.p[parent]:.4g} > {self.p[parent]:.4g}); a child can only "
                f"be active where its parent is."
            )

    @property
    def density(self) -> np.ndarray:
        """As given."""
        return self.p

    @cached_property
    def _children_of(self) -> np.ndarray:
        """Children (k, most), padded with -1."""
        family = np.flatnonzero(self.parents >= 0)
        family = family[np.argsort(self.parents[family], kind="stable")]
        count = np.bincount(self.parents[family], minlength=len(self.p))
        table = np.full((len(self.p), max(1, int(count.max(initial=0)))), -1)
        starts = np.cumsum(count) - count
        slot = np.arange(len(family)) - starts[self.parents[family]]
        table[self.parents[family], slot] = family
        return table

    @cached_property
    def _share(self) -> np.ndarray:
        """Probability (k, most) of each child given its parent."""
        table = self._children_of
        return np.where(table >= 0, self.p[table], 0.0) / self.p[:, None]

    @cached_property
    def _ladder(self) -> np.ndarray:
        """Probability (k, most) that the child is this one or an earlier one."""
        return np.cumsum(self._share, axis=1)

    def draw(self, n: int, rng: np.random.Generator) -> Active:
        """Draw generation by generation."""
        base = self.base.draw(n, rng)
        free = np.flatnonzero(self.parents < 0)
        rows, cols = [base.rows], [free[base.cols]]
        parents, ends = [np.full(len(base.rows), -1)], [len(base.rows)]
        while True:
            has_children = np.flatnonzero(self._children_of[cols[-1], 0] >= 0)
            which, child = self._children(cols[-1][has_children], rng)
            if not len(child):
                break
            which = has_children[which]
            parents.append(which + ends[-1] - len(cols[-1]))
            rows.append(rows[-1][which])
            cols.append(child)
            ends.append(ends[-1] + len(child))
        return Active(
            np.concatenate(rows), np.concatenate(cols), np.concatenate(parents), tuple(ends)
        )

    def _children(
        self, active: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which of the active parents got a child, and the child."""
        table, share = self._children_of, self._share
        if not self.exclusive:
            which, slot = np.nonzero(rng.random((len(active), share.shape[1])) < share[active])
            return which, table[active[which], slot]
        u = rng.random(len(active))
        slot = np.zeros(len(active), dtype=np.int64)
        for rung in self._ladder.T:
            slot += u >= rung[active]
        which = np.flatnonzero(slot < share.shape[1])
        return which, table[active[which], slot[which]]


def regular_forest(k: int, roots: int, branching: int, depth: int) -> np.ndarray:
    """Return parents (k,) of equal trees numbered breadth first; features left over are free.

    Raises
    ------
    ValueError
        If the trees hold more than ``k`` features.
    """
    sizes = [roots * branching**level for level in range(depth + 1)]
    if sum(sizes) > k:
        raise ValueError(f"the trees hold {sum(sizes)} features, more than the {k} there are")
    parents = np.full(k, -1)
    start = 0
    for size in sizes[:-1]:
        children = np.arange(start + size, start + size + size * branching)
        parents[children] = start + np.arange(len(children)) // branching
        start += size
    return parents


def feasible_densities(
    targets: np.ndarray, parents: np.ndarray, exclusive: bool, alone: float
) -> np.ndarray:
    """Return the densities nearest below ``targets`` that a hierarchy can have.

    From the roots down, siblings that ask for more than their parent can give are scaled back
    together.

    Parameters
    ----------
    targets : ndarray of shape (k,)
        Asked for; parents come before their children.
    parents : ndarray of shape (k,)
    exclusive : bool
    alone : float
        Least share of its activity that a parent keeps without any (exclusive) child.
    """
    p = np.array(targets, dtype=float)
    for parent in np.unique(parents[parents >= 0]):
        children = np.flatnonzero(parents == parent)
        asked = p[children].sum() if exclusive else p[children].max()
        p[children] *= min(1.0, (1 - alone) * p[parent] / asked)
    return p
