"""Packed matrices written down in NumPy."""

import numpy as np

__all__ = ["dense_oracle"]

LIFT = {"int8": 128, "int16": 32768}


def dense_oracle(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Blocks of 64 targets and bits of nonzero weights as nc_kernel.h has them, largest sum."""
    n_out, n_in = weights.shape
    blocks, half = -(-n_out // 64), 32
    whole = np.zeros((blocks * 64, n_in), weights.dtype)
    whole[:n_out] = weights
    part = whole.reshape(blocks, 64, n_in).transpose(0, 2, 1)  # (block, source, column)
    bits = np.ascontiguousarray(np.packbits(part != 0, axis=2, bitorder="little"))
    bits = np.ascontiguousarray(bits.view("<u8")[:, :, 0].T)  # (source, block)
    if weights.dtype == np.float32:
        return np.ascontiguousarray(part), bits, 0
    out = np.empty_like(part)
    unsigned = np.dtype(weights.dtype.name.replace("int", "uint"))
    lifted = part[:, :, :half].astype(np.int32) + LIFT[weights.dtype.name]
    out[:, :, 0::2] = lifted.astype(unsigned).view(weights.dtype)
    out[:, :, 1::2] = part[:, :, half:]
    return out, bits, int(np.abs(weights.astype(np.int64)).sum(axis=1).max())
