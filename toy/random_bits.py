"""Random bits for compiled kernels."""

import numpy as np
from numba import njit


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
