"""The kernel's loops, called on NumPy arrays; what `MEMORY` views lives as long as the tests."""

import numpy as np
from matrix_oracle import dense_oracle

from neurochain.simulators.event.kernel import Memory

MEMORY = Memory()
LIB, FFI = MEMORY.lib, MEMORY.ffi
VERSIONS = tuple(range(LIB.nc_best_version() + 1))
TYPES = {"float32": LIB.NC_F32, "int8": LIB.NC_I8, "int16": LIB.NC_I16}
C_TYPES = {"float32": "float", "int32": "int32_t", "int64": "int64_t", "uint8": "uint8_t"}
C_TYPES |= {"uint32": "uint32_t", "uint64": "uint64_t", "uint16": "uint16_t"}
SMALL = (0.0, -0.0, 1e-45, -1e-45, 4.2e-45, 1e-40, -3e-39, 2**-126, 2**-125.5, -(2**-100), 1e-30)
ODD = np.array([*SMALL, 1, -1, np.inf, -np.inf, -np.nan, 3e38], dtype=np.float32)
"""Zeros of both signs, subnormals and their neighbours, infinities, and the one NaN that x86 makes:
which of two different ones a sum of them keeps depends on their order, which compilers change."""


def odd_values(rng, n):
    """Random values, seven in ten of them from ODD."""
    values = rng.normal(0, 1, n).astype(np.float32)
    odd = rng.random(n) < 0.7
    values[odd] = rng.choice(ODD, int(odd.sum()))
    return values


def pointer(array):
    """To an array's own elements."""
    return FFI.from_buffer(f"{C_TYPES[array.dtype.name]}[]", array)


def wide(version):
    """The table of loops of one version."""
    return LIB.nc_wide_version(version)


def spans(parts):
    """nc_span[] of (idx, val or None)."""
    made = MEMORY.structs("nc_span", len(parts))
    for k, (idx, val) in enumerate(parts):
        made[k].idx = MEMORY.view("uint32_t", np.asarray(idx, dtype=np.uint32))
        made[k].count = len(idx)
        if val is not None:
            made[k].val = MEMORY.view("float", np.asarray(val, dtype=np.float32))
    return made


def pack_dense(weights, scale=1.0, *, masked=True):
    """nc_dense of weights (n_in, n_out)."""
    packed, mask, _ = dense_oracle(np.ascontiguousarray(weights.T))
    d = MEMORY.structs("nc_dense", 1)
    d[0].type, d[0].scale = TYPES[weights.dtype.name], scale
    d[0].n_in, d[0].n_out = weights.shape
    d[0].blocks, d[0].weights = packed.shape[0], MEMORY.view("void", packed)
    if masked:
        d[0].mask = MEMORY.view("uint64_t", mask)
        d[0].full = bool((weights != 0).all())
    return d


def events(rng, n, count):
    """`count` different sources, ascending."""
    return np.sort(rng.permutation(n)[:count]).astype(np.uint32)
