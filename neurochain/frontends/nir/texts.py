"""Text of variable length, read from the file's bytes instead of through libhdf5.

Text lies in "global heaps"; a dataset holds (length, heap, number) for each value. libhdf5 (2.0 and
before) trusts all of that: a heap whose object has size 0 makes it loop for ever, a damaged length
makes it allocate and clear 4 GB. Here every number is checked against the file first.
"""

from __future__ import annotations

import mmap
import struct

__all__ = ["DESCRIPTOR_BYTES", "Texts", "layout_fault"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAP = b"GCOL\x01\x00\x00\x00"  # signature, version 1, reserved
_HEADER = 16
DESCRIPTOR_BYTES = 16  # length u32, address of the heap u64, number of the object u32


def layout_fault(data: mmap.mmap) -> str:
    """Why the file is not laid out as every NIR file is; "" where it is."""
    if data[:8] != _SIGNATURE or len(data) < 48:
        return "it does not begin with the signature of HDF5"
    sizes = data[13:15] if data[8] < 2 else data[9:11]
    return "" if sizes == b"\x08\x08" else f"its addresses have the sizes {list(sizes)}, not 8"


class Texts:
    """Reads text values out of the bytes of a file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.heaps: dict[int, dict[int, tuple[int, int]]] = {}
        self.steps = len(data) // _HEADER + 1  # heaps do not overlap, so all together have fewer

    def read(self, offset: int, count: int) -> list[bytes]:
        """Return `count` values whose descriptors begin at `offset`. Errors: ValueError."""
        if offset < 0 or offset + count * DESCRIPTOR_BYTES > len(self.data):
            raise ValueError("lies outside the file")
        return [self._value(offset + k * DESCRIPTOR_BYTES) for k in range(count)]

    def _value(self, place: int) -> bytes:
        length, heap, number = struct.unpack_from("<IQI", self.data, place)
        if length == 0:
            return b""
        if heap not in self.heaps:
            self.heaps[heap] = self._objects(heap)
        start, size = self.heaps[heap].get(number, (0, -1))
        if size != length:
            raise ValueError(f"names {length} bytes of text that are not there")
        return self.data[start : start + size].rstrip(b"\x00")

    def _objects(self, heap: int) -> dict[int, tuple[int, int]]:
        """Number -> (start, size) of a heap's objects; they must fill it without gap or loop."""
        damaged = ValueError(f"lies in a damaged heap at byte {heap}")
        if heap + _HEADER > len(self.data) or self.data[heap : heap + 8] != _HEAP:
            raise damaged
        (total,) = struct.unpack_from("<Q", self.data, heap + 8)
        if total > len(self.data) - heap:
            raise damaged
        objects: dict[int, tuple[int, int]] = {}
        place = _HEADER
        while place + _HEADER <= total:
            number, _, _, size = struct.unpack_from("<HHIQ", self.data, heap + place)
            step = size if number == 0 else _HEADER + (size + 7) // 8 * 8
            self.steps -= 1
            if step < _HEADER or place + step > total or self.steps < 0:
                raise damaged
            if number:
                objects[number] = (heap + place + _HEADER, size)
            place += step
        return objects
