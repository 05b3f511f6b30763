"""Recognise and name the arrangements that features in superposition settle into.

A trained model's features split into blocks that share no dimension (`connected_blocks`). Each
block is compared, up to rotation, reflection, order and scale, with a catalogue of uniform
polytopes; several blocks together are their tegum product, some of which have names of their own.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import linear_sum_assignment

from toy.geometry.dimensionality import INTERFERENCE, REPRESENTED, connected_blocks

#: Largest distance, in circumradii, between a vertex and the ideal one (about 6 degrees).
TOLERANCE = 0.1
#: Largest difference of inner products, in squared circumradii, between a guessed basis and the
#: ideal one: twice what vertices within `TOLERANCE` can differ by, so that it loses none.
BASIS_TOLERANCE = 0.5
IRREGULAR = "irregular"

_POLYGONS = {3: "triangle", 5: "pentagon", 6: "hexagon", 7: "heptagon", 8: "octagon"}
#: Tegum products with a name; others are listed factor by factor.
_PRODUCTS = {
    ("digon", "digon"): "square",
    ("digon", "digon", "digon"): "octahedron",
    ("digon", "digon", "digon", "digon"): "16-cell",
    ("digon", "triangle"): "triangular bipyramid",
    ("digon", "pentagon"): "pentagonal bipyramid",
    ("digon", "hexagon"): "hexagonal bipyramid",
}


@dataclass(frozen=True, eq=False)
class Block:
    """Features that share dimensions with one another and with nobody else.

    Attributes
    ----------
    name : str
        Of the polytope whose vertices they are; "single" for a feature alone, "irregular" for
        anything that is none of the catalogue.
    members : int array
        Rows of W.
    dimension : int
        Hidden dimensions that the block spans, to within the tolerance.
    deviation : float
        Largest distance of a vertex from the named polytope's, in circumradii, after the best
        rotation and scaling; inf for an irregular block.
    """

    name: str
    members: np.ndarray
    dimension: int
    deviation: float

    @property
    def dimensions_per_feature(self) -> float:
        """What each member's feature dimensionality is when the block is a tight frame."""
        return self.dimension / len(self.members)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """All features of a model: the tegum product of its blocks.

    Attributes
    ----------
    name : str
        Name of the whole, as in "pentagonal bipyramid" or "3 × digon + triangle".
    blocks : tuple of Block
        Largest first.
    """

    name: str
    blocks: tuple[Block, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many blocks have each name."""
        return dict(Counter(block.name for block in self.blocks))


def recognise(
    W: np.ndarray,
    tolerance: float = TOLERANCE,
    interference: float = INTERFERENCE,
    threshold: float = REPRESENTED,
) -> Arrangement:
    """Split features into blocks that share no dimension, and name each one and the whole.

    Parameters
    ----------
    W : array of shape (n_features, n_hidden)
        One feature a row.
    tolerance : float
        Largest distance of a vertex from the ideal one, in circumradii.
    interference : float
        Largest absolute cosine between features that counts as orthogonal.
    threshold : float
        Features whose norm is not above this are left out.

    Returns
    -------
    Arrangement

    Raises
    ------
    ValueError
        If W is not a finite matrix.
    """
    W = np.asarray(W, dtype=np.float64)
    blocks = tuple(
        _recognise_block(W[members], members, tolerance)
        for members in connected_blocks(W, interference, threshold)
    )
    return Arrangement(_name_product([block.name for block in blocks]), blocks)


@cache
def vertices(name: str) -> np.ndarray:
    """Return the unit vertices, (n_vertices, dimension), of a named polytope or tegum product.

    Raises
    ------
    ValueError
        If the name is not in the catalogue.
    """
    for factors, whole in _PRODUCTS.items():
        if name == whole:
            return _tegum_product([vertices(factor) for factor in factors])
    for shape in _catalogue():
        if shape[0] == name:
            return shape[1]
    known = sorted({shape[0] for shape in _catalogue()} | set(_PRODUCTS.values()))
    raise ValueError(f"No polytope is called {name!r}; known ones: {', '.join(known)}.")


def _recognise_block(W: np.ndarray, members: np.ndarray, tolerance: float) -> Block:
    """Name one connected block, or call it irregular."""
    # Directions thinner than the tolerance are noise around a flatter polytope.
    _, singular, axes = np.linalg.svd(W, full_matrices=False)
    dimension = int((singular > 2 * tolerance * singular[0]).sum())
    points = W @ axes[:dimension].T
    best = Block(IRREGULAR, members, dimension, float("inf"))
    for name, ideal in _candidates(len(W), dimension):
        deviation = _deviation(points, ideal)
        if deviation < min(tolerance, best.deviation):
            best = Block(name, members, dimension, deviation)
    return best


def _candidates(n_vertices: int, dimension: int) -> Iterator[tuple[str, np.ndarray]]:
    """Catalogue entries with this many vertices in this many dimensions."""
    if n_vertices == dimension + 1 and dimension > 3:
        yield f"{dimension}-simplex", _simplex(dimension)
    elif dimension == 2 and n_vertices > max(_POLYGONS):
        yield f"{n_vertices}-gon", _polygon(n_vertices)
    else:
        for name, ideal in _catalogue():
            if ideal.shape == (n_vertices, dimension):
                yield name, ideal


def _deviation(points: np.ndarray, ideal: np.ndarray) -> float:
    """Largest vertex distance, in circumradii, under the best similarity that was found.

    Every rotation or reflection that carries `points` near `ideal` carries some n-tuple of them
    near a basis of it. All vertices of a catalogued polytope are alike, so the first image is
    fixed; all tuples with the basis' angles are tried for the others, and each guess is refined
    by alternating assignment and Procrustes rotation.
    """
    points = points / np.sqrt((points**2).sum(1).mean())
    n, dimension = ideal.shape
    basis = _basis(ideal)
    angles = ideal[basis] @ ideal[basis].T
    gram = points @ points.T
    best = float("inf")
    others = [range(n)] * (dimension - 1)
    if n == dimension + 1:  # any order of a simplex's vertices is as good as any other
        others = [range(k + 1, k + 2) for k in range(dimension - 1)]
    for rest in product(*others):
        images = [0, *rest]
        if np.abs(gram[np.ix_(images, images)] - angles).max() > BASIS_TOLERANCE:
            continue
        rotation, _ = orthogonal_procrustes(points[images], ideal[basis])
        for _ in range(3):
            _, match = linear_sum_assignment(-(points @ rotation @ ideal.T))
            rotation, _ = orthogonal_procrustes(points, ideal[match])
        distance = np.linalg.norm(points @ rotation - ideal[match], axis=1).max()
        best = min(best, float(distance))
    return best


def _basis(ideal: np.ndarray) -> list[int]:
    """Vertices that span the space, chosen greedily for the largest volume."""
    chosen: list[int] = []
    for _ in range(ideal.shape[1]):
        span = ideal[chosen]
        away = ideal - ideal @ np.linalg.pinv(span) @ span if chosen else ideal
        chosen.append(int(np.linalg.norm(away, axis=1).round(9).argmax()))
    return chosen


def _name_product(factors: list[str]) -> str:
    """Name a tegum product by its factors."""
    if not factors:
        return "nothing"
    if len(factors) == 1:
        return factors[0]
    if set(factors) == {"single"}:
        return "orthogonal basis"
    if tuple(sorted(factors)) in _PRODUCTS:
        return _PRODUCTS[tuple(sorted(factors))]
    return " + ".join(
        f"{count} × {name}" if count > 1 else name for name, count in Counter(factors).items()
    )


@cache
def _catalogue() -> tuple[tuple[str, np.ndarray], ...]:
    """Polytopes that are no tegum product: connected blocks, with unit vertices."""
    golden = (1 + np.sqrt(5)) / 2
    signs3 = np.array(list(product((-1.0, 1.0), repeat=3)))
    pairs = np.array(list(product((-1.0, 1.0), repeat=2)))
    zero = np.zeros((4, 1))

    def cyclic(a: np.ndarray) -> np.ndarray:
        return np.vstack([np.roll(a, shift, axis=1) for shift in range(3)])

    solids = {
        "cube": signs3,
        "icosahedron": cyclic(np.hstack([zero, pairs * (1, golden)])),
        "cuboctahedron": cyclic(np.hstack([zero, pairs])),
        "dodecahedron": np.vstack(
            [signs3, cyclic(np.hstack([zero, pairs * (1 / golden, golden)]))]
        ),
        "square antiprism": _antiprism(4),
        "triangular prism": _prism(3),
    }
    shapes: dict[str, np.ndarray] = {"single": np.ones((1, 1)), "digon": np.array([[1.0], [-1.0]])}
    shapes |= {name: _polygon(k) for k, name in _POLYGONS.items()}
    shapes |= {"tetrahedron": _simplex(3)}
    shapes |= solids
    for shape in shapes.values():
        shape /= np.linalg.norm(shape, axis=1, keepdims=True)
        shape.flags.writeable = False
    return tuple(shapes.items())


def _polygon(k: int) -> np.ndarray:
    """Regular k-gon."""
    angle = 2 * np.pi * np.arange(k) / k
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _simplex(dimension: int) -> np.ndarray:
    """Regular simplex: ``dimension + 1`` vertices at equal angles."""
    n = dimension + 1
    centred = np.eye(n) - 1 / n
    _, _, axes = np.linalg.svd(centred)
    flat = centred @ axes[:dimension].T
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True))


def _antiprism(k: int) -> np.ndarray:
    """Two k-gons, one turned by half a step, at the height that makes the frame tight."""
    angle = np.pi * np.arange(2 * k) / k
    height = np.sqrt(0.5) * (-1.0) ** np.arange(2 * k)
    return np.column_stack([np.cos(angle), np.sin(angle), height])


def _prism(k: int) -> np.ndarray:
    """Two k-gons, one above the other, at the height that makes the frame tight."""
    base = np.vstack([_polygon(k), _polygon(k)])
    return np.column_stack([base, np.sqrt(0.5) * np.repeat([1.0, -1.0], k)])


def _tegum_product(factors: list[np.ndarray]) -> np.ndarray:
    """Factors side by side in orthogonal subspaces."""
    width = sum(factor.shape[1] for factor in factors)
    rows, offset = [], 0
    for factor in factors:
        padded = np.zeros((len(factor), width))
        padded[:, offset : offset + factor.shape[1]] = factor
        rows.append(padded)
        offset += factor.shape[1]
    return np.vstack(rows)
