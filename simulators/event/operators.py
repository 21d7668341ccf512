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
from neurochain.simulators.event.windows import pack_window

__all__ = ["PACKERS", "block_major", "out_elements", "pack_projection", "padded"]

_WEIGHT_TYPES = {"float32": "NC_F32", "int8": "NC_I8", "int16": "NC_I16"}
_BIAS = {"int8": 128, "int16": 32768}
_COLUMNS = 64
_CSR_BLOCK = 65536
_MASKED_BYTES = 1 << 28
"""Dense weights up to this size get a table of which are nonzero; larger ones are looked at."""
_EXACT_F32 = 2**24
_MAX_I32 = 2**31 - 1
_MAX_I64 = 2**63 - 1


def pack_projection(
    memory: Memory,
    into: Any,
    projection: Projection,
    source: int,
    kind: PortKind,
    *,
    finite: bool,
) -> None:
    """Fill one nc_projection. `source` is the index of the source node, `kind` what it emits.

    finite   what it emits is finite for certain

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
    into.source, into.delay = source, projection.delay
    into.n_in, into.n_out = operator.n_in, operator.n_out
    weights = operator.weight
    dtype = "float32" if weights is None else weights.dtype.name
    into.weight_type = getattr(memory.lib, _WEIGHT_TYPES[dtype])
    into.scale = 1.0
    if into.weight_type != memory.lib.NC_F32:
        into.exact = kind is not PortKind.ANALOG
        into.scale = 1.0 if projection.scale is None else float(projection.scale)
    packer(memory, into, operator, finite)
    _pack_fanouts(memory, into, projection)
    _pack_bias(memory, into, projection)


def out_elements(projection: Projection) -> int:
    """Elements of a buffer that holds the projection's sums: whole blocks of columns."""
    return padded(projection.operator.n_out)


def padded(n: int) -> int:
    """`n` neurons in whole blocks of 64."""
    return -(-n // _COLUMNS) * _COLUMNS


def _pack_fanouts(memory: Memory, into: Any, projection: Projection) -> None:
    operator = projection.operator
    tables = [operator.fanout(nonzero=False), operator.fanout(nonzero=True)]
    model = projection.model_fanout
    tables.append(tables[1] if model is None else model)
    kept: list[tuple[I64, Any]] = []
    for k, table in enumerate(tables):
        first = int(table[0]) if table.size else 0
        if (table == first).all():
            into.fan[k].each = first
            continue
        known = [pointer for seen, pointer in kept if np.array_equal(seen, table)]
        pointer = known[0] if known else memory.view("uint32_t", table.astype(np.uint32))
        kept.append((table, pointer))  # equal tables share memory, and are summed once
        into.fan[k].fan = pointer


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


def _pack_limits(into: Any, worst: int) -> None:
    """The largest values for which sums of at most `worst` weights stay exact."""
    into.limit_f32 = _float_below(_EXACT_F32 // max(worst, 1))
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


def block_major(weights: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint64], int]:
    """Weights (n_out, n_in) as nc_dense holds them, the bits of the nonzero ones, the largest sum.

    The sum is that of the magnitudes of the integer weights that reach one target. One block of 64
    targets at a time, so that large matrices need little more than their copy; the bits are empty
    where a table of them would be too large.
    """
    n_out, n_in = weights.shape
    blocks, dtype = -(-n_out // _COLUMNS), weights.dtype
    masked = weights.nbytes <= _MASKED_BYTES
    packed = aligned_zeros((blocks, n_in, _COLUMNS), dtype)
    mask = np.zeros((blocks, n_in) if masked else (0, 0), dtype=np.uint64)
    worst = 0
    for b in range(blocks):
        part = np.zeros((n_in, _COLUMNS), dtype=dtype)
        rows = weights[b * _COLUMNS : (b + 1) * _COLUMNS]
        part[:, : rows.shape[0]] = rows.T
        if masked:
            bits = np.packbits(part != 0, axis=1, bitorder="little")
            mask[b] = bits.view("<u8")[:, 0]
        if dtype == np.float32:
            packed[b] = part
            continue
        for r in rows:  # a row at a time: |w| in 64 bits is eight times as large
            worst = max(worst, int(np.abs(r, dtype=np.int64).sum()))
        half = _COLUMNS // 2
        packed[b, :, 1::2] = part[:, half:]
        lifted = part[:, :half].astype(np.int32) + _BIAS[dtype.name]
        packed[b, :, 0::2] = lifted.astype(dtype.name.replace("int", "uint")).view(dtype)
    return packed, mask, worst


def _pack_dense(memory: Memory, into: Any, operator: Dense, finite: bool) -> None:
    packed, mask, worst = block_major(operator.weights)
    into.kind = memory.lib.NC_DENSE
    d = into.dense
    d.type, d.scale = into.weight_type, into.scale
    d.n_out, d.n_in = operator.weights.shape
    d.blocks = packed.shape[0]
    d.weights = memory.view("void", packed)
    if mask.size:
        d.mask = memory.view("uint64_t", mask)
    _pack_limits(into, worst)


def _pack_csr(memory: Memory, into: Any, operator: Csr, finite: bool) -> None:
    """Rows in blocks of 65,536 targets, with targets of 16 bits.

    Zero weights change no sum of finite values and touch no target, so they are left out (their
    number is in the fan-outs).
    """
    indptr, targets, weights = operator.indptr, operator.targets, operator.weights
    n_in, blocks = operator.n_in, max(-(-operator.n_out // _CSR_BLOCK), 1)
    if finite and not weights.all():
        live = weights != 0
        running = np.concatenate([[0], np.cumsum(live)])
        indptr, targets, weights = running[indptr], targets[live], weights[live]
    rows = np.empty((blocks, n_in + 1), dtype=np.int64)
    if blocks == 1:
        rows[0] = indptr
        local = targets.astype(np.uint16)
    else:
        block = (targets >> 16).astype(np.uint8 if blocks <= 256 else np.uint32)
        order = np.argsort(block, kind="stable")
        source = np.repeat(np.arange(n_in, dtype=np.int32), np.diff(indptr))[order]
        cuts = np.searchsorted(block[order], np.arange(blocks + 1))
        for b in range(blocks):
            counts = np.bincount(source[cuts[b] : cuts[b + 1]], minlength=n_in)
            rows[b, 0] = cuts[b]
            np.cumsum(counts, out=rows[b, 1:])
            rows[b, 1:] += cuts[b]
        local, weights = (targets & 0xFFFF).astype(np.uint16)[order], weights[order]
    into.kind, into.csr_blocks = memory.lib.NC_CSR, blocks
    into.rows, into.local = memory.view("int64_t", rows), memory.view("uint16_t", local)
    into.weights, into.stored = memory.view("void", weights), weights.size
    into.no_zero = bool(weights.all())
    if weights.dtype == np.float32:
        _pack_limits(into, 0)
        return
    worst = _summed(operator.n_out, targets, weights)
    most = int(np.bincount(targets, minlength=1).max(initial=0))
    _pack_limits(into, worst)
    shift = most.bit_length()
    into.shift = shift if (worst + 1) << shift <= _MAX_I32 else 0


def _summed(n_out: int, targets: NDArray[np.int32], weights: NDArray[Any]) -> int:
    """The largest sum of magnitudes that reach one target; double is exact to 2^53."""
    total = np.bincount(targets, weights=np.abs(weights, dtype=np.float32), minlength=n_out)
    return int(total.max(initial=0))


def _pack_diagonal(memory: Memory, into: Any, operator: Diagonal, finite: bool) -> None:
    into.kind = memory.lib.NC_DIAGONAL
    weights = np.ascontiguousarray(operator.weights)
    into.weights, into.stored = memory.view("void", weights), weights.size
    nonzero = weights != 0
    if not nonzero.all():
        into.nonzero = memory.view("uint8_t", nonzero)
    _pack_limits(into, int(_magnitude(weights).max(initial=0)))


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
    _pack_limits(into, int(_magnitude(weights).reshape(c_out, -1).sum(axis=1).max(initial=0)))


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


PACKERS: dict[type[Operator], Callable[[Memory, Any, Any, bool], None]] = {
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
