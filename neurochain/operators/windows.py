"""Sliding windows over (channels, *space): sizes, borders and the order of taps.

One axis (c, w) is treated as (c, 1, w), so that convolution and pooling are written once.
The source index of a tap is c H W + y W + x with y = oy stride - padding + ky dilation: taps in
the order (c, ky, kx) are sources in ascending order.

`padding` is what stands in front. How many positions a window takes is said by the output's shape,
and behind there is as much padding as those positions need: none to "as in front" as a rule, one
more with "same" padding of an even kernel, more where a pool rounds its size up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Window", "output_size"]


def output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int = 1, *, ceil: bool = False
) -> int:
    """Positions a window takes along one axis of `size` elements, as torch counts them.

    ceil: a window may hang over the far border (ceil_mode); it must start in front of it.
    """
    free = size + 2 * padding - dilation * (kernel - 1) - 1
    positions = (free + stride - 1 if ceil else free) // stride + 1
    if ceil and (positions - 1) * stride >= size + padding:
        positions -= 1
    return positions


@dataclass(frozen=True, slots=True)
class Window:
    """Geometry in 2d: input size, kernel, stride, padding in front, dilation, output positions.

    All as (y, x).
    """

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    out: tuple[int, int]

    @classmethod
    def of(
        cls,
        space: tuple[int, ...],
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        dilation: tuple[int, ...],
        out: tuple[int, ...],
    ) -> Window:
        """Build from one or two axes."""
        return cls(
            _pair(space, 1),
            _pair(kernel, 1),
            _pair(stride, 1),
            _pair(padding, 0),
            _pair(dilation, 1),
            _pair(out, 1),
        )

    @property
    def behind(self) -> tuple[int, int]:
        """Padding behind the input that the last position needs."""
        y, x = (
            (self.out[a] - 1) * self.stride[a]
            + self.dilation[a] * (self.kernel[a] - 1)
            + 1
            - self.padding[a]
            - self.size[a]
            for a in (0, 1)
        )
        return max(y, 0), max(x, 0)

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
        width = [(0, 0)] * (x.ndim - 2) + list(zip(self.padding, self.behind, strict=True))
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
