"""Dense and sparse matrices as the kernel reads them, packed by the kernel's own nc_pack.c.

Packing 10^9 weights takes seconds and little more than the packed form: each pass goes over the
matrix in slices, between which Python sees signals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from neurochain.files import let_go
from neurochain.network import I64
from neurochain.operators import Csr, Dense
from neurochain.simulators.event.kernel import Memory, aligned_zeros
from neurochain.simulators.event.limits import MAX_I32, pack_limits

__all__ = ["MASKED_BYTES", "pack_csr", "pack_dense"]

MASKED_BYTES = 1 << 28
"""Dense weights up to this size get a table of which are nonzero; larger ones are looked at."""
SLICE = 1 << 24
"""Weights that one call packs, so that Ctrl-C is answered."""


def pack_dense(memory: Memory, into: Any, operator: Dense, finite: bool) -> I64:
    """Blocks of 64 targets; returns the nonzero weights of each source."""
    weights, lib = operator.weights, memory.lib
    n_out, n_in = weights.shape
    blocks = -(-n_out // lib.NC_COLUMNS)
    packed = aligned_zeros((blocks, n_in, lib.NC_COLUMNS), weights.dtype)
    fan = np.zeros(n_in, dtype=np.int64)
    into.kind = lib.NC_DENSE
    d = into.dense
    d.type, d.scale = into.weight_type, into.scale
    d.n_out, d.n_in, d.blocks = n_out, n_in, blocks
    d.weights = memory.view("void", packed)
    if weights.nbytes <= MASKED_BYTES:
        d.mask = memory.writable("uint64_t", np.zeros(blocks * n_in, dtype=np.uint64))
    own = Memory()  # for as long as the packing takes
    job = own.structs("nc_dense_matrix", 1)
    m = job[0]
    m.type, m.n_in, m.n_out = into.weight_type, n_in, n_out
    m.weights, m.packed, m.mask = own.view("void", weights), own.writable("void", packed), d.mask
    m.fan = own.writable("int64_t", fan)
    step = max(1, SLICE // (n_in * lib.NC_COLUMNS))
    worst = 0
    for first in range(0, blocks, step):
        worst = max(worst, lib.nc_pack_dense(job, first, min(first + step, blocks)))
        let_go(weights)
    d.full = d.mask != memory.ffi.NULL and bool((fan == n_out).all())
    pack_limits(into, worst)
    return fan


def pack_csr(memory: Memory, into: Any, operator: Csr, finite: bool) -> I64:
    """Rows in blocks of 65,536 targets, with targets of 16 bits; returns what leaves each source.

    Zero weights change no sum of finite values and touch no target, so they are left out (their
    number is in the fan-outs).
    """
    weights, lib = operator.weights, memory.lib
    n_in, n_out = operator.n_in, operator.n_out
    blocks = max(-(-n_out // lib.NC_CSR_BLOCK), 1)
    rows = np.zeros((blocks, n_in + 1), dtype=np.int64)
    fan = np.zeros(n_in, dtype=np.int64)
    own = Memory()  # for as long as the packing takes
    job = own.structs("nc_sparse_matrix", 1)
    m = job[0]
    m.type, m.drop = into.weight_type, finite
    m.n_in, m.n_out, m.blocks = n_in, n_out, blocks
    m.indptr = own.view("int64_t", operator.indptr)
    m.targets, m.weights = own.view("int32_t", operator.targets), own.view("void", weights)
    m.rows, m.fan = own.writable("int64_t", rows.reshape(-1)), own.writable("int64_t", fan)
    for first, end in _slices(operator.indptr):
        lib.nc_pack_sparse_count(job, first, end)
        let_go(weights, operator.targets)
    kept = lib.nc_pack_sparse_rows(job)
    local = np.empty(kept, dtype=np.uint16)
    m.local = own.writable("uint16_t", local)
    if blocks > 1 or kept != weights.size:
        weights = np.empty(kept, dtype=weights.dtype)
        m.kept = own.writable("void", weights)
    for first, end in _slices(operator.indptr):
        lib.nc_pack_sparse_fill(job, first, end)
        let_go(operator.weights, operator.targets)
    into.kind, into.csr_blocks = lib.NC_CSR, blocks
    into.rows, into.local = memory.view("int64_t", rows), memory.view("uint16_t", local)
    into.weights = memory.view("void", weights)
    into.stored, into.no_zero = kept, int(fan.sum()) == kept
    if into.weight_type == lib.NC_F32:
        pack_limits(into, 0)
        return fan
    worst, most = _largest(into, rows)
    pack_limits(into, worst)
    shift = worst.bit_length() + 1  # bits of any sum with its sign; the number of events above them
    into.shift = shift if (most + 1) << shift <= MAX_I32 else 0
    return fan


def _largest(into: Any, rows: I64) -> tuple[int, int]:
    """The largest sum of |w| that reaches one target, and the largest number of weights."""
    own, worst, most = Memory(), 0, 0
    for row in rows:
        sums, events = np.zeros((2, own.lib.NC_CSR_BLOCK), dtype=np.int64)
        into_sums, into_events = own.writable("int64_t", sums), own.writable("int64_t", events)
        begin = own.view("int64_t", row)
        for first, end in _slices(row):
            own.lib.nc_pack_sparse_sums(
                into.weight_type,
                begin,
                into.local,
                into.weights,
                first,
                end,
                into_sums,
                into_events,
            )
        worst, most = max(worst, int(sums.max())), max(most, int(events.max()))
    return worst, most


def _slices(indptr: I64) -> Iterator[tuple[int, int]]:
    """Ranges of sources with about `SLICE` weights each, all of them in order."""
    first, n_in = 0, indptr.size - 1
    while first < n_in:
        after = int(np.searchsorted(indptr, indptr[first] + SLICE))
        end = min(max(after, first + 1), n_in)
        yield first, end
        first = end
