"""Normal numbers in single precision, compiled: a ziggurat that takes two from a random word.

Marsaglia and Tsang (2000), The ziggurat method for generating random variables, in the form of
Doornik (2005), An improved ziggurat method to generate normal random samples.
"""

import math

import numpy as np
from numba import njit
from scipy.special import ndtri

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


#: Bits of the first guess at a cell's normal number, and how many guesses a word holds.
BITS, GUESSES = 12, 5
#: Where each guess begins: quantiles of the standard normal.
QUANTILES = ndtri(np.arange(2**BITS) / 2**BITS).astype(np.float32)


@njit(cache=True)
def active_cells(
    shared: np.ndarray, offsets: np.ndarray, quantiles: np.ndarray, state: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the cells where a fresh normal number lies below a threshold.

    Twelve random bits place a cell's number between two quantiles, which settles nearly every
    cell; only where the threshold lies between the two are more bits drawn, so that
    probabilities are exact.

    Parameters
    ----------
    shared : ndarray of shape (n, k), float32
    offsets : ndarray of shape (k,), float32
        The threshold of a cell is ``shared + offsets``.
    quantiles : ndarray
        ``QUANTILES``; an argument because compiled code copies its globals.
    state : ndarray of shape (4,), uint64
        Random state, advanced.
    """
    n, k = shared.shape
    room = 1024
    rows, cols = np.empty(room, np.int64), np.empty(room, np.int64)
    count, last = 0, len(quantiles) - 1
    mask = np.uint64(last)
    for row in range(n):
        for start in range(0, k, GUESSES):
            bits = next_bits(state)
            for col in range(start, min(start + GUESSES, k)):
                guess = int(bits & mask)
                bits >>= np.uint64(BITS)
                threshold = shared[row, col] + offsets[col]
                if quantiles[guess] >= threshold:
                    continue
                if guess == last or quantiles[guess + 1] > threshold:
                    share = float(next_bits(state) >> np.uint64(11)) * 2.0**-53
                    below = 0.5 * math.erfc(-threshold * 0.7071067811865476)
                    if guess + share >= below * (last + 1):
                        continue
                if count == room:
                    rows, cols = _doubled(rows), _doubled(cols)
                    room *= 2
                rows[count], cols[count] = row, col
                count += 1
    return rows[:count], cols[:count]


@njit(cache=True)
def _doubled(array: np.ndarray) -> np.ndarray:
    bigger = np.empty(2 * len(array), array.dtype)
    bigger[: len(array)] = array
    return bigger


@njit(cache=True, inline="always")
def next_bits(state: np.ndarray) -> np.uint64:
    """Return 64 random bits: xoshiro256++ (Blackman & Vigna 2021) on a state of four words."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    bits = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
    s2 ^= s0
    s3 ^= s1
    state[1] = s1 ^ s2
    state[0] = s0 ^ s3
    state[2] = s2 ^ (s1 << np.uint64(17))
    state[3] = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return bits
