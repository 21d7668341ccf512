"""Projections as the kernel wants them: one packing function per operator kind, in one table."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, UnsupportedError
from neurochain.network import I64, Operator, PortKind, Projection
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, MaxPool, Pool, Route
from neurochain.simulators.event.kernel import Memory, aligned_zeros
from neurochain.simulators.event.limits import lift_limits, pack_limits
from neurochain.simulators.event.matrices import pack_csr, pack_dense
from neurochain.simulators.event.windows import pack_window

__all__ = ["PACKERS", "out_elements", "pack_projection", "padded"]

_WEIGHT_TYPES = {"float32": "NC_F32", "int8": "NC_I8", "int16": "NC_I16"}
_COLUMNS = 64


def pack_projection(
    memory: Memory,
    into: Any,
    projection: Projection,
    source: int,
    kind: PortKind,
    *,
    finite: bool,
    mantissas: tuple[Operator, int] | None = None,
) -> None:
    """Fill one nc_projection. `source` is the index of the source node, `kind` what it emits.

    finite      what it emits is finite for certain
    mantissas   integer networks: the operator to store, and the power of two its weights lack

    Errors: UnsupportedError for an operator the kernel does not have.
    """
    operator, lift = mantissas or (projection.operator, 0)
    packer = PACKERS.get(type(operator))
    if packer is None:
        raise UnsupportedError(
            Finding(
                where=f"projection {projection.name}",
                what=f"the event engine has no loop for operator {type(operator).__name__}.",
                fix="Use engine='reference'.",
            )
        )
    into.source, into.delay = source, projection.delay
    into.n_in, into.n_out = operator.n_in, operator.n_out
    weights = operator.weight
    dtype = "float32" if weights is None else weights.dtype.name
    into.weight_type = getattr(memory.lib, _WEIGHT_TYPES[dtype])
    into.scale = 1.0
    if into.weight_type != memory.lib.NC_F32:
        into.exact = kind is not PortKind.ANALOG
        into.scale = 1.0 if projection.scale is None else float(projection.scale)
    fan = packer(memory, into, operator, finite)
    into.lift, into.exponent = lift, projection.weight_exp
    if lift:
        lift_limits(into, lift)
    _pack_fanouts(memory, into, projection, fan)
    _pack_bias(memory, into, projection)


def out_elements(projection: Projection) -> int:
    """Elements of a buffer that holds the projection's sums: whole blocks of columns."""
    return padded(projection.operator.n_out)


def padded(n: int) -> int:
    """`n` neurons in whole blocks of 64."""
    return -(-n // _COLUMNS) * _COLUMNS


def _pack_fanouts(memory: Memory, into: Any, projection: Projection, fan: I64 | None) -> None:
    """`fan`: the nonzero weights of each source, where packing has counted them."""
    operator = projection.operator
    effective = operator.fanout(nonzero=True) if fan is None else fan
    tables = [operator.fanout(nonzero=False), effective]
    model = projection.model_fanout
    tables.append(tables[1] if model is None else model)
    if into.kind == memory.lib.NC_CSR and into.csr_blocks == 1 and into.no_zero:
        same = (np.array_equal(table, effective) for table in tables)
        into.fan_stored = sum(1 << k for k, equal in enumerate(same) if equal)
    kept: list[tuple[I64, Any]] = []
    for k, table in enumerate(tables):
        first = int(table[0]) if table.size else 0
        if (table == first).all():
            into.fan[k].each = first
            continue
        known = [pointer for seen, pointer in kept if np.array_equal(seen, table)]
        narrow = table.astype(np.min_scalar_type(table.max()))
        pointer = known[0] if known else memory.view("void", narrow)
        kept.append((table, pointer))  # equal tables share memory, and are summed once
        into.fan[k].fan, into.fan[k].width = pointer, narrow.itemsize


def _pack_bias(memory: Memory, into: Any, projection: Projection) -> None:
    bias = projection.bias
    if bias is None:
        return
    flat = aligned_zeros((padded(projection.operator.n_out),), np.float32)
    flat[: projection.operator.n_out] = np.broadcast_to(bias, (projection.operator.n_out,))
    into.bias = memory.view("float", flat)
    nonzero = flat[: projection.operator.n_out] != 0
    into.bias_full = bool(nonzero.all())
    into.bias_nonzero = memory.view("uint8_t", nonzero)


def _magnitude(weights: NDArray[Any]) -> I64:
    """|w| as int64; zeros for float weights, which have no limit."""
    if weights.dtype == np.float32:
        return np.zeros(weights.shape, dtype=np.int64)
    return np.abs(weights.astype(np.int64))


def _pack_diagonal(memory: Memory, into: Any, operator: Diagonal, finite: bool) -> None:
    into.kind = memory.lib.NC_DIAGONAL
    weights = np.ascontiguousarray(operator.weights)
    into.weights, into.stored = memory.view("void", weights), weights.size
    nonzero = weights != 0
    if not nonzero.all():
        into.nonzero = memory.view("uint8_t", nonzero)
    pack_limits(into, int(_magnitude(weights).max(initial=0)))


def _pack_conv(memory: Memory, into: Any, operator: Conv, finite: bool) -> None:
    """Weights by source, as float32, which holds int8 and int16: (c_in, kh, kw reversed, row).

    Zeros are -0: added to a sum that nothing has reached, which is -0, they leave it so.
    """
    weights = operator.weights_2d
    c_out, c_group, kh, kw = weights.shape
    groups, per_group = operator.groups, c_out // operator.groups
    by_source = weights.reshape(groups, per_group, c_group, kh, kw).transpose(0, 2, 3, 4, 1)
    rows = aligned_zeros((groups, c_group, kh, kw, -(-per_group // 4) * 4), np.float32)
    rows[..., :per_group] = by_source[..., ::-1, :]
    rows[rows == 0] = -0.0
    into.kind = memory.lib.NC_CONV
    into.weights, into.stored = memory.view("void", rows), rows.size
    channels = (operator.in_shape[0], c_out)
    into.window = pack_window(
        memory, operator.window, channels, groups, rows.shape[-1], from_the_right=True
    )
    smallest = np.abs(rows[rows != 0]).min(initial=1.0)
    into.mark_from = max(np.float64(2.0**-126) / np.float64(smallest), 2.0**-126)
    pack_limits(into, int(_magnitude(weights).reshape(c_out, -1).sum(axis=1).max(initial=0)))


def _pack_pool(memory: Memory, into: Any, operator: Pool, finite: bool) -> None:
    into.kind = memory.lib.NC_POOL
    channels = (operator.in_shape[0], operator.out_shape[0])
    into.window = pack_window(memory, operator.window, channels)
    into.stored = prod(operator.window.kernel)
    if operator.divisors is not None:
        into.divisors = memory.view("float", operator.divisors)
    elif operator.average:
        into.divisor = float(operator.size)


def _pack_max_pool(memory: Memory, into: Any, operator: MaxPool, finite: bool) -> None:
    window = operator.window
    into.kind = memory.lib.NC_MAX_POOL
    into.window = pack_window(memory, window, (operator.in_shape[0], operator.out_shape[0]))
    into.pool_stride, into.pool_padding = window.stride, window.padding
    into.pool_dilation = window.dilation
    into.stored = prod(window.kernel)


def _pack_identity(memory: Memory, into: Any, operator: Identity, finite: bool) -> None:
    into.kind = memory.lib.NC_IDENTITY


def _pack_route(memory: Memory, into: Any, operator: Route, finite: bool) -> None:
    into.kind = memory.lib.NC_ROUTE
    by_source = np.argsort(operator.index, kind="stable")
    targets = by_source[operator.index[by_source] >= 0]
    starts = np.concatenate([[0], np.cumsum(operator.fanout(nonzero=False))])
    into.indptr = memory.view("int64_t", starts.astype(np.int64))
    into.targets = memory.view("int32_t", targets.astype(np.int32))
    into.stored = targets.size


PACKERS: dict[type[Operator], Callable[[Memory, Any, Any, bool], I64 | None]] = {
    Dense: pack_dense,
    Csr: pack_csr,
    Diagonal: _pack_diagonal,
    Conv: _pack_conv,
    Pool: _pack_pool,
    MaxPool: _pack_max_pool,
    Identity: _pack_identity,
    Route: _pack_route,
}
"""Operator type -> the function that packs it; another engine-side operator is one more line."""
