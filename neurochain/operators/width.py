"""How many bits a chip's memory of synapses takes for the weights of a projection."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["weight_width"]


def weight_width(weights: NDArray[Any]) -> tuple[int, bool]:
    """Bits that a chip's weights (int8 or int16, final units) need, and whether signs are mixed.

    As Lava stores them: 8 bits, of which the zeros that all weights end in are left out; weights of
    both signs are even and lose that bit to the sign.
    """
    both = bool(weights.max(initial=0) > 0 > weights.min(initial=0))
    union = int(np.bitwise_or.reduce(weights, axis=None)) if weights.size else 0
    zeros = (union & -union).bit_length() - 1 if union else 7
    return min(8, max(8 + both - zeros, 1 + both)), both
