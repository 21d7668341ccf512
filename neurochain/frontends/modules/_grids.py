"""A Route over (channels, *space) that is told axis by axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.graph import Route

__all__ = ["grid_route"]

Shape = tuple[int, ...]


def grid_route(shape: Shape, axes: list[NDArray[Any]]) -> Route:
    """Which element of each axis of space stands at every place of that axis; -1 for none.

    shape (channels, *space); every channel alike.
    """
    index = np.arange(shape[0])
    there = np.ones(shape[0], np.bool_)
    for size, places in zip(shape[1:], axes, strict=True):
        index = (index[:, None] * size + places).reshape(-1)
        there = (there[:, None] & (places >= 0)).reshape(-1)
    out = (shape[0], *(len(places) for places in axes))
    return Route(in_shape=shape, out_shape=out, index=np.where(there, index, -1).astype(np.int64))
