"""Inputs as event lists: indices and values, frame after frame; from arrays or as given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.inputs.event_frames import EventFrames
from neurochain.inputs.parts import PART, contiguous
from neurochain.network import F32, I64
from neurochain.simulators.event.kernel import Memory

__all__ = ["Frames"]

_MINUS_ZERO = np.uint32(0x80000000)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """Events of many frames: frame f has idx (and val) from start[f] to start[f + 1].

    start (frames + 1,) int64, idx (events,) uint32 ascending within a frame. Where every element is
    +0 or 1 that is all; otherwise val (events,) float32 and dense, the array itself, which only
    maxima read.
    """

    start: I64
    idx: NDArray[np.uint32]
    val: F32 | None
    dense: F32 | None

    @classmethod
    def of(cls, array: F32) -> Frames:
        """array (..., n) float32; every leading axis counts as frames."""
        n = max(array.shape[-1], 1)
        flat = contiguous(array, np.float32).reshape(-1)
        parts = [flat[first : first + PART] for first in range(0, flat.size, PART)]
        events = sum(np.count_nonzero(part) for part in parts)
        idx, val = np.empty(events, dtype=np.uint32), np.empty(events, dtype=np.float32)
        start = np.zeros(flat.size // n + 1, dtype=np.int64)
        binary, end = True, 0
        for k, part in enumerate(parts):
            places, first = np.flatnonzero(part), k * PART
            frames = slice(-(-first // n), (first + part.size - 1) // n + 1)  # that begin here
            start[frames] = end + np.searchsorted(
                places, np.arange(frames.start, frames.stop) * n - first
            )
            here = slice(end, end + places.size)
            idx[here], val[here], end = (places + first) % n, part[places], here.stop
            ones = bool((val[here] == 1).all())
            binary = binary and ones and not (part.view(np.uint32) == _MINUS_ZERO).any()
        start[flat.size // n :] = end
        return cls(
            start=start,
            idx=idx,
            val=None if binary else val,
            dense=None if binary else flat,
        )

    @classmethod
    def given(cls, events: EventFrames, *, dense: bool) -> Frames:
        """The same from event lists; `dense`: what has values is wanted as an array, too."""
        val = events.value
        if val is not None and (val == 1).all():
            val = None
        whole = events.dense().reshape(-1) if dense and val is not None else None
        return cls(start=events.start, idx=events.index, val=val, dense=whole)

    def array(self, frames: I64, n: int) -> F32:
        """Some frames as an array (frames, n)."""
        if self.dense is not None:
            return self.dense.reshape(-1, n)[frames]
        array = np.zeros((frames.size, n), dtype=np.float32)
        for row, f in enumerate(frames):
            events = slice(self.start[f], self.start[f + 1])
            array[row, self.idx[events]] = 1 if self.val is None else self.val[events]
        return array

    def pack(self, memory: Memory, into: Any) -> None:
        """Fill one nc_frames."""
        values = {
            "start": memory.view("int64_t", self.start),
            "idx": memory.view("uint32_t", self.idx),
        }
        if self.val is not None:
            values["val"] = memory.view("float", self.val)
        if self.dense is not None:
            values["dense"] = memory.view("float", self.dense)
        for name, pointer in values.items():
            setattr(into, name, pointer)
        into.frames, into.events = self.start.size - 1, self.idx.size
