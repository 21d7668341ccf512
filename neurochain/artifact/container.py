"""safetensors files, written in slices and read by memory mapping.

Bytes: the length of the header (8 bytes, little-endian), the header (JSON, keys in order, padded
with spaces to a multiple of 8), then the tensors, one after the other: by dtype from wide to
narrow, then by name, as safetensors itself arranges them.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAPPED_FROM", "Tensors", "pieces", "read", "write"]

Tensors = Mapping[str, NDArray[Any]]

MAPPED_FROM = 1 << 24
"""Bytes from which on a file is mapped; smaller ones are read, and may be overwritten in place."""
MOST_HEADER = 100_000_000  # bytes, the limit safetensors itself sets
_PIECE = 1 << 24
_DTYPES: dict[str, Any] = {
    "U64": np.uint64,
    "I64": np.int64,
    "F64": np.float64,
    "C64": np.complex64,
    "F32": np.float32,
    "U32": np.uint32,
    "I32": np.int32,
    "F16": np.float16,
    "U16": np.uint16,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
"""In the order in which safetensors places them."""
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}


def write(stream: BinaryIO, tensors: Tensors, metadata: Mapping[str, str]) -> None:
    """Write the file, no tensor copied as a whole. Raises KeyError for a dtype without a name."""
    rank = {name: k for k, name in enumerate(_DTYPES)}
    order = sorted(tensors, key=lambda name: (rank[_NAMES[tensors[name].dtype]], name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at = 0
    for name in order:
        array = tensors[name]
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    stream.write(struct.pack("<Q", len(text)) + text)
    for name in order:
        for piece in pieces(tensors[name]):
            stream.write(piece)


def pieces(array: NDArray[Any]) -> Iterator[memoryview]:
    """The bytes of an array in order, a few MiB at a time; copied only where not contiguous."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    for start in range(0, flat.size, _PIECE):
        yield flat[start : start + _PIECE].data


def read(file: Path) -> tuple[Mapping[str, str], dict[str, NDArray[Any]]]:
    """Metadata and read-only tensors; those of large files are views of the mapped file.

    Raises OSError where it cannot be read; ValueError, KeyError or TypeError where it is no such
    file.
    """
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        if size >= MAPPED_FROM:
            data: Any = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        else:
            data = stream.read()
    (length,) = struct.unpack("<Q", data[:8])
    start = 8 + length
    if length > MOST_HEADER or start > len(data):
        raise ValueError("the header is longer than the file")
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__")
    _check_offsets(header, len(data) - start)
    return metadata, {name: _view(data, start, entry) for name, entry in header.items()}


def _check_offsets(header: Mapping[str, Any], size: int) -> None:
    """The tensors fill the file, without gap or overlap, each with the bytes its shape takes."""
    at = 0
    for entry in sorted(header.values(), key=lambda e: tuple(e["data_offsets"])):
        first, end = entry["data_offsets"]
        shape = entry["shape"]
        if not all(type(n) is int and n >= 0 for n in (*shape, first, end)):
            raise ValueError("a shape or an offset is no whole number")
        wanted = prod(shape) * np.dtype(_DTYPES[entry["dtype"]]).itemsize
        if first != at or end - first != wanted:
            raise ValueError(f"a tensor of {wanted} bytes is said to lie at {first} to {end}")
        at = end
    if at != size:
        raise ValueError(f"the tensors take {at} bytes, the file has {size}")


def _view(data: Any, start: int, entry: Mapping[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(_DTYPES[entry["dtype"]])
    count = prod(entry["shape"])
    array = np.frombuffer(data, dtype, count, start + entry["data_offsets"][0])
    if not array.flags.aligned:
        array = array.copy()
    array.setflags(write=False)
    return array.reshape(entry["shape"])
