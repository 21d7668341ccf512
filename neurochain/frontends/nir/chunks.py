"""Arrays in compressed chunks, inflated here and not by libhdf5.

libhdf5 inflates a chunk into a buffer that it doubles until the stream ends, whatever the chunk's
size is said to be, and takes a chunk of any size for a dataset of a few numbers: a file of 1 MB
makes it allocate gigabytes. Here a chunk gives the bytes its shape says, or is refused.
"""

from __future__ import annotations

import mmap
import zlib
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEFLATE", "SHUFFLE", "read_chunks"]

DEFLATE = 1
SHUFFLE = 2
MAX_CHUNKS = 200_000
"""Of one array; nir.write makes chunks of 8 KB and more."""
SMALL_CHUNK = 1 << 16
"""Bytes that a chunk may have however small its dataset is."""


def read_chunks(
    data: mmap.mmap, dataset: Any, chunk: tuple[int, ...], filters: tuple[int, ...]
) -> NDArray[Any]:
    """The array of a chunked dataset whose filters are among shuffle and deflate, in this order.

    `data` holds the file's bytes. Errors: ValueError with what is wrong.
    """
    shape, dtype = dataset.shape, dataset.dtype
    size = prod(chunk) * dtype.itemsize
    if size > SMALL_CHUNK and size > 2 * prod(shape) * dtype.itemsize:
        raise ValueError(f"has chunks of {size} bytes, more than it holds")
    steps = [range(0, n, c) for n, c in zip(shape, chunk, strict=True)]
    count = prod(map(len, steps))
    if count > MAX_CHUNKS:
        raise ValueError(f"has {count} chunks; at most {MAX_CHUNKS} are read")
    wanted = set(product(*steps))
    values = np.empty(shape, dtype=dtype)
    for found in _chunks(dataset, len(wanted)):
        if found.chunk_offset not in wanted or found.filter_mask:
            raise ValueError("has a damaged list of chunks")
        wanted.remove(found.chunk_offset)
        end = found.byte_offset + found.size
        if end > len(data):
            raise ValueError("has a chunk that lies outside the file")
        block = _decoded(data[found.byte_offset : end], size, dtype.itemsize, filters)
        part = np.frombuffer(block, dtype=dtype).reshape(chunk)
        place = tuple(slice(o, o + c) for o, c in zip(found.chunk_offset, chunk, strict=True))
        target = values[place]
        target[...] = part[tuple(slice(0, n) for n in target.shape)]
    if wanted:
        raise ValueError(f"lacks {len(wanted)} of its chunks")
    return values


def _chunks(dataset: Any, most: int) -> list[Any]:
    """Where the chunks lie; a list that does not end is cut off."""
    found: list[Any] = []

    def take(chunk: Any) -> bool | None:
        found.append(chunk)
        return True if len(found) > most else None

    dataset.id.chunk_iter(take)
    if len(found) > most:
        raise ValueError("has a damaged list of chunks")
    return found


def _decoded(raw: bytes, size: int, itemsize: int, filters: tuple[int, ...]) -> bytes:
    """The `size` bytes of a chunk. Errors: ValueError."""
    if DEFLATE in filters:
        inflate = zlib.decompressobj()
        try:
            raw = inflate.decompress(raw, size + 1)
        except zlib.error as error:
            raise ValueError(f"has a damaged chunk ({error})") from error
    if len(raw) != size:
        more = "more" if len(raw) > size else "other"
        raise ValueError(f"has a chunk that holds {more} than its {size} bytes")
    if SHUFFLE in filters and itemsize > 1:
        return np.frombuffer(raw, dtype=np.uint8).reshape(itemsize, -1).T.tobytes()
    return raw
