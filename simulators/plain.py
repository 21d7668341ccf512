"""Arithmetic in which subnormal numbers count, whatever the caller's thread is set to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from neurochain.errors import Finding, UnsupportedError

__all__ = ["plain_arithmetic"]

_SUBNORMAL = np.full(1, 2.0**-149, dtype=np.float32)


@contextmanager
def plain_arithmetic() -> Iterator[None]:
    """Subnormal numbers count while this lasts, in this thread.

    Callers may have asked the processor to take them for zero (torch.set_flush_denormal), which
    NumPy's sums and comparisons then do, too. Without the kernel nothing can be put aside.

    Errors: UnsupportedError for a thread that takes subnormals for zero, without the kernel.
    """
    from neurochain.simulators.event.kernel import kernel

    try:
        _, lib = kernel()
    except ImportError:
        if not np.any(_SUBNORMAL * np.float32(1)):
            raise UnsupportedError(
                Finding(
                    where="this thread",
                    what="takes subnormal numbers for zero, which changes results.",
                    fix="Call torch.set_flush_denormal(False), or build the kernel.",
                )
            ) from None
        yield
        return
    before = lib.nc_plain_arithmetic()
    try:
        yield
    finally:
        lib.nc_give_back(before)
