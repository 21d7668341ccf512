"""Packing in C against the same packing written down in NumPy, and how much memory it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from matrix_oracle import dense_oracle

from neurochain.operators import Csr, Dense
from neurochain.simulators import has_kernel
from neurochain.simulators.event import matrices
from neurochain.simulators.event.kernel import Memory

pytestmark = pytest.mark.skipif(not has_kernel(), reason="the C kernel is not built")

DTYPES = ("float32", "int8", "int16")


def drawn(rng: np.random.Generator, shape: Any, dtype: str, density: float) -> np.ndarray:
    """Weights of the whole range of the dtype, some of them zero."""
    if dtype == "float32":
        values = rng.normal(size=shape).astype(np.float32)
    else:
        info = np.iinfo(dtype)
        values = rng.integers(info.min, info.max + 1, size=shape).astype(dtype)
    values[rng.random(shape) > density] = 0
    if dtype == "float32":
        values[rng.random(shape) > 0.95] = -0.0
    return values


def packed(operator: Any, pack: Any, *, finite: bool = True) -> tuple[Memory, Any, np.ndarray]:
    """A filled nc_projection, and the fan-out that packing counted."""
    memory = Memory()
    into = memory.structs("nc_projection", 1)
    kind = {"float32": "NC_F32", "int8": "NC_I8", "int16": "NC_I16"}[operator.weights.dtype.name]
    into[0].weight_type = getattr(memory.lib, kind)
    into[0].scale = 1.0
    return memory, into[0], pack(memory, into[0], operator, finite)


def taken(memory: Memory, pointer: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(memory.ffi.buffer(pointer, size), dtype=dtype).reshape(shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("density", [0.8, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (63, 65), (65, 63), (130, 200), (200, 1)])
def test_dense_blocks(dtype: str, shape: tuple[int, int], density: float) -> None:
    n_out, n_in = shape
    weights = drawn(np.random.default_rng(n_out * n_in), shape, dtype, density)
    if density == 1.0:
        weights[weights == 0] = 1
    operator = Dense(in_shape=(n_in,), out_shape=(n_out,), weights=weights)
    memory, into, fan = packed(operator, matrices.pack_dense)
    expected, bits, worst = dense_oracle(weights)
    got = taken(memory, into.dense.weights, dtype, expected.shape)
    assert got.tobytes() == expected.tobytes()
    assert (taken(memory, into.dense.mask, np.uint64, bits.shape) == bits).all()
    assert (fan == np.count_nonzero(weights, axis=0)).all()
    assert into.dense.full == (weights != 0).all()
    assert into.limit_i64 <= (2**63 - 1) // max(worst, 1)
    assert into.limit_i32 == np.float32(2**31 - 1) or into.limit_i32 <= (2**31 - 1) // max(worst, 1)
    if worst:
        assert into.limit_f32 == 2**24 // worst


def test_dense_in_slices_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = drawn(np.random.default_rng(3), (300, 70), "int8", 0.5)
    operator = Dense(in_shape=(70,), out_shape=(300,), weights=weights)
    monkeypatch.setattr(matrices, "SLICE", 1)
    monkeypatch.setattr(matrices, "MASKED_BYTES", 0)
    memory, into, fan = packed(operator, matrices.pack_dense)
    expected, bits, worst = dense_oracle(weights)
    assert taken(memory, into.dense.weights, "int8", expected.shape).tobytes() == expected.tobytes()
    assert into.dense.mask == memory.ffi.NULL
    assert (fan == (weights != 0).sum(axis=0)).all()
    assert into.limit_f32 == 2**24 // worst
    nonzero = [memory.lib.nc_dense_nonzero(memory.ffi.addressof(into.dense), b, i)
               for i in range(70) for b in range(bits.shape[1])]  # fmt: skip
    assert nonzero == bits.reshape(-1).tolist()


def sparse(rng: np.random.Generator, n_in: int, n_out: int, dtype: str, most: int) -> Csr:
    """Rows of 0 to `most` targets, anywhere in n_out; a fifth of the weights are zero."""
    rows = [np.sort(rng.choice(n_out, int(rng.integers(most + 1)), replace=False))
            for _ in range(n_in)]  # fmt: skip
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    targets = np.concatenate(rows).astype(np.int32)
    weights = drawn(rng, targets.size, dtype, 0.8)
    return Csr(
        in_shape=(n_in,), out_shape=(n_out,), indptr=indptr, targets=targets, weights=weights
    )


def sparse_oracle(operator: Csr, *, drop: bool) -> tuple[Any, Any, Any, int, int]:
    """Entries sorted by block of 65,536 targets, then by source, then by target."""
    source = np.repeat(np.arange(operator.n_in), np.diff(operator.indptr))
    targets, weights = operator.targets, operator.weights
    if drop:
        live = weights != 0
        source, targets, weights = source[live], targets[live], weights[live]
    blocks = -(-operator.n_out // 65536)
    order = np.argsort(targets // 65536, kind="stable")
    place = (targets // 65536)[order] * operator.n_in + source[order]
    counts = np.bincount(place, minlength=blocks * operator.n_in)
    ends = np.cumsum(counts).reshape(blocks, operator.n_in)
    rows = np.concatenate([(ends - counts.reshape(ends.shape))[:, :1], ends], axis=1)
    sums = np.zeros(operator.n_out, np.int64)
    if weights.dtype != np.float32:
        np.add.at(sums, targets, np.abs(weights.astype(np.int64)))
    events = np.bincount(targets, minlength=operator.n_out)
    local = (targets % 65536).astype(np.uint16)[order]
    return rows, local, weights[order], int(sums.max()), int(events.max())


@pytest.mark.parametrize("finite", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_out", [1, 300, 65536, 65537, 200_000])
@pytest.mark.parametrize("slice_size", [1, 1 << 24])
def test_sparse_blocks(
    n_out: int, dtype: str, finite: bool, slice_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrices, "SLICE", slice_size)
    operator = sparse(np.random.default_rng(n_out), 40, n_out, dtype, min(n_out, 60))
    assert operator.faults() == []
    memory, into, fan = packed(operator, matrices.pack_csr, finite=finite)
    rows, local, weights, worst, most = sparse_oracle(operator, drop=finite)
    assert into.csr_blocks == rows.shape[0]
    assert (taken(memory, into.rows, np.int64, rows.shape) == rows).all()
    assert (taken(memory, into.local, np.uint16, local.shape) == local).all()
    assert taken(memory, into.weights, dtype, weights.shape).tobytes() == weights.tobytes()
    live = np.concatenate([[0], np.cumsum(operator.weights != 0)])
    assert (fan == np.diff(live[operator.indptr])).all()
    assert into.no_zero == bool(weights.all())
    if dtype == "float32":
        assert into.shift == 0
        return
    assert into.limit_f32 == 2**24 // max(worst, 1)
    shift = worst.bit_length() + 1
    assert into.shift == (shift if (most + 1) << shift < 2**31 else 0)


def test_an_empty_matrix() -> None:
    operator = Csr(in_shape=(3,), out_shape=(2,), indptr=np.zeros(4, np.int64),
                   targets=np.zeros(0, np.int32), weights=np.zeros(0, np.int8))  # fmt: skip
    _, into, fan = packed(operator, matrices.pack_csr)
    assert fan.tolist() == [0, 0, 0]
    assert (into.no_zero, into.shift) == (1, 1)


GROWTH = """
import sys
import numpy as np
from pathlib import Path
from neurochain.operators import Csr, Dense
from neurochain.simulators.event import matrices
from neurochain.simulators.event.kernel import Memory

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

rng, n, fan = np.random.default_rng(5), 200_000, 100
if sys.argv[1] == "csr":
    targets = np.arange(fan, dtype=np.int32) * (n // fan) + rng.integers(
        n // fan, size=(n, fan), dtype=np.int32)
    operator = Csr(in_shape=(n,), out_shape=(n,), targets=targets.reshape(-1),
                   indptr=np.arange(n + 1, dtype=np.int64) * fan,
                   weights=rng.integers(1, 100, size=n * fan, dtype=np.int8))
    pack = matrices.pack_csr
else:
    operator = Dense(in_shape=(4096,), out_shape=(4096,),
                     weights=rng.integers(1, 100, size=(4096, 4096), dtype=np.int8))
    pack = matrices.pack_dense
    matrices.MASKED_BYTES = 0
memory = Memory()
into = memory.structs("nc_projection", 1)
into[0].weight_type, into[0].scale = memory.lib.NC_I8, 1.0
before, peak = status("RssAnon"), status("VmHWM")
pack(memory, into[0], operator, True)
print((status("RssAnon") - before) / operator.weights.size,
      (status("VmHWM") - peak) / operator.weights.size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="takes memory of its own")
@pytest.mark.parametrize(("kind", "held", "most"), [("dense", 1.05, 1.15), ("csr", 3.45, 3.8)])
def test_packing_takes_no_more_than_the_packed_form(kind: str, held: float, most: float) -> None:
    """Bytes a weight: 3 and 4 rows of 8 bytes for 100 of them; at the peak a few a neuron more."""
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, kind], check=True, capture_output=True, text=True
    )
    grown, peak = map(float, done.stdout.split())
    assert 0.9 < grown < held
    assert peak < most
