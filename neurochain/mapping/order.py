"""In which order the neurons of a layer fill cores.

flat     as they are numbered: channel after channel, row after row
space    position after position along a Hilbert curve, all channels of a position together
rows     position after position, row by row, all channels together
"""

from __future__ import annotations

import numpy as np

from neurochain.errors import InternalError
from neurochain.mapping.hilbert import hilbert_index
from neurochain.network import I64

__all__ = ["ORDERS", "neuron_order"]

ORDERS = ("flat", "rows", "space")


def neuron_order(shape: tuple[int, ...], kind: str) -> I64:
    """(n,) flat indices of the neurons of a layer of `shape` in the order `kind`.

    The last two of three axes are the plane, or both of two; layers of one axis have one order.
    """
    flat = np.arange(int(np.prod(shape)), dtype=np.int64)
    if kind not in ORDERS:
        raise InternalError(f"{kind!r} is no order of neurons.")
    if kind == "flat" or len(shape) == 1:
        return flat
    if len(shape) > 3:
        return flat
    height, width = shape[-2:]
    channels = flat.size // (height * width)
    y, x = np.divmod(np.arange(height * width), width)
    if kind == "rows":
        positions = y * width + x
    else:
        positions = np.argsort(hilbert_index(x, y, max(height, width)), kind="stable")
    every = positions[:, None] + height * width * np.arange(channels)
    return np.asarray(every.reshape(-1), dtype=np.int64)
