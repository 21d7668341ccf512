"""How many elements torch divides a mean by, at every position of a pooling window."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["pool_divisors"]


def pool_divisors(
    space: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    positions: tuple[int, ...],
    *,
    include_padding: bool,
    override: int | None = None,
) -> NDArray[np.float32] | None:
    """Divisors of `Pool` for torch's avg_pool over `space`; None where all are the kernel's size.

    include_padding  count_include_pad: the padding counts, but not what a window of ceil_mode has
                     beyond the padding of the far border
    override         divisor_override: one number for every window
    Returns (product of positions,) float32.
    """
    if override is not None:
        return np.full(prod(positions), override, dtype=np.float32)
    sizes = np.ones(1, dtype=np.int64)
    for axis in zip(space, kernel, stride, padding, positions, strict=True):
        sizes = np.multiply.outer(sizes, _covered(*axis, include_padding)).reshape(-1)
    return None if (sizes == prod(kernel)).all() else sizes.astype(np.float32)


def _covered(
    size: int, kernel: int, stride: int, padding: int, positions: int, include_padding: bool
) -> NDArray[np.int64]:
    """Elements of each window along one axis that count; 1 where there are none (the sum is 0)."""
    start = np.arange(positions, dtype=np.int64) * stride - padding
    end = np.minimum(start + kernel, size + padding)
    if not include_padding:
        start, end = np.maximum(start, 0), np.minimum(end, size)
    return np.maximum(end - start, 1)
