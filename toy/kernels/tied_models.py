"""CPU kernels for the tied models: draw, differentiate and descend without leaving the cache.

An empty sample tells nothing about the weights, and the same about the bias as every other empty
sample: such samples are counted, not multiplied. Instances never share arithmetic, so that what
one learns does not depend on who else is trained.
"""

import numpy as np
from numba import njit

from toy.kernels.random_numbers import next_bits

#: Below this density, jump from one active cell to the next instead of testing every cell.
JUMP_BELOW = 0.2


@njit(cache=True, inline="always")
def _unit(bits: np.uint64) -> np.float32:
    """Return a number strictly inside (0, 1) from the top 24 bits."""
    return np.float32((np.float64(bits >> np.uint64(40)) + 0.5) * 2.0**-24)


@njit(cache=True, nogil=True)
def fill_batch(x: np.ndarray, p: float, low: float, high: float, state: np.ndarray) -> int:
    """Draw a batch of independent features of one density, empty samples left out.

    Parameters
    ----------
    x : ndarray of shape (B, n), float32
        Receives the samples that are not empty, in its first rows.
    p : float
        Density.
    low, high : float
        Values are uniform on this interval.
    state : ndarray of shape (4,), uint64
        Random state, advanced.

    Returns
    -------
    int
        How many of the ``B`` samples are not empty.
    """
    samples, n = x.shape
    span = np.float32(high - low)
    base = np.float32(low)
    if p >= JUMP_BELOW:
        below = np.uint64(min(p * 2.0**32, 2.0**32))
        for row in range(samples):
            for i in range(n):
                bits = next_bits(state)
                on = (bits & np.uint64(0xFFFFFFFF)) < below
                x[row, i] = base + span * _unit(bits) if on else np.float32(0)
        return samples
    per_cell = 1 / np.log1p(-p)
    cell, last, used = -1, -1, 0
    while True:
        u = (np.float64(next_bits(state) >> np.uint64(11)) + 0.5) * 2.0**-53
        cell += 1 + int(np.log(u) * per_cell)
        row = cell // n
        if row >= samples:
            return used
        if row != last:
            last = row
            x[used, :] = 0
            used += 1
        x[used - 1, cell - row * n] = base + span * _unit(next_bits(state))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def gradient(
    x: np.ndarray,
    samples: int,
    theta: np.ndarray,
    importance: np.ndarray,
    relu: bool,
    slope: np.ndarray,
) -> float:
    """Return the loss of a batch and write its gradient.

    Parameters
    ----------
    x : ndarray of shape (used, n), float32
        The samples that are not empty.
    samples : int
        How many there are with the empty ones.
    theta : ndarray of shape (m + 1, n), float32
        Weights, a hidden dimension a row, then the bias.
    importance : ndarray of shape (n,), float32
    relu : bool
    slope : ndarray like ``theta``
        Receives the gradient.
    """
    m, n = theta.shape[0] - 1, theta.shape[1]
    weights, bias = theta[:m], theta[m]
    turned = np.empty((n, m), np.float32)
    for i in range(n):
        for unit in range(m):
            turned[i, unit] = weights[unit, i]
    # Every product below has one of two layouts, since each costs a second to compile.
    hidden = np.empty((len(x), m), np.float32)
    np.dot(x, turned, hidden)
    g = np.empty((len(x), n), np.float32)
    np.dot(hidden, weights, g)
    scale = np.float32(2.0 / samples)
    zero = np.float32(0)
    on_bias = np.zeros(n, np.float32)
    total = 0.0
    for row in range(len(x)):
        lost = np.float32(0)
        for i in range(n):
            out = g[row, i] + bias[i]
            if relu:
                out = max(out, zero)
            error = out - x[row, i]
            weighted = importance[i] * error
            lost = np.float32(lost + weighted * error)
            back = scale * weighted if (out > zero or not relu) else zero
            g[row, i] = back
            on_bias[i] += back
        total += float(lost)
    np.dot(hidden.T, g, slope[:m])
    np.dot(g, turned, hidden)
    way_in = np.empty((m, n), np.float32)
    np.dot(hidden.T, x, way_in)
    for unit in range(m):
        for i in range(n):
            slope[unit, i] += way_in[unit, i]
    empty = np.float32(samples - len(x))
    for i in range(n):
        out = max(bias[i], zero) if relu else bias[i]
        total += float(empty * importance[i] * out * out)
        slope[m, i] = on_bias[i] + empty * scale * importance[i] * out
    return total / samples


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def adamw(
    theta: np.ndarray,
    slope: np.ndarray,
    mean: np.ndarray,
    square: np.ndarray,
    step: int,
    rate: float,
    decay: float,
) -> None:
    """Take AdamW step number ``step`` (from 1) with torch's default betas and epsilon, in place."""
    size = np.float32(rate / (1 - 0.9**step))
    unbias = np.float32(1 / np.sqrt(1 - 0.999**step))
    keep = np.float32(1 - rate * decay)
    eps = np.float32(1e-8)
    for row in range(theta.shape[0]):
        for i in range(theta.shape[1]):
            g = slope[row, i]
            first = mean[row, i] + np.float32(0.1) * (g - mean[row, i])
            second = np.float32(0.999) * square[row, i] + np.float32(0.001) * g * g
            mean[row, i] = first
            square[row, i] = second
            theta[row, i] = theta[row, i] * keep - size * first / (np.sqrt(second) * unbias + eps)


@njit(cache=True, nogil=True)
def descend_independent(
    theta: np.ndarray,
    mean: np.ndarray,
    square: np.ndarray,
    importance: np.ndarray,
    relu: bool,
    batch: int,
    law: tuple[float, float, float],
    state: np.ndarray,
    first_step: int,
    rates: np.ndarray,
    decay: float,
) -> float:
    """Take ``len(rates)`` steps on fresh independent features; return the mean loss.

    ``law`` is density, lowest and highest value; the rest as in `gradient` and `adamw`.
    """
    x = np.empty((batch, theta.shape[1]), np.float32)
    slope = np.empty_like(theta)
    total = 0.0
    for at in range(len(rates)):
        used = fill_batch(x, law[0], law[1], law[2], state)
        total += gradient(x[:used], batch, theta, importance, relu, slope)
        adamw(theta, slope, mean, square, first_step + at + 1, rates[at], decay)
    return total / len(rates)


@njit(cache=True, nogil=True)
def descend_given(
    theta: np.ndarray,
    mean: np.ndarray,
    square: np.ndarray,
    importance: np.ndarray,
    relu: bool,
    batch: int,
    x: np.ndarray,
    used: np.ndarray,
    first_step: int,
    rates: np.ndarray,
    decay: float,
) -> float:
    """Take ``len(rates)`` steps on given samples; return the mean loss.

    ``x`` holds the samples that are not empty, batch after batch, and ``used`` how many of them
    each batch has; the rest as in `gradient` and `adamw`.
    """
    slope = np.empty_like(theta)
    total, start = 0.0, 0
    for at in range(len(rates)):
        end = start + used[at]
        total += gradient(x[start:end], batch, theta, importance, relu, slope)
        adamw(theta, slope, mean, square, first_step + at + 1, rates[at], decay)
        start = end
    return total / len(rates)
