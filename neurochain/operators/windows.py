"""Sliding windows over (channels, *space): sizes, borders and the order of taps.

One axis (c, w) is treated as (c, 1, w), so that convolution and pooling are written once.
The source index of a tap is c H W + y W + x with y = oy stride - padding + ky dilation: taps in
the order (c, ky, kx) are sources in ascending order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Window", "output_size"]


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Positions a window takes along one axis of `size` elements (torch's floor rule)."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


@dataclass(frozen=True, slots=True)
class Window:
    """Geometry in 2d: size of the input, kernel, stride, padding, dilation, all as (y, x)."""

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    @classmethod
    def of(
        cls,
        space: tuple[int, ...],
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        dilation: tuple[int, ...],
    ) -> Window:
        """Build from one or two axes."""
        return cls(
            _pair(space, 1),
            _pair(kernel, 1),
            _pair(stride, 1),
            _pair(padding, 0),
            _pair(dilation, 1),
        )

    @property
    def out(self) -> tuple[int, int]:
        """Output positions (h, w)."""
        h, w = (
            output_size(
                self.size[a], self.kernel[a], self.stride[a], self.padding[a], self.dilation[a]
            )
            for a in (0, 1)
        )
        return h, w

    @property
    def taps(self) -> Iterator[tuple[int, int]]:
        """Positions in the kernel, row by row: ascending sources."""
        return product(range(self.kernel[0]), range(self.kernel[1]))

    def visits(self, channels: int) -> NDArray[np.int64]:
        """Windows in which each source lies, (channels * h * w,) int64."""
        count = np.zeros((channels, *self.size), dtype=np.int64)
        for ky, kx in self.taps:
            rows, cols = self.reached(ky, kx)
            count[:, rows[:, None], cols] += 1
        return count.reshape(-1)

    def padded(self, x: NDArray[Any], fill: Any) -> NDArray[Any]:
        """x (..., h, w) with the border filled."""
        py, px = self.padding
        width = [(0, 0)] * (x.ndim - 2) + [(py, py), (px, px)]
        return np.pad(x, width, constant_values=fill)

    def tap(self, padded: NDArray[Any], ky: int, kx: int) -> NDArray[Any]:
        """What tap (ky, kx) sees at every output position: (..., out_h, out_w)."""
        oy, ox = self.out
        y0, x0 = ky * self.dilation[0], kx * self.dilation[1]
        return padded[
            ...,
            y0 : y0 + (oy - 1) * self.stride[0] + 1 : self.stride[0],
            x0 : x0 + (ox - 1) * self.stride[1] + 1 : self.stride[1],
        ]

    def reached(self, ky: int, kx: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of the input that tap (ky, kx) reads inside the border."""
        rows = np.arange(self.out[0]) * self.stride[0] - self.padding[0] + ky * self.dilation[0]
        cols = np.arange(self.out[1]) * self.stride[1] - self.padding[1] + kx * self.dilation[1]
        return (
            rows[(rows >= 0) & (rows < self.size[0])],
            cols[(cols >= 0) & (cols < self.size[1])],
        )


def _pair(values: tuple[int, ...], fill: int) -> tuple[int, int]:
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])
