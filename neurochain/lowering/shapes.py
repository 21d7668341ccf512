"""Shapes: what each node of a Graph emits in one step, without batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from neurochain.errors import Finding
from neurochain.graph import (
    IF,
    LI,
    LIF,
    Affine,
    AvgPool,
    Conv,
    CubaLI,
    CubaLIF,
    Custom,
    Flatten,
    I,
    Input,
    Linear,
    MaxPool,
    Node,
    Route,
    Scale,
    ScaleShift,
    SumPool,
    Threshold,
)
from neurochain.operators import output_size, window_faults

__all__ = ["Shape", "ShapeError", "emitted_shape"]

Shape = tuple[int, ...]


class ShapeError(Exception):
    """A node cannot take the shape that arrives; carries the finding's text."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what, self.fix = what, fix

    def finding(self, where: str) -> Finding:
        """The finding, at a place."""
        return Finding(where=where, what=self.what, fix=self.fix)


def emitted_shape(node: Node, arriving: Shape) -> Shape:
    """Shape that `node` emits when `arriving` comes in. Errors: ShapeError."""
    rule = _RULES.get(type(node))
    return arriving if rule is None else rule(node, arriving)


def _input(node: Input, arriving: Shape) -> Shape:
    return node.shape


def _matrix(node: Affine | Linear, arriving: Shape) -> Shape:
    if node.weight.ndim != 2:
        raise ShapeError(
            f"weight has {node.weight.ndim} axes; 2 are supported.",
            "Split it into one matrix a node.",
        )
    n_out, n_in = node.weight.shape
    if arriving[-1:] != (n_in,) or prod(arriving) != n_in:
        raise ShapeError(
            f"takes {n_in} values, but {arriving} arrives.",
            "Flatten before it, or correct the weight's shape.",
        )
    if node.bias is not None and node.bias.shape != (n_out,):
        raise ShapeError(f"bias has shape {node.bias.shape}, its weight has {n_out} outputs.")
    return (n_out,)


def _conv(node: Conv, arriving: Shape) -> Shape:
    _axes(arriving, node.weight.shape[2:], node, node.dilation)
    c_out, c_group = node.weight.shape[:2]
    if node.groups < 1 or c_out % node.groups or arriving[0] != c_group * node.groups:
        raise ShapeError(
            f"weight {node.weight.shape} with groups={node.groups} does not take "
            f"{arriving[0]} channels."
        )
    if node.bias is not None and node.bias.shape != (c_out,):
        raise ShapeError(f"bias has shape {node.bias.shape}, there are {c_out} channels.")
    space = _positions(arriving[1:], node.weight.shape[2:], node, node.dilation)
    return (c_out, *space)


def _pool(node: Any, arriving: Shape) -> Shape:
    axes = len(node.kernel_size)
    dilation = node.dilation if isinstance(node, MaxPool) else (1,) * axes
    _axes(arriving, node.kernel_size, node, dilation)
    if isinstance(node, MaxPool) and any(
        2 * p > k for p, k in zip(node.padding, node.kernel_size, strict=True)
    ):
        raise ShapeError(f"padding {node.padding} is more than half of {node.kernel_size}.")
    positions = _positions(arriving[1:], node.kernel_size, node, dilation)
    if isinstance(node, MaxPool):
        _refuse_empty_windows(arriving[1:], node, positions)
    elif isinstance(node, AvgPool) and node.divisors is not None:
        _check_divisors(node.divisors, prod(positions))
    return (arriving[0], *positions)


def _refuse_empty_windows(space: Shape, node: MaxPool, positions: Shape) -> None:
    """Every window sees something of the input."""
    axes = zip(
        space, node.kernel_size, node.stride, node.padding, node.dilation, positions, strict=True
    )
    for size, kernel, stride, padding, dilation, count in axes:
        start = np.arange(count)[:, None] * stride - padding
        seen = start + np.arange(kernel) * dilation
        if not ((seen >= 0) & (seen < size)).any(axis=1).all():
            raise ShapeError(
                f"dilation {node.dilation} steps over all of {space}: empty windows.",
                "Use less padding or dilation.",
            )


def _check_divisors(divisors: Any, positions: int) -> None:
    if divisors.dtype != np.float32 or divisors.shape != (positions,):
        raise ShapeError(
            f"divisors are {divisors.dtype} {divisors.shape}, wanted float32 ({positions},)."
        )
    if not np.isfinite(divisors).all() or not divisors.all():
        raise ShapeError("a divisor is 0, NaN or infinite.")


def _axes(arriving: Shape, kernel: Shape, node: Any, dilation: Shape) -> None:
    """One or two axes, the same number everywhere."""
    axes = len(node.stride)
    if axes not in (1, 2):
        raise ShapeError(f"slides along {axes} axes; 1 or 2 are supported.")
    if {len(kernel), len(node.padding), len(dilation)} != {axes}:
        raise ShapeError(
            f"kernel {kernel}, stride {node.stride}, padding {node.padding}, dilation {dilation} "
            "do not have the same number of axes."
        )
    if len(arriving) != axes + 1:
        raise ShapeError(f"takes (channels, {axes} axes), but {arriving} arrives.")


def _positions(space: Shape, kernel: Shape, node: Any, dilation: Shape) -> Shape:
    """Output positions an axis; each must be at least 1."""
    if min(node.stride) < 1 or min(dilation) < 1 or min(node.padding) < 0 or min(kernel) < 1:
        raise ShapeError(
            f"kernel {kernel}, stride {node.stride}, padding {node.padding}, dilation {dilation}: "
            "kernel, stride and dilation must be at least 1, padding at least 0."
        )
    sizes = tuple(
        output_size(*values)
        for values in zip(space, kernel, node.stride, node.padding, dilation, strict=True)
    )
    if node.positions is not None:
        ends = ((1, *space), (1, *node.positions))
        faults = window_faults(*ends, kernel, node.stride, node.padding, dilation)
        if faults:
            raise ShapeError(" ".join(faults), "Correct positions.")
        return tuple(node.positions)
    if min(sizes) < 1:
        raise ShapeError(f"a kernel of {kernel} does not fit into {space}.", "Add padding.")
    return sizes


def _flatten(node: Flatten, arriving: Shape) -> Shape:
    rank = len(arriving)
    start = node.start_dim + rank if node.start_dim < 0 else node.start_dim
    end = node.end_dim + rank if node.end_dim < 0 else node.end_dim
    if not 0 <= start <= end < rank:
        raise ShapeError(f"dims {node.start_dim}..{node.end_dim} do not exist in {arriving}.")
    return (*arriving[:start], prod(arriving[start : end + 1]), *arriving[end + 1 :])


def _scale(node: Scale, arriving: Shape) -> Shape:
    return _elementwise("scale", node.scale.shape, arriving)


def _scale_shift(node: ScaleShift, arriving: Shape) -> Shape:
    _elementwise("shift", node.shift.shape, arriving)
    return _elementwise("scale", node.scale.shape, arriving)


def _elementwise(name: str, given: Shape, arriving: Shape) -> Shape:
    if prod(given) not in (1, prod(arriving)) or (prod(given) > 1 and given != arriving):
        raise ShapeError(f"{name} has shape {given}, but {arriving} arrives.")
    return arriving


def _custom(node: Custom, arriving: Shape) -> Shape:
    """Its own shape; parameters and initial states are shared or of that shape, float32."""
    program = node.program
    if program.winner and len(node.shape) != 1:
        raise ShapeError(f"has shape {node.shape}; neurons that compete stand in one row.")
    if set(node.params) != set(program.params):
        raise ShapeError(
            f"has the parameters {sorted(node.params)}, its program needs {sorted(program.params)}."
        )
    strange = sorted(set(node.initial) - set(program.states))
    if strange:
        raise ShapeError(f"starts {strange}; its states are {sorted(program.states)}.")
    for name, value in (*node.params.items(), *node.initial.items()):
        if value.dtype != np.float32:
            raise ShapeError(f"{name} is {value.dtype}.", "Give it as float32.")
        _elementwise(name, value.shape, node.shape)
    return node.shape


def _route(node: Route, arriving: Shape) -> Shape:
    if arriving != node.in_shape:
        raise ShapeError(f"takes {node.in_shape}, but {arriving} arrives.")
    index = node.index
    if index.dtype.kind not in "iu":
        raise ShapeError(f"its index is {index.dtype}.", "Give whole numbers.")
    inside = index.size == 0 or (int(index.min()) >= -1 and int(index.max()) < prod(node.in_shape))
    if index.shape != (prod(node.out_shape),) or not inside:
        raise ShapeError(
            f"its index {index.shape} does not lead {node.in_shape} to {node.out_shape}."
        )
    return node.out_shape


def _neuron(*names: str) -> Callable[[Any, Shape], Shape]:
    def rule(node: Any, arriving: Shape) -> Shape:
        for name in names:
            _elementwise(name, getattr(node, name).shape, arriving)
        return arriving

    return rule


def _competing(*names: str) -> Callable[[Any, Shape], Shape]:
    """A neuron whose row may compete."""
    check = _neuron(*names)

    def rule(node: Any, arriving: Shape) -> Shape:
        if node.inhibition and len(arriving) != 1:
            raise ShapeError(
                f"has shape {arriving}; neurons that inhibit one another stand in one row.",
                "Flatten before it.",
            )
        return check(node, arriving)

    return rule


_RULES: Mapping[type[Node], Callable[[Any, Shape], Shape]] = {
    Input: _input,
    Affine: _matrix,
    Linear: _matrix,
    Conv: _conv,
    SumPool: _pool,
    AvgPool: _pool,
    MaxPool: _pool,
    Flatten: _flatten,
    Scale: _scale,
    ScaleShift: _scale_shift,
    Route: _route,
    Custom: _custom,
    Threshold: _neuron("threshold"),
    I: _neuron("r"),
    LI: _neuron("tau", "r", "v_leak"),
    IF: _neuron("r", "v_threshold", "v_reset"),
    LIF: _competing("tau", "r", "v_leak", "v_threshold", "v_reset"),
    CubaLI: _neuron("tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    CubaLIF: _competing("tau_syn", "tau_mem", "r", "v_leak", "w_in", "v_threshold", "v_reset"),
}
