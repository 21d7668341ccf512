"""The compiled kernel, and buffers handed to it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Memory", "aligned_copy", "aligned_zeros", "kernel"]


CACHE_LINE = 64  # bytes
_DTYPES = {
    "float": np.float32,
    "int16_t": np.int16,
    "int32_t": np.int32,
    "int64_t": np.int64,
    "size_t": np.uintp,
    "uint8_t": np.uint8,
    "uint32_t": np.uint32,
    "uint64_t": np.uint64,
}


@cache
def kernel() -> tuple[Any, Any]:
    """(ffi, lib). Raises ImportError where the extension was not built."""
    from neurochain.simulators import _kernel

    return _kernel.ffi, _kernel.lib


def aligned_zeros(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Zeros that start at a cache line, so that vectors as long as one never straddle two.

    Of large arrays the system gives only the pages that are written.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    return _from_a_line(np.zeros(size + CACHE_LINE, dtype=np.uint8), size, dtype).reshape(shape)


def _from_a_line(raw: NDArray[np.uint8], size: int, dtype: Any) -> NDArray[Any]:
    """`size` bytes of an array that has CACHE_LINE more."""
    first = -raw.ctypes.data % CACHE_LINE
    line: NDArray[Any] = raw[first : first + size].view(dtype)
    return line


def aligned_copy(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers, contiguous, from the start of a cache line on."""
    copy = aligned_zeros(array.shape, array.dtype)
    copy[...] = array
    return copy


class Memory:
    """C pointers to NumPy arrays and small C arrays, all kept alive as long as this object."""

    def __init__(self) -> None:
        self.ffi, self.lib = kernel()
        self._kept: list[Any] = []
        self._unset: set[int] = set()

    def view(self, ctype: str, array: NDArray[Any]) -> Any:
        """Pointer to the elements of an array, copied where it is not contiguous or not aligned.

        `ctype` is the C element type ("void": that of the dtype); the caller sees to it that the
        dtype agrees.
        """
        element = _element(ctype, array)
        return self._keep(self.ffi.from_buffer(_array_of(element), _laid_out(array)))

    def owners(self) -> tuple[Any, ...]:
        """Every array that pointers were handed out to: C arrays with type and length."""
        return tuple(self._kept)

    def writable(self, ctype: str, array: NDArray[Any]) -> Any:
        """Pointer to the elements of a contiguous array that the kernel writes; as `view`."""
        element = _array_of(_element(ctype, array))
        return self._keep(self.ffi.from_buffer(element, array, require_writable=True))

    def scratch(self, ctype: str, count: int) -> Any:
        """Pointer to `count` zeroed elements (at least one is allocated)."""
        return self._keep(self.ffi.new(_array_of(ctype), max(count, 1)))

    def zeros(self, ctype: str, count: int) -> Any:
        """The same, from the start of a cache line on."""
        return self.writable(ctype, aligned_zeros((max(count, 1),), _DTYPES[ctype]))

    def unset(self, ctype: str, count: int) -> Any:
        """The same, of any value: nothing is read before it is written."""
        size = max(count, 1) * np.dtype(_DTYPES[ctype]).itemsize
        raw = np.empty(size + CACHE_LINE, dtype=np.uint8)
        owner = self.writable(ctype, _from_a_line(raw, size, _DTYPES[ctype]))
        self._unset.add(id(owner))
        return owner

    def is_unset(self, owner: Any) -> bool:
        """Whether one of `owners` came from `unset`: what it holds means nothing."""
        return id(owner) in self._unset

    def _keep(self, owner: Any) -> Any:
        self._kept.append(owner)  # it holds its array in turn
        return owner

    def new(self, ctype: str, values: Iterable[Any]) -> Any:
        """A C array of the given values ("uint32_t[]", "float *[]", ...)."""
        items = list(values)
        return self._keep(self.ffi.new(ctype, items if items else 1))

    def structs(self, ctype: str, count: int) -> Any:
        """A zeroed array of `count` structures (at least one is allocated)."""
        return self._keep(self.ffi.new(_array_of(ctype), max(count, 1)))


def _element(ctype: str, array: NDArray[Any]) -> str:
    """The C element type; for "void" that of the dtype."""
    if ctype != "void":
        return ctype
    return "float" if array.dtype == np.float32 else f"{array.dtype.name}_t"


def _laid_out(array: NDArray[Any]) -> NDArray[Any]:
    """The same elements, contiguous and aligned (a mapped file may begin anywhere)."""
    whole = np.ascontiguousarray(array)
    return whole if whole.flags.aligned else whole.copy()


def _array_of(ctype: str) -> str:
    return f"{ctype}[]"
