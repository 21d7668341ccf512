"""Projections as the kernel wants them: one packing function per operator kind, in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, UnsupportedError
from neurochain.network import I64, Operator, PortKind, Projection
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, MaxPool, Pool, Route
from neurochain.simulators.event.kernel import Memory
from neurochain.simulators.event.windows import pack_window

__all__ = ["PACKERS", "out_elements", "pack_projection"]

_WEIGHT_TYPES = {"float32": "NC_F32", "int8": "NC_I8", "int16": "NC_I16"}
_MAX_I32 = 2**31 - 1
_MAX_I64 = 2**63 - 1


def pack_projection(
    memory: Memory, into: Any, projection: Projection, source: int, kind: PortKind
) -> None:
    """Fill one nc_projection. `source` is the index of the source node, `kind` what it emits.

    Errors: UnsupportedError for an operator the kernel does not have.
    """
    operator = projection.operator
    packer = PACKERS.get(type(operator))
    if packer is None:
        raise UnsupportedError(
            Finding(
                where=f"projection {projection.name}",
                what=f"the event engine has no loop for operator {type(operator).__name__}.",
                fix="Use engine='reference'.",
            )
        )
    into.source, into.delay, into.n_out = source, projection.delay, operator.n_out
    weights = operator.weight
    dtype = "float32" if weights is None else weights.dtype.name
    into.weight_type = getattr(memory.lib, _WEIGHT_TYPES[dtype])
    into.scale = 1.0
    if into.weight_type != memory.lib.NC_F32:
        into.exact = kind is not PortKind.ANALOG
        into.scale = 1.0 if projection.scale is None else float(projection.scale)
    packer(memory, into, operator)
    _pack_fanouts(memory, into, projection)
    _pack_bias(memory, into, projection)


def out_elements(projection: Projection) -> int:
    """Elements of a buffer that holds the projection's accumulators."""
    n = projection.operator.n_out
    return _padded(n) if isinstance(projection.operator, Dense) else n


def _padded(n: int) -> int:
    return -(-n // 16) * 16  # NC_ROW_MULTIPLE


def _pack_fanouts(memory: Memory, into: Any, projection: Projection) -> None:
    effective = projection.operator.fanout(nonzero=True)
    model = effective if projection.model_fanout is None else projection.model_fanout
    for k, fan in enumerate((projection.operator.fanout(nonzero=False), effective, model)):
        if fan.size and (fan == fan[0]).all():
            into.fan[k].each = int(fan[0])
        else:
            into.fan[k].fan = memory.view("int64_t", fan.astype(np.int64))


def _pack_bias(memory: Memory, into: Any, projection: Projection) -> None:
    if projection.bias is None:
        return
    nonzero = projection.bias != 0
    into.bias = memory.view("float", projection.bias)
    into.bias_full = bool(nonzero.all())
    into.bias_nonzero = memory.view("uint8_t", nonzero)


def _pack_weights(memory: Memory, into: Any, stored: NDArray[Any]) -> None:
    """Weights in the order the kernel reads them, and flags where some of them are zero."""
    into.weights = memory.view("void", stored)
    nonzero = stored != 0
    if not nonzero.all():
        into.nonzero = memory.view("uint8_t", nonzero)


def _pack_limits(into: Any, worst: int) -> None:
    """The largest values for which integer sums of at most `worst` weights stay exact."""
    into.limit_i32 = _float_below(_MAX_I32 // max(worst, 1))
    into.limit_i64 = _float_below(_MAX_I64 // max(worst, 1))


def _float_below(bound: int) -> float:
    """The largest float32 that is not above `bound`."""
    value = np.float32(bound)
    return float(value if int(value) <= bound else np.nextafter(value, np.float32(0)))


def _magnitude(weights: NDArray[Any]) -> I64:
    """|w| as int64; zeros for float weights, which have no limit."""
    if weights.dtype == np.float32:
        return np.zeros(weights.shape, dtype=np.int64)
    return np.abs(weights.astype(np.int64))


def _pack_dense(memory: Memory, into: Any, operator: Operator) -> None:
    weights = operator.weight
    if weights is None:
        raise TypeError("dense operators have weights")
    n_out, n_in = weights.shape
    stride = _padded(n_out)
    rows = np.zeros((n_in, stride), dtype=weights.dtype)
    rows[:, :n_out] = weights.T
    nonzero = rows[:, :n_out] != 0
    full = nonzero.all(axis=1)
    into.kind, into.stride = memory.lib.NC_DENSE, stride
    into.weights = memory.view("void", rows)
    into.row_full = memory.view("uint8_t", full)
    if not full.all():
        into.words = -(-n_out // 64)
        bits = np.zeros((n_in, into.words * 8), dtype=np.uint8)
        packed = np.packbits(nonzero, axis=1, bitorder="little")
        bits[:, : packed.shape[1]] = packed
        into.mask = memory.view("uint64_t", bits.view("<u8").astype(np.uint64))
    _pack_limits(into, int(_magnitude(weights).sum(axis=1).max(initial=0)))


def _pack_csr(memory: Memory, into: Any, operator: Csr) -> None:
    into.kind = memory.lib.NC_CSR
    into.indptr = memory.view("int64_t", operator.indptr.astype(np.int64))
    into.targets = memory.view("int32_t", operator.targets.astype(np.int32))
    _pack_weights(memory, into, operator.weights)
    worst = np.zeros(operator.n_out, dtype=np.int64)
    np.add.at(worst, operator.targets, _magnitude(operator.weights))
    _pack_limits(into, int(worst.max(initial=0)))


def _pack_diagonal(memory: Memory, into: Any, operator: Diagonal) -> None:
    into.kind = memory.lib.NC_DIAGONAL
    _pack_weights(memory, into, operator.weights)
    _pack_limits(into, int(_magnitude(operator.weights).max(initial=0)))


def _pack_conv(memory: Memory, into: Any, operator: Conv) -> None:
    weights = operator.weights_2d
    c_out, c_group, kh, kw = weights.shape
    groups, per_group = operator.groups, c_out // operator.groups
    by_source = weights.reshape(groups, per_group, c_group, kh, kw).transpose(0, 2, 3, 4, 1)
    into.kind = memory.lib.NC_CONV
    _pack_weights(memory, into, np.ascontiguousarray(by_source))
    channels = (operator.in_shape[0], c_out)
    into.window = pack_window(memory, operator.window, channels, groups, per_group)
    _pack_limits(into, int(_magnitude(weights).reshape(c_out, -1).sum(axis=1).max(initial=0)))


def _pack_pool(memory: Memory, into: Any, operator: Pool) -> None:
    into.kind = memory.lib.NC_POOL
    channels = (operator.in_shape[0], operator.out_shape[0])
    into.window = pack_window(memory, operator.window, channels)
    if operator.divisors is not None:
        into.divisors = memory.view("float", operator.divisors)
    elif operator.average:
        into.divisor = float(operator.size)


def _pack_max_pool(memory: Memory, into: Any, operator: MaxPool) -> None:
    window = operator.window
    into.kind = memory.lib.NC_MAX_POOL
    into.window = pack_window(memory, window, (operator.in_shape[0], operator.out_shape[0]))
    into.pool_stride, into.pool_padding = window.stride, window.padding
    into.pool_dilation = window.dilation


def _pack_identity(memory: Memory, into: Any, operator: Identity) -> None:
    into.kind = memory.lib.NC_IDENTITY


def _pack_route(memory: Memory, into: Any, operator: Route) -> None:
    into.kind = memory.lib.NC_ROUTE
    by_source = np.argsort(operator.index, kind="stable")
    targets = by_source[operator.index[by_source] >= 0]
    starts = np.concatenate([[0], np.cumsum(operator.fanout(nonzero=False))])
    into.indptr = memory.view("int64_t", starts.astype(np.int64))
    into.targets = memory.view("int32_t", targets.astype(np.int32))


PACKERS: dict[type[Operator], Callable[[Memory, Any, Any], None]] = {
    Dense: _pack_dense,
    Csr: _pack_csr,
    Diagonal: _pack_diagonal,
    Conv: _pack_conv,
    Pool: _pack_pool,
    MaxPool: _pack_max_pool,
    Identity: _pack_identity,
    Route: _pack_route,
}
"""Operator type -> the function that packs it; another engine-side operator is one more line."""
