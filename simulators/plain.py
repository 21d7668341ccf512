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
    NumPy's sums and comparisons then do, too. The kernel can put that aside on x86-64.

    Errors: UnsupportedError for a thread that takes subnormals for zero where it cannot.
    """
    from neurochain.simulators.event.kernel import kernel

    try:
        _, lib = kernel()
    except ImportError:
        _refuse_flushing()
        yield
        return
    before = lib.nc_plain_arithmetic()
    try:
        _refuse_flushing()
        yield
    finally:
        lib.nc_give_back(before)


def _refuse_flushing() -> None:
    if not np.any(_SUBNORMAL * np.float32(1)):
        raise UnsupportedError(
            Finding(
                where="this thread",
                what="takes subnormal numbers for zero, which changes results.",
                fix="Call torch.set_flush_denormal(False).",
            )
        )
