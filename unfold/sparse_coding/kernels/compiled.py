"""Cholesky factors that gain and lose one row at a time, compiled; and how kernels compile.

The diagonal of a factor is held inverted, so that solving divides nothing.
"""

from typing import Any

import numpy as np
from numba import njit

# Reassociation and no-NaN let sums and maxima vectorise; inputs are checked to be finite.
# Without reference counts, since nothing is allocated here: they were a third of the time.
OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "fastmath": {"reassoc", "contract", "nsz", "nnan", "arcp"},
}
kernel: Any = njit(**OPTIONS)
# What runs once an atom is inlined: passing a dozen arrays cost a third of the time.
inlined: Any = njit(inline="always", **OPTIONS)

# Typed, because a bare 0 or -1 is a type of its own that has everything compiled once more.
NONE: Any = np.int64(-1)
