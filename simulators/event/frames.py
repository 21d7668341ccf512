"""Inputs as event lists: indices and values, frame after frame; from arrays or as given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.inputs.event_frames import EventFrames
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
        n = array.shape[-1]
        flat = np.ascontiguousarray(array, dtype=np.float32).reshape(-1)
        places = np.flatnonzero(flat)
        start = np.searchsorted(places, np.arange(0, flat.size + 1, max(n, 1)))
        val = flat[places]
        binary = bool((val == 1).all()) and not (flat.view(np.uint32) == _MINUS_ZERO).any()
        return cls(
            start=start.astype(np.int64),
            idx=(places % max(n, 1)).astype(np.uint32),
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
