"""Named, independent random streams: a seed and a path of names determine every bit."""

import zlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random generator of a seed and a purpose.

    Streams with different names are independent, so that taking more numbers from one (a longer
    training set, say) leaves every other as it was.

    Parameters
    ----------
    seed : int
        Non-negative.
    *names : str
        What the numbers are for, as in ``stream(0, "train", "codes")``.

    Raises
    ------
    ValueError
        If the seed is no non-negative integer.
    """
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a non-negative integer, got {seed!r}.")
    words = [zlib.crc32(name.encode()) for name in names]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([int(seed), *words])))
