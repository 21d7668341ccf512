"""Operators -> ONNX nodes: x (batch, n_in) float32 -> accumulators (batch, n_out) float32.

Standard operators only. Products are kept from the additions and scales that follow by a reshape,
as runtimes otherwise fold a bias or a scale into them and round elsewhere. Integer weights fed by
whole numbers of any size are summed in int64, where float32 could not hold the sums.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from neurochain.exporters.lattice import Lattice, exact_sums, magnitudes
from neurochain.exporters.onnx.graph import Nodes
from neurochain.exporters.onnx.integers import shifted
from neurochain.network import Operator, PortKind, Projection
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, MaxPool, Pool, Route
from neurochain.operators.windows import Window

__all__ = ["OPERATORS", "integer_sums", "write_projection", "write_whole_projection"]


def integer_sums(projection: Projection, kind: PortKind, source: Lattice | None) -> bool:
    """Whether the sums are taken in int64."""
    weight = projection.operator.weight
    whole = weight is not None and weight.dtype.kind == "i" and kind is not PortKind.ANALOG
    return whole and not exact_sums(projection, source)


def write_projection(
    g: Nodes, projection: Projection, x: str, kind: PortKind, source: Lattice | None
) -> str:
    """What one projection contributes, scale included."""
    operator = projection.operator
    weight = operator.weight
    whole = integer_sums(projection, kind, source)
    if whole:
        x = g.cast(x, TensorProto.INT64)
    total = OPERATORS[type(operator)](g, projection.name, operator, x, whole)
    if whole:
        total = g.cast(total, TensorProto.FLOAT)
    if weight is None or weight.dtype == np.float32 or projection.scale is None:
        return total
    return g("Mul", total, g.scalar(float(projection.scale)))


def write_whole_projection(g: Nodes, projection: Projection, x: str, source: Lattice | None) -> str:
    """What one projection of an integer network contributes: int64 that holds an int32 number.

    Sums that float32 holds are left to its faster loops.
    """
    operator = projection.operator
    most = 2.0**24
    small = source is not None and magnitudes(projection).max(initial=0.0) * source.limit <= most
    whole = operator.weight is not None and not small
    if whole:
        x = g.cast(x, TensorProto.INT64)
    total = OPERATORS[type(operator)](g, projection.name, operator, x, whole)
    return shifted(g, total if whole else g.cast(total, TensorProto.INT64), projection)


def _weights(g: Nodes, name: str, weights: NDArray[Any], whole: bool) -> str:
    """Stored as they are; integers become numbers of the sum's type when the model runs."""
    stored = g.constant(weights, f"{name}.weights")
    if weights.dtype == np.float32:
        return stored
    return g.cast(stored, TensorProto.INT64 if whole else TensorProto.FLOAT)


def _product(g: Nodes, x: str, weights: str, n_in: int, n_out: int) -> str:
    return g.reshape(g("MatMul", g.reshape(x, -1, 1, n_in), weights), -1, n_out)


def _dense(g: Nodes, name: str, operator: Dense, x: str, whole: bool) -> str:
    weights = _weights(g, name, operator.weights.T, whole)
    return _product(g, x, weights, operator.n_in, operator.n_out)


def _csr(g: Nodes, name: str, operator: Csr, x: str, whole: bool) -> str:
    full = np.zeros((operator.n_in, operator.n_out), dtype=operator.weights.dtype)
    rows = np.repeat(np.arange(operator.n_in), np.diff(operator.indptr))
    full[rows, operator.targets] = operator.weights
    return _product(g, x, _weights(g, name, full, whole), operator.n_in, operator.n_out)


def _diagonal(g: Nodes, name: str, operator: Diagonal, x: str, whole: bool) -> str:
    return g("Mul", x, _weights(g, name, operator.weights, whole))


def _identity(g: Nodes, name: str, operator: Identity, x: str, whole: bool) -> str:
    return g("Identity", x)


def _bordered(g: Nodes, operator: Operator, x: str, fill: Any) -> str:
    """x as (batch, channels, positions + 1), the last one `fill`: taps outside read it."""
    channels, space = operator.in_shape[0], prod(operator.in_shape[1:])
    planes = g.reshape(x, -1, channels, space)
    pads = g.ints(0, 0, 0, 0, 0, 1)
    return g("Pad", planes, pads, g.constant(np.asarray(fill)), mode="constant")


def _taps(window: Window) -> NDArray[np.int64]:
    """(kernel elements, output positions): where each tap reads, or the place behind the last."""
    height, width = window.size
    rows = [np.arange(window.out[0]) * window.stride[0] - window.padding[0] + k * window.dilation[0]
            for k in range(window.kernel[0])]  # fmt: skip
    cols = [np.arange(window.out[1]) * window.stride[1] - window.padding[1] + k * window.dilation[1]
            for k in range(window.kernel[1])]  # fmt: skip
    places = []
    for ky, kx in window.taps:
        y, x = rows[ky][:, None], cols[kx][None]
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        places.append(np.where(inside, y * width + x, height * width).reshape(-1))
    return np.asarray(places, dtype=np.int64)


def _conv(g: Nodes, name: str, operator: Conv, x: str, whole: bool) -> str:
    if whole:
        return _gathered_conv(g, name, operator, x)
    weights = operator.weights_2d
    return _float_conv(g, operator.window, _weights(g, name, weights, whole), x,
                       operator.in_shape[0], operator.dilation, operator.groups,
                       operator.n_out)  # fmt: skip


def _float_conv(
    g: Nodes, window: Window, weights: str, x: str, channels: int,
    dilation: tuple[int, ...], groups: int, n_out: int,
) -> str:  # fmt: skip
    """ONNX' Conv, cut to the positions that the window has."""
    planes = g.reshape(x, -1, channels, *window.size)
    y = g("Conv", planes, weights, strides=window.stride, group=groups,
          dilations=window.dilation, pads=(*window.padding, *window.behind))  # fmt: skip
    positions = tuple(
        (window.size[a] + window.padding[a] + window.behind[a]
         - window.dilation[a] * (window.kernel[a] - 1) - 1) // window.stride[a] + 1
        for a in (0, 1)
    )  # fmt: skip
    if positions != window.out:
        y = g("Slice", y, g.ints(0, 0), g.ints(*window.out), g.ints(2, 3))
    return g.reshape(y, -1, n_out)


def _gathered_conv(g: Nodes, name: str, operator: Conv, x: str) -> str:
    """A convolution in int64, for which runtimes have no Conv: every window, times a matrix."""
    window, groups = operator.window, operator.groups
    c_out, c_group = operator.weights.shape[:2]
    taps, positions = prod(window.kernel), prod(window.out)
    seen = g("Gather", _bordered(g, operator, x, np.int64(0)), g.constant(_taps(window)), axis=2)
    columns = g.reshape(seen, -1, groups, c_group * taps, positions)
    matrix = operator.weights.reshape(groups, c_out // groups, c_group * taps)
    product = g("MatMul", _weights(g, name, matrix, True), columns)
    return g.reshape(product, -1, operator.n_out)


def _pool(g: Nodes, name: str, operator: Pool, x: str, whole: bool) -> str:
    channels = operator.in_shape[0]
    ones = g.constant(np.ones((channels, 1, *operator.window.kernel), np.float32), f"{name}.ones")
    total = _float_conv(g, operator.window, ones, x, channels, (1, 1), channels, operator.n_out)
    if not operator.average:
        return total
    sizes = np.broadcast_to(operator.size, (channels, prod(operator.out_shape[1:])))
    return g("Div", total, g.constant(sizes.reshape(-1), f"{name}.sizes"))


def _max_pool(g: Nodes, name: str, operator: MaxPool, x: str, whole: bool) -> str:
    lowest = _bordered(g, operator, x, np.float32(-np.inf))
    seen = g("Gather", lowest, g.constant(_taps(operator.window)), axis=2)
    return g.reshape(g("ReduceMax", seen, g.ints(2), keepdims=0), -1, operator.n_out)


def _route(g: Nodes, name: str, operator: Route, x: str, whole: bool) -> str:
    padded = g("Pad", x, g.ints(0, 0, 0, 1), g.scalar(0), mode="constant")
    index = np.where(operator.fed, operator.index, operator.n_in)
    return g("Gather", padded, g.constant(index, f"{name}.index"), axis=1)


OPERATORS: dict[type[Operator], Callable[..., str]] = {
    Dense: _dense,
    Csr: _csr,
    Diagonal: _diagonal,
    Identity: _identity,
    Conv: _conv,
    Pool: _pool,
    MaxPool: _max_pool,
    Route: _route,
}
