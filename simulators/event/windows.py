"""Sliding windows as the kernel wants them: which taps of which outputs see an input position."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    memory: Memory,
    window: Window,
    channels: tuple[int, int],
    groups: int = 1,
    out_stride: int = 1,
    *,
    from_the_right: bool = False,
) -> Any:
    """An nc_window for (c_in, c_out) channels.

    from_the_right   columns of taps are numbered from the right, as a convolution's weights are
                     stored: what an input reaches in a row lies side by side, and its weights too
    """
    packed = memory.structs("nc_window", 1)
    g = packed[0]
    g.c_in, g.c_out = channels
    g.h, g.w = window.size
    g.oh, g.ow = window.out
    g.kh, g.kw = window.kernel
    g.groups, g.out_stride = groups, out_stride
    rows, columns = (_axis_table(window, axis) for axis in (0, 1))
    if from_the_right:
        start, taps, outputs = columns
        columns = (start, [window.kernel[1] - 1 - tap for tap in taps], outputs)
        g.runs = groups == 1 and _follow_one_another(*columns)
    g.row_entries, g.col_entries = len(rows[1]), len(columns[1])
    g.row_start, g.row_tap, g.row_out = (memory.new("uint32_t[]", t) for t in rows)
    g.col_start, g.col_tap, g.col_out = (memory.new("uint32_t[]", t) for t in columns)
    places = np.moveaxis(np.indices((channels[0], *window.size), dtype=np.uint32), 0, -1)
    view = memory.view("uint32_t", places.reshape(-1, 3))
    g.place = memory.ffi.cast("nc_place *", view)
    if max(map(_most_entries, (rows, columns))) == 1:
        only = _only_windows(rows, columns, channels[0], window)
        g.only = memory.view("uint32_t", only)
    return packed


def _most_entries(table: tuple[list[int], list[int], list[int]]) -> int:
    return max(end - first for first, end in itertools.pairwise(table[0]))


def _only_windows(
    rows: tuple[list[int], list[int], list[int]],
    columns: tuple[list[int], list[int], list[int]],
    channels: int,
    window: Window,
) -> NDArray[np.uint32]:
    """The window that sees each input, where none is seen by two; 2^32 - 1 where none does."""
    nobody = np.int64(-1)
    axis = [
        np.array([outputs[first] if end > first else nobody for first, end in pairs])
        for start, _, outputs in (rows, columns)
        for pairs in [list(itertools.pairwise(start))]
    ]
    y, x = axis[0][:, None], axis[1][None, :]
    places = np.arange(channels)[:, None, None] * (window.out[0] * window.out[1])
    seen = np.where((y < 0) | (x < 0), nobody, places + y * window.out[1] + x)
    return seen.reshape(-1).astype(np.uint32)


def _axis_table(window: Window, axis: int) -> tuple[list[int], list[int], list[int]]:
    """The table of one axis, outputs ascending."""
    start, taps, outputs = axis_table(
        window.size[axis],
        window.kernel[axis],
        window.stride[axis],
        window.padding[axis],
        window.dilation[axis],
        window.out[axis],
    )
    for first, end in itertools.pairwise(start):  # taps ascend, so outputs descend
        taps[first:end] = taps[first:end][::-1]
        outputs[first:end] = outputs[first:end][::-1]
    return start, taps, outputs


def _follow_one_another(start: list[int], taps: list[int], outputs: list[int]) -> bool:
    return all(
        taps[k + 1] - taps[k] == 1 and outputs[k + 1] - outputs[k] == 1
        for first, end in itertools.pairwise(start)
        for k in range(first, end - 1)
    )
