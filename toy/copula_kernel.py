"""CPU kernel of the Gaussian copula: a normal threshold test for every cell, in a nanosecond."""

import math

import numpy as np
from numba import njit
from scipy.special import ndtri

from toy.random_bits import next_bits

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
