"""Reading a pool: windows that hang over, sizes that differ, adaptive ones."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.frontends.modules._grids import grid_route
from neurochain.graph import AvgPool, Custom, MaxPool, Node, Route, SumPool
from neurochain.operators import output_size, pool_divisors
from neurochain.program import Instruction, Op, PortKind, Program

__all__ = ["Chain", "adaptive", "average", "axes_of", "maximum"]

Shape = tuple[int, ...]
Add = Callable[..., None]
Chain = tuple[tuple[tuple[str, Node], ...], Node]
"""Nodes in front, each with what is added to the layer's name, and the layer's own node."""


def axes_of(value: Any, count: int) -> Shape:
    """One integer an axis."""
    return (int(value),) * count if isinstance(value, int) else tuple(int(v) for v in value)


def _window(module: Any, shape: Shape, dilation: Shape) -> tuple[dict[str, Shape], Shape]:
    """Window of a pool as torch reads it, and how many positions it takes."""
    axes = len(dilation)
    kernel = axes_of(module.kernel_size, axes)
    stride = axes_of(module.stride if module.stride is not None else kernel, axes)
    padding = axes_of(module.padding, axes)
    numbers = zip(shape[1:], kernel, stride, padding, dilation, strict=True)
    positions = tuple(output_size(*n, ceil=bool(module.ceil_mode)) for n in numbers)
    return {"kernel_size": kernel, "stride": stride, "padding": padding}, positions


def _unless_usual(
    window: dict[str, Shape], shape: Shape, dilation: Shape, positions: Shape
) -> Shape | None:
    """The positions, or None where they are those that every such pool has."""
    numbers = zip(
        shape[1:], window["kernel_size"], window["stride"], window["padding"], dilation, strict=True
    )
    return None if positions == tuple(output_size(*n) for n in numbers) else positions


def average(module: Any, shape: Shape, add: Add) -> Node:
    """AvgPool: the sum of each window divided by the number that torch divides it by."""
    dilation = (1,) * (1 if type(module).__name__.endswith("1d") else 2)
    window, positions = _window(module, shape, dilation)
    stated = _unless_usual(window, shape, dilation, positions)
    override = getattr(module, "divisor_override", None)
    if override == 1:
        return SumPool(**window, positions=stated)
    divisors = pool_divisors(
        shape[1:],
        window["kernel_size"],
        window["stride"],
        window["padding"],
        positions,
        include_padding=bool(module.count_include_pad),
        override=override,
    )
    if divisors is not None and (divisors == prod(window["kernel_size"])).all():
        divisors = None
    return AvgPool(**window, positions=stated, divisors=divisors)


def maximum(module: Any, shape: Shape, add: Add) -> Node:
    """MaxPool."""
    _no_indices(module, add)
    dilation = axes_of(module.dilation, 1 if type(module).__name__.endswith("1d") else 2)
    window, positions = _window(module, shape, dilation)
    stated = _unless_usual(window, shape, dilation, positions)
    return MaxPool(**window, dilation=dilation, positions=stated)


def _no_indices(module: Any, add: Add) -> None:
    if module.return_indices:
        add("return_indices=True returns indices beside values.", "Use return_indices=False.")


def adaptive(module: Any, shape: Shape, add: Add) -> Node | Chain:
    """Window i goes from floor(i size / out) to ceil((i + 1) size / out), an axis by itself.

    Where the sizes do not divide, windows overlap and differ in size: they are laid out side by
    side (a Route), filled up with zeros for the mean and with their own first element for the
    maximum, and pooled as if they were equal.
    """
    axes = len(shape) - 1
    wanted = module.output_size
    sizes = (wanted,) * axes if isinstance(wanted, int) or wanted is None else tuple(wanted)
    out = tuple(s if w is None else int(w) for w, s in zip(sizes, shape[1:], strict=True))
    largest = "Max" in type(module).__name__
    if largest:
        _no_indices(module, add)
    windows = [
        [(i * s // w, -(-(i + 1) * s // w)) for i in range(w)]
        for w, s in zip(out, shape[1:], strict=True)
    ]
    kernel = tuple(max(end - start for start, end in axis) for axis in windows)
    pool = {"kernel_size": kernel, "stride": kernel, "padding": (0,) * axes}
    front: list[tuple[str, Node]] = []
    if any(s % w for w, s in zip(out, shape[1:], strict=True)):
        front.append(("windows", _laid_out(shape, windows, kernel, fill=largest)))
    if largest:
        return tuple(front), MaxPool(**pool, dilation=(1,) * axes)
    widths = [np.array([end - start for start, end in axis], np.float32) for axis in windows]
    if axes == 2 and prod(out) > 1 and not any(_halves(width) for width in widths):
        front.append(("sum", SumPool(**pool)))
        return tuple(front), _divided_twice((shape[0], *out), widths)
    sizes_there = np.multiply.outer(*widths) if axes == 2 else widths[0]
    usual = bool((sizes_there == prod(kernel)).all())
    divisors = None if usual else np.ascontiguousarray(sizes_there.reshape(-1))
    return tuple(front), AvgPool(**pool, divisors=divisors)


def _halves(width: NDArray[np.float32]) -> bool:
    """Powers of two: dividing by them rounds nothing."""
    return bool((np.frexp(width)[0] == 0.5).all())


def _laid_out(
    shape: Shape, windows: list[list[tuple[int, int]]], kernel: Shape, *, fill: bool
) -> Route:
    """Windows side by side, each in a field of `kernel`'s size.

    What a window leaves free is its own first element (fill), or 0.
    """
    rows = [
        np.array(
            [
                [start + k if start + k < end else (start if fill else -1) for k in range(size)]
                for start, end in axis
            ]
        ).reshape(-1)
        for axis, size in zip(windows, kernel, strict=True)
    ]
    return grid_route(shape, rows)


def _divided_twice(shape: Shape, widths: list[NDArray[np.float32]]) -> Custom:
    """torch divides the sum by the window's height, then by its width: two roundings."""
    height, width = np.broadcast_arrays(widths[0][:, None], widths[1][None, :])
    program = Program(
        name="mean",
        ports=("x",),
        states=(),
        params=("height", "width"),
        constants=(),
        body=(
            Instruction(Op.DIV, "row", ("x", "height")),
            Instruction(Op.DIV, "y", ("row", "width")),
        ),
        next_state=(),
        emit="y",
        emits=PortKind.ANALOG,
    )
    params = {
        name: np.ascontiguousarray(np.broadcast_to(values, shape))
        for name, values in (("height", height), ("width", width))
    }
    return Custom(shape=shape, program=program, params=params, kind="mean")
