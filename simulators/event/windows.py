"""Sliding windows as the kernel wants them: which taps of which outputs see an input position."""

from __future__ import annotations

from typing import Any

from neurochain.operators import Window
from neurochain.simulators.event.kernel import Memory

__all__ = ["axis_table", "pack_window"]


def axis_table(
    size: int, kernel: int, stride: int, padding: int, dilation: int, out: int
) -> tuple[list[int], list[int], list[int]]:
    """One axis: (start, tap, output); entries start[y] .. start[y + 1] are those that see y."""
    start, taps, outputs = [0], [], []
    for y in range(size):
        for tap in range(kernel):
            place, rest = divmod(y + padding - tap * dilation, stride)
            if rest == 0 and 0 <= place < out:
                taps.append(tap)
                outputs.append(place)
        start.append(len(taps))
    return start, taps, outputs


def pack_window(
    memory: Memory, window: Window, channels: tuple[int, int], groups: int = 1, out_stride: int = 1
) -> Any:
    """An nc_window for (c_in, c_out) channels."""
    packed = memory.structs("nc_window", 1)
    g = packed[0]
    g.c_in, g.c_out = channels
    g.h, g.w = window.size
    g.oh, g.ow = window.out
    g.kh, g.kw = window.kernel
    g.groups, g.out_stride = groups, out_stride
    rows, columns = (_axis_table(window, axis) for axis in (0, 1))
    g.row_start, g.row_tap, g.row_out = (memory.new("uint32_t[]", t) for t in rows)
    g.col_start, g.col_tap, g.col_out = (memory.new("uint32_t[]", t) for t in columns)
    return packed


def _axis_table(window: Window, axis: int) -> tuple[list[int], list[int], list[int]]:
    return axis_table(
        window.size[axis],
        window.kernel[axis],
        window.stride[axis],
        window.padding[axis],
        window.dilation[axis],
        window.out[axis],
    )
