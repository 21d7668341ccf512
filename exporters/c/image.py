"""Memory of the event engine -> C definitions: the packed network as static data.

What `pack` and `prepare` build for the kernel are C structures that point at arrays. Each array is
an owner in a `Memory`, with a type and a length, so that the whole web can be written down from one
pointer, without a list of its fields: a field added to the kernel's headers is in it as well.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isinf, isnan
from typing import Any

import numpy as np

from neurochain.errors import InternalError
from neurochain.simulators.event.kernel import Memory

__all__ = ["Image", "Region", "c_string", "float_text"]

_VALUES_A_LINE = 12
_ALIGNMENT = 16
"""Bytes; enough for any element and for a vector of four floats."""

_LITERAL = {
    "int64_t": "INT64_C({})",
    "uint64_t": "UINT64_C({})",
    "uint32_t": "{}u",
}
_DTYPES = {
    "float": np.float32,
    "int8_t": np.int8,
    "int16_t": np.int16,
    "int32_t": np.int32,
    "int64_t": np.int64,
    "size_t": np.uintp,
    "uint8_t": np.uint8,
    "uint16_t": np.uint16,
    "uint32_t": np.uint32,
    "uint64_t": np.uint64,
}


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One array of the image.

    start, size   address and bytes on this machine
    item          C type of an element
    constant      never written while the network runs
    unset         holds nothing that is read before it is written: written down as zeros
    """

    start: int
    size: int
    item: str
    length: int
    constant: bool
    unset: bool
    owner: Any = field(repr=False)


class Image:
    """Collects the arrays that are reached from roots, and writes them as C.

    The C compiler lays structures out anew, so pointers may have another size there.
    """

    def __init__(self, prefix: str, constant: Memory, mutable: Memory) -> None:
        """`constant` owns what is only read, `mutable` all else; `prefix` begins every C name."""
        self._ffi = constant.ffi
        self._prefix = prefix
        self._regions = _regions_of(constant, mutable)
        self._starts = [region.start for region in self._regions]
        self._names: dict[
            int, str
        ] = {}  # by address; numbered as they are reached: same text always
        self._definitions: list[str] = []  # C text, each after what it points at

    def root(self, pointer: Any) -> str:
        """C expression that points where `pointer` does; all that it reaches gets defined."""
        return self._pointer(self._ffi.typeof(pointer).item, pointer)

    def region_at(self, pointer: Any) -> Region:
        """The array that a pointer points into.

        Errors: InternalError where it belongs to neither memory.
        """
        address = int(self._ffi.cast("uintptr_t", pointer))
        k = bisect_right(self._starts, address) - 1
        if k >= 0 and address <= self._regions[k].start + max(self._regions[k].size - 1, 0):
            return self._regions[k]
        raise InternalError(f"the image of the network has a pointer to nowhere ({pointer}).")

    def reached(self) -> list[Region]:
        """The arrays that are defined."""
        return [region for region in self._regions if region.start in self._names]

    def definitions(self) -> Iterator[str]:
        """All arrays reached so far, each after what it points at."""
        return iter(self._definitions)

    def _pointer(self, item: Any, pointer: Any) -> str:
        region = self.region_at(pointer)
        name = self._names.get(region.start)
        if name is None:
            name = self._names[region.start] = f"{self._prefix}_{len(self._names)}"
            self._define(region, name)
        offset = int(self._ffi.cast("uintptr_t", pointer)) - region.start
        width = region.size // max(region.length, 1)
        if width and offset % width:
            raise InternalError(f"a pointer into {name} is {offset} bytes off an element.")
        place = name + (f" + {offset // width}" if offset else "")
        if item.cname == region.item and not region.constant:
            return place
        return (
            f"({item.cname} *)({place})"  # also where const is lost: the kernel does not write it
        )

    def _define(self, region: Region, name: str) -> None:
        qualifier = "static const" if region.constant else "static"
        if region.item in _DTYPES:  # sums of floats are also used as sums of 64-bit integers
            qualifier += f" _Alignas({_ALIGNMENT})"
        head = f"{qualifier} {region.item} {name}[{max(region.length, 1)}]"
        values = list(self._values(region))
        text = "" if not values and not region.constant else " = {0}"
        if values:
            rows = (values[k : k + _VALUES_A_LINE] for k in range(0, len(values), _VALUES_A_LINE))
            text = " = {\n" + "".join(f"    {', '.join(row)},\n" for row in rows) + "}"
        self._definitions.append(f"{head}{text};")

    def _values(self, region: Region) -> Iterable[str]:
        """Initialisers of the elements, without the zeros at the end; none where all are zero."""
        if region.unset:
            return []
        dtype = _DTYPES.get(region.item)
        if dtype is not None:
            buffer = self._ffi.buffer(self._ffi.cast("char *", region.start), region.size)
            return _numbers(region.item, np.frombuffer(buffer, dtype=dtype, count=region.length))
        array = self._ffi.cast(f"{region.item} *", region.start)
        item = self._ffi.typeof(array).item
        if item.kind == "pointer":
            values = [self._value(item, array[k]) for k in range(region.length)]
            return values if set(values) != {"NULL"} else []
        return [self._struct(item, array[k]) for k in range(region.length)]

    def _struct(self, ctype: Any, value: Any) -> str:
        """Designated initialisers of what is not zero."""
        parts = []
        for name, member in ctype.fields:
            text = self._value(member.type, getattr(value, name))
            if text not in ("0", "0u", "NULL", "0x0.0p+0f", "INT64_C(0)", "UINT64_C(0)", "{0}"):
                parts.append(f".{name} = {text}")
        return "{" + ", ".join(parts) + "}" if parts else "{0}"

    def _value(self, ctype: Any, value: Any) -> str:
        if ctype.kind == "pointer":
            return "NULL" if value == self._ffi.NULL else self._pointer(ctype.item, value)
        if ctype.kind == "struct":
            return self._struct(ctype, value)
        if ctype.kind == "array":
            texts = [self._value(ctype.item, element) for element in value]
            return "{" + ", ".join(texts) + "}" if set(texts) - {"0", "0u", "{0}"} else "{0}"
        if ctype.kind == "enum":
            return str(int(value))
        return _number(ctype.cname, value)


def _regions_of(constant: Memory, mutable: Memory) -> list[Region]:
    """Every array of both memories by address; arrays that two owners share count once."""
    found: dict[int, tuple[int, str, int, bool, Any]] = {}
    for memory, only_read in ((constant, True), (mutable, False)):
        for owner in memory.owners():
            item = memory.ffi.typeof(owner).item.cname
            start = int(memory.ffi.cast("uintptr_t", memory.ffi.cast("void *", owner)))
            entry = (memory.ffi.sizeof(owner), item, len(owner), only_read, owner)
            known = found.get(start)
            if known is None or known[0] < entry[0]:
                found[start] = entry
            elif known[1] != item and entry[0]:
                raise InternalError(f"an array of {known[1]} is also one of {item}.")
    return [
        Region(start, size, item, length, only_read, mutable.is_unset(owner), owner)
        for start, (size, item, length, only_read, owner) in sorted(found.items())
    ]


def _numbers(ctype: str, values: Any) -> list[str]:
    bits = values.view(np.uint8).reshape(len(values), -1) if len(values) else values
    live = np.flatnonzero(bits.any(axis=1)) if len(values) else values  # -0 is not 0
    return [_number(ctype, v) for v in values[: live[-1] + 1].tolist()] if len(live) else []


def _number(ctype: str, value: Any) -> str:
    if ctype == "float":
        return float_text(value)
    if ctype == "int64_t" and value == -(2**63):
        return "INT64_MIN"
    return _LITERAL.get(ctype, "{}").format(int(value))


def c_string(text: str) -> str:
    """A string literal of its UTF-8 bytes; in octal what could end it, or begin a trigraph."""
    plain = (chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in text.encode())
    return f'"{"".join(plain)}"'


def float_text(value: float) -> str:
    """The very bits: hexadecimal, which loses none. A NaN keeps no payload, and needs none."""
    if isnan(value):
        return '__builtin_nanf("")'
    if isinf(value):
        return "-__builtin_inff()" if value < 0 else "__builtin_inff()"
    return f"{value.hex()}f"
