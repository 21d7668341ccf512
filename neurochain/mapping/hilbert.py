"""The Hilbert curve: points that follow one another on it are neighbours in the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import I64

__all__ = ["hilbert_index"]


def hilbert_index(x: NDArray[Any], y: NDArray[Any], size: int) -> I64:
    """Where (x, y) lie on the curve that fills a square of at least `size` points a side."""
    side = 1
    while side < size:
        side *= 2
    x, y = np.array(x, dtype=np.int64), np.array(y, dtype=np.int64)
    found = np.zeros(np.broadcast(x, y).shape, dtype=np.int64)
    half = side // 2
    while half:
        right, upper = (x & half) > 0, (y & half) > 0
        found += half * half * ((3 * right) ^ upper)
        # turn the quadrant so that the curve leaves it where the next one begins
        flip = ~upper & right
        x, y = np.where(flip, side - 1 - x, x), np.where(flip, side - 1 - y, y)
        x, y = np.where(upper, x, y), np.where(upper, y, x)
        half //= 2
    return found
