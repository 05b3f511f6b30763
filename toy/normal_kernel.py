"""Normal numbers in single precision, compiled: a ziggurat that takes two from a random word.

Marsaglia and Tsang (2000), The ziggurat method for generating random variables, in the form of
Doornik (2005), An improved ziggurat method to generate normal random samples.
"""

import math

import numpy as np
from numba import njit

from toy.random_bits import next_bits

#: Layers, where the tail begins, and the area of each layer (Doornik, table 1).
LAYERS, TAIL, AREA = 256, 3.6541528853610088, 0.00492867323399


def _edges() -> np.ndarray:
    """Return the right edges (LAYERS + 1,) of the layers, the widest first."""
    x = np.zeros(LAYERS + 1)
    height = math.exp(-0.5 * TAIL**2)
    x[0], x[1] = AREA / height, TAIL
    for i in range(2, LAYERS):
        x[i] = math.sqrt(-2 * math.log(AREA / x[i - 1] + height))
        height = math.exp(-0.5 * x[i] ** 2)
    return x


EDGES = _edges()


@njit(cache=True, inline="always")
def _fraction(state: np.ndarray) -> float:
    """Return a number strictly inside (0, 1)."""
    return (float(next_bits(state) >> np.uint64(11)) + 0.5) * 2.0**-53


@njit(cache=True)
def _unusual(layer: int, x: float, edges: np.ndarray, state: np.ndarray) -> float:
    """Return a normal number of the tail or a layer's corner; NaN to draw again."""
    if layer == 0:
        while True:
            beyond = math.log(_fraction(state)) / edges[1]
            if -2 * math.log(_fraction(state)) > beyond * beyond:
                return beyond - edges[1] if x < 0 else edges[1] - beyond
    outer = math.exp(-0.5 * (edges[layer] ** 2 - x * x))
    inner = math.exp(-0.5 * (edges[layer + 1] ** 2 - x * x))
    return x if inner + _fraction(state) * (outer - inner) < 1 else math.nan


@njit(cache=True, nogil=True)
def fill_normal(out: np.ndarray, edges: np.ndarray, state: np.ndarray) -> None:
    """Fill a flat float32 array with standard normal numbers.

    Parameters
    ----------
    out : ndarray of shape (n,), float32
    edges : ndarray
        ``EDGES``; an argument because compiled code copies its globals.
    state : ndarray of shape (4,), uint64
        Random state, advanced.
    """
    bits = np.uint64(0)
    left = 0
    for i in range(len(out)):
        while True:
            if left == 0:
                bits, left = next_bits(state), 2
            layer = int(bits & np.uint64(255))
            # 24 bits, at the middle of their cells: symmetric, and never zero
            unit = (float((bits >> np.uint64(8)) & np.uint64(0xFFFFFF)) + 0.5) * 2.0**-23 - 1.0
            bits >>= np.uint64(32)
            left -= 1
            x = unit * edges[layer]
            if abs(x) >= edges[layer + 1]:
                x = _unusual(layer, x, edges, state)
                if math.isnan(x):
                    continue
            out[i] = x
            break
